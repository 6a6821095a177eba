# PostgreSQL away, hanging or slow, and many who ask at once: the API answers
# in time, ingest is not held up, and connections stay at their bound.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Http;
use Mutt::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Mutt::Test->new()->has(qw(redis postgres nginx))->proxy('postgres');
my $rule = encode_json({ match_string => 'x', prod_handling => 'Log_only',
    dev_handling => 'Log_only', team_assignment => 'T' });

$t->env('nginx.DB_TIMEOUT_MS' => 1500, 'nginx.DB_POOL_MAX_CONN' => 3)->run();

sub api {
    my ($method, $path, $body) = @_;

    return $t->http($method, "/api/v2/$path", $body,
        'X-API-KEY' => $t->key('admin'));
}

# nginx' workers that have lost PostgreSQL and not found it again
sub lost {
    my %is = $t->log_of('nginx') =~ /#(\d+): mutt: postgresql is (away|there)/g;

    return scalar grep { $_ eq 'away' } values %is;
}

# It answers, whichever worker is asked.
sub works { return $t->wait_for(sub { api('GET', 'rules')->{code} == 200
    && !lost() }, 20, $_[0]) }

sub connections {
    return $t->sql('SELECT count(*) FROM pg_stat_activity'
        . " WHERE application_name = 'mutt-nginx'");
}

works('it is there');

###############################################################################
# many at once

my $port = $t->port('nginx');
my $get = "GET /api/v2/rules HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    . 'X-API-KEY: ' . $t->key('admin') . "\r\n\r\n";
my @sockets = map { Mutt::Http::open_raw($port, $get) } 1 .. 500;
my %codes;

cmp_ok(connections(), '<=', 6, 'connections are bounded: 3 a worker');
$codes{ Mutt::Http::read_response($_, 20)->{code} }++ for @sockets;
is($codes{200} + ($codes{503} // 0), 500, 'all 500 are answered')
    or diag(encode_json(\%codes));
cmp_ok($codes{200}, '>', 0, 'and some are served');
cmp_ok(connections(), '<=', 6, 'with the connections there are');

# kB of all workers
sub memory {
    my $sum = 0;

    for my $pid ($t->nginx_workers()) {
        open my $file, '<', "/proc/$pid/status" or next;
        $sum += /^VmRSS:\s+(\d+)/ ? $1 : 0 while <$file>;
    }

    return $sum;
}

my $first = memory();

for (1 .. 2) {
    @sockets = map { Mutt::Http::open_raw($port, $get) } 1 .. 500;
    Mutt::Http::read_response($_, 20) for @sockets;
}

cmp_ok(memory() - $first, '<', 64 * 1024, 'nor does memory grow with every 500');

###############################################################################
# hanging

$t->fault('postgres', 'drop');

for my $case ([ 'GET', 'rules' ], [ 'POST', 'rules', $rule ],
    [ 'PUT', 'config/log_level', '{"value":"DEBUG"}' ])
{
    my $began = time();
    my $r = api(@$case);

    is($r->{code}, 503, "$case->[0] $case->[1] is refused");
    is($r->{json}{code}, 'database_unavailable', 'with the reason');
    ok($r->{header}{'retry-after'}, 'and when to come back');
    cmp_ok(time() - $began, '<', 5, 'in time');
}

my @waiting = map { Mutt::Http::open_raw($port, $get) } 1 .. 100;
my $began = time();

is($t->ingest("event $_")->{code}, 200, 'ingest goes on') for 1 .. 20;
cmp_ok(time() - $began, '<', 1.5, 'and waits for nothing');
is($t->health('nginx')->{code}, 200, 'health too');
is(scalar(grep { Mutt::Http::read_response($_, 20)->{code} != 503 } @waiting),
    0, 'who waited is refused');
ok($t->wait_for(sub { $t->health('nginx')->{json}{status} eq 'degraded' }, 10),
    'health says so');

$t->fault('postgres', 'pass');
works('it works again');

###############################################################################
# slow: the statement ends at its deadline, and only that

$t->sql('BEGIN');
$t->sql('LOCK TABLE alert_rules');

my $r = api('GET', 'rules');

is($r->{code}, 504, 'a statement that takes too long');
is($r->{json}{code}, 'timeout', 'is said to');
is(api('GET', 'teams')->{code}, 200, 'others do not wait for it');

# who leaves takes his statement with him
$t->sql('LOCK TABLE alert_rules');
my @leaving = map { Mutt::Http::open_raw($port, $get) } 1 .. 4;

$t->wait_for(sub { $t->sql('SELECT count(*) FROM pg_locks WHERE NOT granted')
    > 0 }, 5, 'statements run');
close $_ for @leaving;
is(api('GET', 'teams')->{code}, 200, 'whose clients leave');
$t->sql('COMMIT');
works('and afterwards all is well');

###############################################################################
# away, and a change that is cut

$t->fault('postgres', 'unanswered', 1, 'INSERT INTO alert_rules');

$r = api('POST', 'rules', $rule);
is($r->{code}, 503, 'a change whose answer is lost is not said to be made');
$t->fault('postgres', 'pass');
works('after a loss it works again');
ok($t->wait_for(sub { $t->sql('SELECT count(*) FROM config_audit_log') == 1
    && $t->sql('SELECT count(*) FROM alert_rules') == 1 }, 5),
    'the change and its audit row are there together');

$t->fault('postgres', 'reset');
is(api('POST', 'rules', $rule)->{code}, 503, 'one that is cut off');
$t->fault('postgres', 'pass');
works('is over');
is($t->sql('SELECT count(*) FROM config_audit_log') - 1,
    $t->sql('SELECT count(*) FROM alert_rules') - 1, 'with both or neither');

$t->stop('postgres');
ok($t->wait_for(sub { api('GET', 'rules')->{code} == 503 }, 5),
    'without a server it is refused');
$began = time();
is(api('GET', 'rules')->{json}{code}, 'database_unavailable',
    'with the reason') for 1 .. 20;
cmp_ok(time() - $began, '<', 5, 'quickly');
is($t->ingest('x')->{code}, 200, 'and ingest goes on');
$t->start('postgres');
works('and when it is back it works');

$t->done();
