# A worker that waits as long for PostgreSQL as it was told to is not stuck: a
# supervisor that believes /health/live must not end it for that.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres));
my $clock = $t->shim('clock', 'retention');

$t->run();

# a count of very many rows
$t->sql('CREATE OR REPLACE FUNCTION default_partition_rows() RETURNS bigint
    LANGUAGE sql AS $$ SELECT length(pg_sleep(300)::text)::bigint $$');

my $counting = "FROM pg_stat_activity WHERE application_name =
    'mutt-retention' AND wait_event = 'PgSleep'";

$t->launch('retention', DB_TIMEOUT_MS => 300_000);
$t->wait_for(sub { $t->sql("SELECT count(*) $counting") == 1 }, 30,
    'a statement takes its time');

sub live {
    return Mutt::Http::request($t->port('retention'), 'GET', '/health/live')
        ->{code};
}

$clock->set(1, 120 * 1_000_000);
is(live(), 200, 'two minutes of five are not too long');
is($t->health('retention')->{json}{errors}, undef, 'nor an error');
$clock->set(1, 420 * 1_000_000);
is(live(), 503, 'but more than it may take is');

$clock->set(1, 0);
$t->sql('CREATE OR REPLACE FUNCTION default_partition_rows() RETURNS bigint
    LANGUAGE sql AS $$ SELECT 0::bigint $$');
$t->sql("SELECT pg_terminate_backend(pid) $counting");
$t->wait_for(sub { ($t->metrics('retention')
    ->{mutt_retention_last_run_timestamp} // 0) > 0 }, 30, 'it goes on');

$t->done();
