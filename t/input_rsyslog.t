# rsyslog's omhttp with the shipped configuration: the bodies that it posts, byte
# for byte, and, where there is an rsyslogd with omhttp, the real one through
# what MUTT can answer.  Debian 12's has none; another one is named by
#
#     MUTT_RSYSLOGD='/path/to/rsyslogd -M /path/to/modules' prove t/input_rsyslog.t

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

my $t = Mutt::Test->new()->has(qw(redis nginx))->plan(26);

$t->conf(<<'EOC');
location / { mutt_ingest; mutt_health; mutt_metrics; }
location = /ingest {
    mutt_limit_status  503;
    mutt_malformed     dead-letter;
    mutt_ingest;
}
EOC
$t->run();

my $shipped = do {
    local $/;
    open my $file, '<', "$FindBin::Bin/../packaging/inputs/rsyslog/mutt.conf"
        or die $!;
    <$file>;
};

sub ledger { return $t->ledger()->{accepted} // 0 }

sub queued {
    return map { decode_json($_) } $t->redis('lrange', 'mutt:ingest_queue', 0,
        -1);
}

###############################################################################
# as recorded from omhttp 8.2302: batches, and what comes again, one by one

sub message {
    my ($id, $text) = @_;

    return '{"event_id":"6AC18534-83F5-4753-8A22-489433EE5B' . $id
        . '", "hostname":"core-r1", "message":"' . $text
        . '", "timestamp":"2026-11-21T11:01:03.067440+00:00",'
        . ' "syslog_severity":"3", "facility":"local7", "program":"app",'
        . ' "source_ip":"192.0.2.7", "source_type": "syslog"}' . "\n";
}

sub post {
    my ($type, $body) = @_;

    return $t->http('POST', '/ingest', $body, 'Accept' => '*/*',
        'Content-Type' => $type, 'X-API-KEY' => $t->key('ingest'));
}

my @batch = map { message("1$_", "link \\\"$_\\\" down\\\\ caf\xc3\xa9") } 1 .. 3;
my $r = post('application/x-ndjson', join "\n", @batch);

is($r->{json}{accepted}, 3, 'a batch is taken');

my ($event) = grep { $_->{message} =~ /"3"/ } queued();

is($event->{message}, "link \"3\" down\\ caf\x{e9}", 'the message is intact');
is($event->{syslog_severity}, 3, 'the severity is a number');
is($event->{_event_id}, '6ac18534-83f5-4753-8a22-489433ee5b13',
    'the event has rsyslog\'s id');

is(post('text/plain', $batch[0])->{json}{duplicate}, JSON::XS::true,
    'what comes again is known');
is(ledger(), 3, 'and is no second event');

$r = post('application/x-ndjson', join "\n", message('21', ''), message('22',
    'good'), '{"cut":', message('23', 'fine'));
is($r->{code}, 200, 'bad ones in a batch are no reason to repeat it');
is("$r->{json}{accepted} $r->{json}{rejected}", '2 2', 'nor to lose the good');
is(post('text/plain', message('24', ''))->{code}, 200,
    'a bad one alone is not repeated either');
is($t->redis('llen', 'mutt:dlq:rejected'), 3, 'all of them are kept');

# what comes again must not be made an event once more
my ($again) = $shipped =~ /^ruleset\(name="mutt_again".*?^\}/ms ? $& : '';

like($again, qr/template="mutt_again"/, 'what comes again has its own template');
like($shipped, qr/^template\(name="mutt_again" type="string" string="%rawmsg%"\)/m,
    'which adds nothing');
unlike($again, qr/\bretry=/, 'and is not put in again by omhttp');

###############################################################################
# the real one

my @rsyslogd = split ' ', $ENV{MUTT_RSYSLOGD} // 'rsyslogd';
my $dir = $t->dir();

sub put {
    my ($name, $text) = @_;

    open my $file, '>', "$dir/$name" or die "$name: $!\n";
    print $file $text;
    close $file;
}

put('probe.conf', <<'EOC');
module(load="omhttp")
action(type="omfile" file="/dev/null")
EOC

SKIP: {
    skip 'no rsyslogd with omhttp', 13
        if system("@rsyslogd -N1 -f $dir/probe.conf >$dir/probe.log 2>&1") != 0;

    real();
}

# the local ports of connections, in hexadecimal
sub connections {
    open my $file, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!\n";
    return map { /^\s*\d+: \w+:(\w+) \w+:\w+ 0[18] / } <$file>;
}

sub real {
    my $port = Mutt::Ports::take();
    my $hex = sprintf '%04X', $port;

    # what an operator fills in
    $shipped =~ s/serverport="8080"/'serverport="' . $t->port('nginx') . '"'/ge;
    $shipped =~ s/put-the-ingest-key-here/$t->key('ingest')/ge;
    # so that the test does not wait for long
    $shipped =~ s/(?<=resumeInterval=")\d+/1/g;

    mkdir "$dir/rsyslog";
    put('rsyslog.conf', <<"EOC" . $shipped);
global(workDirectory="$dir/rsyslog")
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="$port")
if \$inputname == "rsyslogd" then {
    action(type="omfile" file="$dir/rsyslog/own.log")
    stop
}
EOC

    my $daemon = Mutt::Process->new(name => 'rsyslogd',
        log => "$dir/rsyslog.log", command => [ @rsyslogd, '-n', '-i',
            "$dir/rsyslog/pid", '-f', "$dir/rsyslog.conf" ]);
    my ($n, $socket) = (ledger());

    my $start = sub {
        $daemon->start();
        ok($t->wait_for(sub { $socket = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $port) }, 20),
            'rsyslogd runs') or diag($daemon->log_text());
    };
    my $send = sub {
        print $socket map { sprintf "<187>1 2026-11-20T10:00:00Z core-r1 app"
            . " 1 - - %s\n", $_ } @_;
        $socket->flush();
    };
    my $arrived = sub {
        my ($more, $title) = @_;

        $n += $more;
        ok($t->wait_for(sub { ledger() >= $n }, 40), $title)
            or diag(ledger() . " of $n");
    };

    $start->();
    $send->('real "1" \\', "real latin caf\xe9", (map { "batch $_" } 1 .. 198));
    $arrived->(200, 'messages arrive');
    is((grep { $_->{message} eq 'real "1" \\' } queued()), 1, 'as they were');
    is((grep { $_->{message} eq 'real latin caf?' } queued()), 1,
        'also what is no UTF-8');
    cmp_ok($t->metrics('nginx')
        ->{'mutt_ingest_requests_total{status="success",reason=""}'}, '<', 100,
        'in batches');

    # refused for good
    $send->('', 'after it');
    $arrived->(1, 'what is refused stops nothing');

    # answered 503
    $t->stop('redis');
    $send->(map { "outage $_" } 1 .. 50);
    $t->wait_for(sub { ($t->metrics('nginx')
        ->{'mutt_ingest_requests_total{status="fail",reason="redis"}'} // 0)
        > 0 }, 10);
    $t->start('redis');
    $arrived->(50, 'what is answered 503 arrives after it');

    # not answered at all, and a restart
    $t->stop('nginx');
    $send->(map { "away $_" } 1 .. 50);
    $t->wait_for(sub { $daemon->log_text() =~ /Couldn't connect|refused/i }, 10,
        'MUTT is away');
    $send->(map { "later $_" } 1 .. 250);
    close $socket;
    $t->wait_for(sub { !grep { $_ eq $hex } connections() }, 10, 'all is read');
    $daemon->stop();
    $start->();
    $t->start('nginx');

    # the one under way when rsyslogd ended may be lost
    $arrived->(299, 'what could not be sent arrives after a restart');
    ok($t->wait_for(sub { !glob "$dir/rsyslog/mutt*.0*" }, 20),
        'nothing is left in the queues') or diag(`ls -la $dir/rsyslog`);

    my %times;
    $times{$_->{message}}++ for queued();
    is(join(' ', grep { $times{$_} > 1 } sort keys %times), '', 'none came twice');
    $daemon->stop();
}
