# Retention goes by the policy that holds when it deletes, not by the one that
# held when its run began.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres));

$t->run();
$t->reserve('retention');

# A process that waits for its turn has begun its run: it holds a policy of
# before.  The lock is the one of docs/RETENTION.md.
sub launch_waiting {
    $t->sql('SELECT pg_advisory_lock(4007432)');
    $t->launch('retention');
    $t->wait_for(sub { $t->log_of('retention') =~ /another process does it/ },
        30, 'it waits for its turn');
}

sub metric {
    my ($name) = @_;

    return (eval { $t->metrics('retention') } // {})->{$name} // 0;
}

sub finish_run {
    $t->sql('SELECT pg_advisory_unlock(4007432)');
    $t->wait_for(
        sub { metric('mutt_retention_enforcement_duration_seconds') > 0 }, 30,
        'its turn comes');
}

my $old = "now() - interval '200 days'";

$t->sql("SELECT create_audit_partition($old)");
$t->sql("INSERT INTO event_audit_log (event_id, received_at, event_timestamp,
    hostname, handling_decision, forwarded_to_moog, raw_message)
    VALUES (gen_random_uuid(), $old, now(), 'h', 'Log_only', false, '{}')");
$t->sql("INSERT INTO config_audit_log (changed_at, changed_by, operation,
    table_name, record_key) VALUES (now() - interval '2 years', 'me', 'UPDATE',
    'teams', 'x')");

sub rows { return $t->sql("SELECT count(*) FROM $_[0]") }

launch_waiting();
$t->setting(retention_enforcement_enabled => 'false');
$t->wait_for(sub { metric('mutt_config_generation') > 0 }, 30,
    'it is told that nothing is to be deleted');
finish_run();
is(rows('event_audit_log'), 1, 'switched off meanwhile, no month is dropped');
is(rows('config_audit_log'), 1, 'and no row deleted');
is(metric('mutt_retention_cleanup_last_run_timestamp_seconds'), 0,
    'nor is it said that it was');

$t->stop('retention');
$t->setting(retention_enforcement_enabled => 'true');
launch_waiting();
$t->wait_for(sub { metric('mutt_config_generation') > 0 }, 30);
my $known = metric('mutt_config_generation');
$t->setting(event_retention_days => 1000);
$t->wait_for(sub { metric('mutt_config_generation') > $known }, 30,
    'it is told to keep more');
finish_run();
is(rows('event_audit_log'), 1, 'a month that is to be kept now is kept');
is(metric('mutt_retention_policy_days{type="event_audit"}'), 1000,
    'and the policy that was applied is told');
is(rows('config_audit_log'), 0, 'what is to go by both goes');

# What is stored applies from the start, however long it takes to be read.
$t->stop('retention');
$t->start('retention', MUTT_FAIL => 'settings.read=sleep:700');
$t->wait_for(sub { metric('mutt_retention_enforcement_duration_seconds') > 0 },
    30, 'started again, it runs');
is(rows('event_audit_log'), 1, 'by the stored policy, not by the default');

# Redis may have lost what is stored; PostgreSQL has not.
$t->redis('del', 'mutt:config:event_retention_days');
my $before = metric('mutt_retention_last_run_timestamp');
$t->wait_for(sub { metric('mutt_retention_last_run_timestamp') > $before }, 30,
    'a Redis that is empty is news');
is(rows('event_audit_log'), 1, 'and no reason to go by the default');
is(metric('mutt_retention_policy_days{type="event_audit"}'), 1000,
    'nor is it said so');

# Who may not read what is stored deletes nothing.
$t->stop('retention');
$t->sql('REVOKE SELECT ON dynamic_config FROM mutt_retention');
$t->sql('DELETE FROM dynamic_config');
$t->start('retention');
$t->wait_for(sub { metric('mutt_retention_errors_total{task="policy"}') > 0 },
    30, 'a policy that is not known is a failure');
$t->wait_for(sub { metric('mutt_retention_enforcement_duration_seconds') > 0 },
    30, 'of a run');
is(rows('event_audit_log'), 1, 'that has deleted nothing');
$t->stop('retention');
$t->sql('GRANT SELECT ON dynamic_config TO mutt_retention');

# A run by hand goes by what is stored too.
$t->sql("INSERT INTO dynamic_config (key, value, updated_by)
    VALUES ('event_retention_days', '1000', 'test')");

sub by_hand {
    local %ENV = (%ENV, $t->part_env('retention'));

    return scalar `"$t->{build}/muttdev" retention 2>&1`;
}

by_hand();
is(rows('event_audit_log'), 1, 'what is to be kept by it is kept');
$t->sql('DELETE FROM dynamic_config');
by_hand();
is(rows('event_audit_log'), 0, 'and by the default it goes');

$t->done();
