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

$t->proxy('postgres');

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

# One that takes too long, in a network where answers take a while, is a failure of its task, and of no other.
$t->stop('retention');
$t->sql('CREATE OR REPLACE FUNCTION create_audit_partition(month timestamptz)
    RETURNS void LANGUAGE sql AS $$ SELECT pg_sleep(300) $$');
$t->fault('postgres', 'delay', 50);
$t->launch('retention', DB_TIMEOUT_MS => 4000);
$t->wait_for(sub { ((eval { $t->metrics('retention') } // {})
    ->{mutt_retention_enforcement_duration_seconds} // 0) > 0 }, 40,
    'a run with a statement that takes too long ends');
my $m = $t->metrics('retention');
is($m->{'mutt_retention_errors_total{task="partitions"}'}, 1, 'it is counted');
is($m->{'mutt_retention_errors_total{task="tables"}'}, 0, 'others are done');
like($t->log_of('retention'), qr/the task partitions failed/, 'the log tells');

$t->done();
