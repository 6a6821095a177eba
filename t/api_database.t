# Where nginx finds PostgreSQL, how many connections it keeps, with which role,
# and what it tells of how long it takes: CONTRACT 8 and 9.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Http;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx))->proxy('postgres');

$t->reserve('postgres-proxy');
$t->env('nginx.DATABASE_URL' => '', 'nginx.DB_HOST' => 'localhost',
    'nginx.DB_PORT' => $t->port('postgres-proxy'), 'nginx.DB_NAME' => 'mutt',
    'nginx.DB_USER' => 'mutt_module_app', 'nginx.DB_POOL_MAX_CONN' => 2,
    'nginx.DB_TIMEOUT_MS' => 1000)->run();

sub api {
    my ($method, $path, $body) = @_;

    return $t->http($method, "/api/v2/$path", $body,
        'X-API-KEY' => $t->key('admin'));
}

sub works { return $t->wait_for(sub { api('GET', 'rules')->{code} == 200 },
    20, $_[0]) }

sub connections {
    return $t->sql('SELECT count(*) FROM pg_stat_activity'
        . " WHERE application_name = 'mutt-nginx'");
}

works('DB_HOST and the others say where it is');
is($t->sql('SELECT count(DISTINCT usename) FROM pg_stat_activity'
    . " WHERE application_name = 'mutt-nginx'"
    . " AND usename = 'mutt_module_app'"), 1, 'and as whom');

my @sockets = map { Mutt::Http::open_raw($t->port('nginx'),
    "GET /api/v2/rules HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-KEY: "
    . $t->key('admin') . "\r\n\r\n") } 1 .. 60;

Mutt::Http::read_response($_, 20) for @sockets;
cmp_ok(connections(), '<=', 4, 'DB_POOL_MAX_CONN is a worker\'s bound');

$t->sql('BEGIN');
$t->sql('LOCK TABLE alert_rules');
is(api('GET', 'rules')->{code}, 504, 'DB_TIMEOUT_MS ends a statement');
$t->sql('COMMIT');

###############################################################################
# measured

is(api('POST', 'dev-hosts', '{"hostname":"h"}')->{code}, 201, 'a change');
is(api('GET', 'ledger')->{code}, 200, 'a question to Redis');
is($t->ingest('x')->{code}, 200, 'an event');
is($t->http('POST', '/api/v2/session',
    encode_json({ api_key => $t->key('admin') }))->{code}, 200, 'a session');

my $m = $t->metrics('nginx');

for my $row ([ 'db_query', 'read', 1 ], [ 'db_query', 'write', 1 ],
    [ 'db_query', 'background', 1 ], [ 'redis', 'background', 1 ],
    [ 'redis', 'ingest', 1 ], [ 'redis', 'api', 1 ], [ 'redis', 'session', 1 ])
{
    my ($what, $operation, $least) = @$row;

    cmp_ok($m->{"mutt_webui_${what}_latency_seconds_count"
        . "{operation=\"$operation\"}"}, '>=', $least,
        "$what $operation is measured");
}

cmp_ok($m->{'mutt_webui_db_query_latency_seconds_sum{operation="read"}'}, '>=',
    0.5, 'with what it took');

###############################################################################
# what PostgreSQL takes back for another's sake may be tried again

for my $state (qw(40001 40P01)) {
    $t->sql('CREATE OR REPLACE FUNCTION gives_way() RETURNS trigger'
        . " LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION 'other'"
        . " USING ERRCODE = '$state'; END \$\$");
    $t->sql('CREATE OR REPLACE TRIGGER gives_way BEFORE INSERT ON'
        . ' development_hosts FOR EACH ROW EXECUTE FUNCTION gives_way()');

    my $r = api('POST', 'dev-hosts', '{"hostname":"way"}');

    is("$r->{code} $r->{json}{code}", '503 busy', "$state is no defect");
    ok($r->{header}{'retry-after'}, 'and says when to come again');
}

$t->sql('DROP TRIGGER gives_way ON development_hosts');
is(api('POST', 'dev-hosts', '{"hostname":"way"}')->{code}, 201, 'it was not done');

###############################################################################
# several hosts, another role, and a host that is none

$t->reserve('nowhere');
$t->env('nginx.DATABASE_URL' => 'host=127.0.0.1,127.0.0.1 port='
    . $t->port('nowhere') . ',' . $t->port('postgres-proxy')
    . ' dbname=mutt user=mutt_module_app sslmode=disable')->restart('nginx');
works('where the first of two hosts is away, the second is had');
$t->env('nginx.DATABASE_URL' => 'host=none.invalid,localhost port=1,'
    . $t->port('postgres-proxy')
    . ' dbname=mutt user=mutt_module_app sslmode=disable')->restart('nginx');
works('and where the first is none');
$t->env('nginx.DATABASE_URL' => 'host=none.invalid,nobody.invalid port=1,2'
    . ' dbname=mutt user=mutt_module_app')->restart('nginx');
$t->linked('where none of them is one, nginx starts');
is(api('GET', 'rules')->{json}{code}, 'database_unavailable',
    'and says what is not there');
unlike($t->log_of('nginx'), qr/could not translate host name/,
    'and no worker looks for names');
$t->env('nginx.DATABASE_URL' => '');

$t->env('nginx.DB_USER' => 'nobody_of_that_name',
    'nginx.DB_USER_NEXT' => 'mutt_module_app')->restart('nginx');
works('DB_USER_NEXT is tried when DB_USER is refused');

$t->env('nginx.DB_HOST' => 'none.invalid', 'nginx.DB_USER_NEXT' => '')
    ->restart('nginx');
$t->linked('nginx starts when its database has no address');
is($t->ingest('x')->{code}, 200, 'and takes events');
is(api('GET', 'rules')->{json}{code}, 'database_unavailable',
    'and says what is not there');

$t->done();
