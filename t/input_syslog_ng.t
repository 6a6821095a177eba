# Real syslog through the real syslog-ng, with the shipped configuration:
# every message reaches the webhook as it was, whatever MUTT answers in between.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use JSON::XS;
use Mutt::Ports;
use Mutt::Process;
use Mutt::Test;
use POSIX ();
use Test::More;

my $t = Mutt::Test->new()
    ->has(qw(redis postgres nginx sink alerter forwarder))->plan(22);

# as fast as it comes, and no alert is shed
$t->env(MOOG_RATE_LIMIT => 10_000, ALERTER_QUEUE_SHED_THRESHOLD => 1_000_000);
$t->proxy('nginx');
$t->run();
$t->rule(match_string => 'page');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 10);

###############################################################################

my $dir = $t->dir();
my $shipped = do {
    local $/;
    open my $file, '<',
        "$FindBin::Bin/../packaging/inputs/syslog-ng/mutt.conf" or die $!;
    <$file>;
};

# A syslog-ng with the shipped file, filled in as an operator would, and
# changed by a function when one is given.
sub daemon {
    my ($name, $url, $change) = @_;
    my $own = "$dir/$name";
    my $port = Mutt::Ports::take();

    local $_ = $shipped;

    mkdir $own;
    s/^(\@define mutt_url) .*/$1 "$url"/m;
    s/^(\@define mutt_key) .*/$1 "@{[ $t->key('ingest') ]}"/m;
    s/^(\@define mutt_buffer_dir) .*/$1 "$own"/m;
    $change->() if $change;

    open my $conf, '>', "$own/syslog-ng.conf" or die $!;
    print $conf <<"EOC";
\@version: 3.38
options { keep-hostname(yes); };
$_
source s_test {
    syslog(ip(127.0.0.1) port($port) transport("tcp") log-iw-size(1000)
        max-connections(10));
};
log { source(s_test); destination(d_mutt); flags(flow-control); };
EOC
    close $conf;

    my $process = Mutt::Process->new(name => $name, log => "$own/log",
        command => [ 'syslog-ng', '-F', '-e', '-f', "$own/syslog-ng.conf",
            '--persist-file', "$own/persist", '--pidfile', "$own/pid",
            '--control', "$own/ctl" ]);

    $process->{port} = $port;
    return $process;
}

# Starts it; returns a connection.
sub started {
    my ($process) = @_;
    my $socket;

    $process->start();
    ok($t->wait_for(sub { $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $process->{port}) }, 20),
        "$process->{name} runs") or diag($process->log_text());
    return $socket;
}

# RFC 5424, framed by its length as RFC 6587 has it
sub frame {
    my ($severity, $text) = @_;
    my $frame = sprintf '<%d>1 2026-11-20T10:00:00.123456Z core-r1 app 1 - - %s',
        23 * 8 + $severity, $text;

    return length($frame) . " $frame";
}

# waits for the webhook to have had $n alerts
sub arrived {
    my ($n, $title) = @_;

    ok($t->wait_for(sub { $t->sink_stats()->{distinct} == $n }, 60), $title)
        or diag($t->sink_stats()->{distinct} . " of $n",
            map { "\n$_" } grep { /drop/ } slurp(glob "$dir/*/log"));
}

sub slurp {
    local @ARGV = @_;
    return <>;
}

sub nginx_count {
    my ($labels) = @_;

    return $t->metrics('nginx')->{"mutt_ingest_requests_total{$labels}"} // 0;
}

###############################################################################
# A server that refuses for all reasons it can have, then takes the batch.
# What is answered 400 is dropped, and nothing else.

my @refusals = (413, 415, 422, 401, 429, 508);
my $refusals_port = Mutt::Ports::take();
my $refuser = Mutt::Process->new(name => 'refuser', log => "$dir/refuser.log",
    command => [ $^X, '-e', <<'EOP', $refusals_port, @refusals ]);
use strict;
use warnings;
use IO::Socket::INET;

my $port = shift;
my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1',
    LocalPort => $port, ReuseAddr => 1) or die "listen: $@\n";

$| = 1;

while (my $client = $server->accept()) {
    my ($body, $length) = ('', 0);

    while (my $line = <$client>) {
        $length = $1 if $line =~ /^content-length: (\d+)/i;
        last if $line eq "\r\n";
    }
    read $client, $body, $length;

    my $code = $body =~ /refuse me/ ? 400 : shift // 200;

    print "$code $body\n";
    print $client "HTTP/1.1 $code It\r\nContent-Length: 0\r\n"
        . "Connection: close\r\n\r\n";
}
EOP

$refuser->start();

my $refused = daemon('refused', "http://127.0.0.1:$refusals_port/",
    sub { s/time-reopen\(2\)/time-reopen(1)/ });
my $refused_socket = started($refused);

print $refused_socket frame(3, 'refuse me');

###############################################################################
# as it was

my $daemon = daemon('syslog-ng', 'http://127.0.0.1:'
    . $t->port('nginx-proxy') . '/api/v2/ingest');
my $socket = started($daemon);
my @texts = ('page plain', 'page "quoted" \\ back\\slash', "page \x{e9}\x{4e2d}",
    "page two\nlines", 'page {"json":[1,2]}', 'page <b>%s%n$(id)</b>');

for my $text (@texts) {
    my $bytes = $text;

    utf8::encode($bytes);
    print $socket frame(3, $bytes);
}

# no UTF-8 at all
print $socket frame(3, "page latin \xe9t\xe9");
push @texts, 'page latin \xe9t\xe9';
arrived(scalar @texts, 'the messages are at the webhook');

my @alerts = map { JSON::XS->new->decode($_) } @{ $t->sink_stats()->{last} };
my %by_text = map { $_->{description} => $_ } @alerts;

is_deeply([ sort keys %by_text ], [ sort @texts ], 'each as it was');
is($by_text{'page plain'}{source_id}, 'core-r1', 'with its host');
is($by_text{'page plain'}{severity}, 4, 'with its severity');
is($by_text{'page plain'}{agent_time}, 1795168800, 'with its time');
is($by_text{'page plain'}{custom_info}{event}{program}, 'app',
    'with its program');

my $n = @texts;

###############################################################################
# a batch, an answer that is lost, and an outage with a restart in the middle

my $success = 'status="success",reason=""';

print $socket frame(4, "page $_ of a batch") for 1 .. 100;
arrived($n += 100, 'a batch of a hundred arrives');
cmp_ok(nginx_count($success), '<', 60, 'in few requests');

my $requests = nginx_count($success);

$t->fault('nginx', 'cut-after', 1);
print $socket frame(4, 'page with a lost answer');
ok($t->wait_for(sub { nginx_count($success) >= $requests + 2 }, 20),
    'what is not answered is sent again');
arrived($n += 1, 'and is one event');

$t->stop('redis');
print $socket frame(4, "page $_ of an outage") for 1 .. 50;
$t->wait_for(sub { nginx_count('status="fail",reason="redis"') > 0 }, 10);
$daemon->stop();
$socket = started($daemon);
$t->start('redis');
arrived($n += 50, 'what an outage refused arrives after it');

###############################################################################
# a full buffer

$daemon->stop();
$daemon = daemon('full', 'http://127.0.0.1:' . $t->port('nginx')
    . '/api/v2/ingest', sub {
        s/disk-buf-size\(\d+\)/disk-buf-size(1048576)/;
        s/mem-buf-size\(\d+\)/mem-buf-size(262144)/;
    });
$t->stop('nginx');
$socket = started($daemon);

# a sender of its own, since it has to wait
my $sender = fork() // die "fork: $!\n";

if ($sender == 0) {
    print $socket frame(4, "page $_ of a flood " . 'x' x 300) for 1 .. 3000;
    $socket->flush();
    POSIX::_exit(0);
}

close $socket;
$t->wait_for(sub { (map { -s } glob "$dir/full/*.rqf")[0] > 600_000 }, 10,
    'the buffer fills');
$t->start('nginx');
arrived($n += 3000, 'and its senders wait until there is room');
waitpid $sender, 0;
is($t->ledger()->{difference}, 0, 'the ledger balances');
is(system('logger', '--server', '127.0.0.1', '--port', $daemon->{port}, '--tcp',
    '--octet-count', '--rfc5424', '-p', 'local7.err', '-t', 'test', 'page me'),
    0, 'logger sends a message');
arrived($n += 1, 'which arrives');
$daemon->stop();

###############################################################################

print $refused_socket frame(3, 'take me');
ok($t->wait_for(sub { $refuser->log_text() =~ /^200/m }, 30),
    'what is refused in every way is taken in the end');

my @seen = $refuser->log_text() =~ /^(\d+) /mg;

is("@seen", "400 @refusals 200", 'and only a 400 is not repeated');
$refused->stop();
$refuser->stop();
