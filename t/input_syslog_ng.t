# Real syslog through the real syslog-ng, with the shipped configuration:
# every message reaches the webhook as it was.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use JSON::XS;
use Mutt::Ports;
use Mutt::Process;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()
    ->has(qw(redis postgres nginx sink alerter forwarder))->plan(11);

$t->env(MOOG_RATE_LIMIT => 10_000);
$t->run();
$t->rule(match_string => 'page');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 10);

###############################################################################

my $dir = $t->dir();
my $port = Mutt::Ports::take();
my $shipped = do {
    local $/;
    open my $file, '<',
        "$FindBin::Bin/../packaging/inputs/syslog-ng/mutt.conf" or die $!;
    <$file>;
};
my $url = 'http://127.0.0.1:' . $t->port('nginx') . '/api/v2/ingest';

# what an operator fills in
$shipped =~ s/^(\@define mutt_url) .*/$1 "$url"/m;
$shipped =~ s/^(\@define mutt_key) .*/$1 "@{[ $t->key('ingest') ]}"/m;
$shipped =~ s/^(\@define mutt_buffer_dir) .*/$1 "$dir"/m;

open my $conf, '>', "$dir/syslog-ng.conf" or die $!;
print $conf <<"EOC";
\@version: 3.38
options { keep-hostname(yes); };
$shipped
source s_test { syslog(ip(127.0.0.1) port($port) transport("tcp")); };
log { source(s_test); destination(d_mutt); };
EOC
close $conf;

my $daemon = Mutt::Process->new(name => 'syslog-ng', log => "$dir/syslog-ng.log",
    command => [ 'syslog-ng', '-F', '-f', "$dir/syslog-ng.conf",
        '--persist-file', "$dir/syslog-ng.persist", '--pidfile',
        "$dir/syslog-ng.pid", '--control', "$dir/syslog-ng.ctl" ]);

$daemon->start();

my $socket;

ok($t->wait_for(sub { $socket = IO::Socket::INET->new(
    PeerAddr => '127.0.0.1', PeerPort => $port) }, 20), 'syslog-ng runs')
    or diag($daemon->log_text());

# RFC 5424, framed by its length as RFC 6587 has it
sub send_message {
    my ($severity, $text, $host) = @_;
    my $frame = sprintf '<%d>1 2026-11-20T10:00:00.123456Z %s app 1 - - %s',
        23 * 8 + $severity, $host // 'core-r1', $text;

    print $socket length($frame) . " $frame";
}

my @texts = ('page plain', 'page "quoted" \\ back\\slash', "page \x{e9}\x{4e2d}",
    "page two\nlines", 'page {"json":[1,2]}', 'page <b>%s%n$(id)</b>');

for my $text (@texts) {
    my $bytes = $text;

    utf8::encode($bytes);
    send_message(3, $bytes);
}

ok($t->wait_for(sub { $t->sink_stats()->{distinct} == @texts }, 20),
    'the messages are at the webhook') or diag($daemon->log_text());

my @alerts = map { JSON::XS->new->decode($_) } @{ $t->sink_stats()->{last} };
my %by_text = map { $_->{description} => $_ } @alerts;

is_deeply([ sort keys %by_text ], [ sort @texts ], 'each as it was');
is($by_text{'page plain'}{source_id}, 'core-r1', 'with its host');
is($by_text{'page plain'}{severity}, 4, 'with its severity');
is($by_text{'page plain'}{agent_time}, 1795168800, 'with its time');
is($by_text{'page plain'}{custom_info}{event}{program}, 'app',
    'with its program');

###############################################################################
# a batch, and an outage in the middle

send_message(4, "page $_ of a batch") for 1 .. 100;
ok($t->wait_for(sub { $t->sink_stats()->{distinct} == @texts + 100 }, 20),
    'a batch of a hundred arrives');
cmp_ok($t->metrics('nginx')
    ->{'mutt_ingest_requests_total{status="success",reason=""}'}, '<', 60,
    'in few requests');

$t->stop('redis');
send_message(4, "page $_ of an outage") for 1 .. 50;
$t->wait_for(sub { ($t->metrics('nginx')
    ->{'mutt_ingest_requests_total{status="fail",reason="redis"}'} // 0) > 0 },
    10);
$t->start('redis');
ok($t->wait_for(sub { $t->sink_stats()->{distinct} == @texts + 150 }, 30),
    'what an outage refused arrives after it') or diag($daemon->log_text());
is($t->ledger()->{difference}, 0, 'the ledger balances');
$daemon->stop();
