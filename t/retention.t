# Retention: months ahead have their partitions, old months are in the archive
# row by row before they are dropped, old archives, config audits and dead
# letters go, and nothing else; not by a dry run, not by a clock that is off,
# and not when it is killed in the middle.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use POSIX qw(strftime);
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres));
my $clock = $t->shim('clock', 'redis');

$t->env(RETENTION_BATCH_SIZE => 10);
$t->run();
$t->reserve('retention');

my $live = 'event_audit_log';
my $archive = 'event_audit_log_archive';
my $success = 'mutt_retention_cleanup_last_run_timestamp_seconds';
my $columns = 'event_id, received_at, id, event_timestamp, hostname,'
    . ' matched_rule_id, handling_decision, forwarded_to_moog, raw_message,'
    . ' correlation_id';

sub count { return $t->sql("SELECT count(*) FROM $_[0]") }

# All rows of a table as one text, oldest first.
sub content {
    my ($table, $where) = @_;

    return $t->sql("SELECT string_agg(r::text, E'\\n' ORDER BY received_at, id)
        FROM (SELECT $columns FROM $table WHERE " . ($where // 'true')
        . ') AS r') // '';
}

# So many rows from a moment on, a second between them.
sub rows_at {
    my ($n, $moment) = @_;

    $t->sql("SELECT create_audit_partition($moment)");
    $t->sql("INSERT INTO $live (event_id, received_at, event_timestamp,
        hostname, matched_rule_id, handling_decision, forwarded_to_moog,
        raw_message, correlation_id) SELECT gen_random_uuid(), $moment + n *
        interval '1 second', $moment, 'h' || n, CASE WHEN n % 2 = 0 THEN n
        END, 'Log_only', n % 3 = 0, '{\"message\":\"' || n || '\"}',
        CASE WHEN n % 5 > 0 THEN 'c' || n END FROM generate_series(1, $n) AS n")
        if $n > 0;
}

# The first of the month so many months ago, UTC, as SQL.
sub month {
    my ($ago) = @_;

    return "(date_trunc('month', now() AT TIME ZONE 'UTC')"
        . " - interval '$ago months') AT TIME ZONE 'UTC'";
}

sub letter {
    my ($id, $failed, $received) = @_;

    my %item = (_event_id => sprintf('0197b0c2-0000-7000-8000-%012d', $id),
        _correlation_id => "c$id", _received_at => $received // '2020-01-01T00:00:00.000000Z',
        hostname => 'h', message => 'm', timestamp => 1);

    $item{_failed_at} = $failed if defined $failed;
    return '{"_attempts":0,"_replays":0,'
        . substr JSON::XS->new->canonical->encode(\%item), 1;
}

sub ended {
    my ($m) = @_;

    return ($m->{mutt_retention_enforcement_duration_seconds} // 0) > 0;
}

# Starts it, and waits for the end of its first run; its metrics.
sub one_run {
    my (%env) = @_;

    my $m;

    $t->start('retention', %env);
    $t->wait_for(sub { ended($m = $t->metrics('retention')) }, 30)
        or diag($t->log_of('retention'));
    return $m;
}

sub errors {
    my ($m, $task) = @_;

    return $m->{"mutt_retention_errors_total{task=\"$task\"}"};
}

###############################################################################
# What there is

rows_at(35, month(6) . " + interval '3 days'");
rows_at(20, month(5));
rows_at(7, "now() - interval '10 days'");
rows_at(3, "'2012-03-31T23:59:50Z'::timestamptz");

my $old = content($live, 'received_at < ' . month(4));
my $ancient = content($live, "received_at < '2013-01-01T00:00:00Z'");
my $young = content($live, 'received_at >= ' . month(4));

$t->sql("INSERT INTO config_audit_log (changed_at, changed_by, operation,
    table_name, record_key) SELECT now() - n * interval '1 day', 'me', 'UPDATE',
    'teams', n FROM generate_series(354, 390) AS n");

my @undated = (letter(1), 'no json at all', '{"_failed_at":7}');
my @old_letters = map { letter($_, '2020-02-03T04:05:06.000000Z') } 10 .. 99;
my @new_letters = map { letter($_, '2999-01-01T00:00:00.000000Z') } 200 .. 202;

# of an alerter whose clock was in 1970
push @new_letters, letter(203, '1970-01-02T00:00:00.000000Z',
    strftime('%Y-%m-%dT%H:%M:%S.000000Z', gmtime));

for my $list (qw(mutt:dlq:alerter mutt:dlq:moog mutt:dlq:dead)) {
    $t->redis('lpush', $list, @undated, @old_letters, @new_letters);
}
$t->redis('lpush', 'mutt:dlq:dead', '{"_failed_at":"2020-02-03T04:05:06Z",'
    . '"_failed_reason":"malformed","raw":"x"}');
$t->redis(qw(hset mutt:ledger accepted), 2 * (@undated + @old_letters
    + @new_letters), 'external_in', scalar $t->redis('llen', 'mutt:dlq:dead'),
    'dead', scalar $t->redis('llen', 'mutt:dlq:dead'));

###############################################################################
# A dry run only tells

my $before = content($live);
my $m = one_run(RETENTION_DRY_RUN => 'true');

is($m->{$success}, 0, 'a dry run is no success');
is(content($live), $before, 'it leaves all rows');
is(count($archive), 0, 'it archives none');
is(count('config_audit_log'), 37, 'it deletes no config audit');
is($t->redis('llen', 'mutt:dlq:moog'), 97, 'and no dead letter');
like($t->log_of('retention'),
    qr/event_audit_log_2012_03 would be archived and dropped: 3 rows/,
    'it says what it would do');
like($t->log_of('retention'), qr/config_audit_log: 26 rows would be deleted/,
    'to each table');
$t->stop('retention');

###############################################################################
# Killed in the middle, it has lost nothing, and goes on

for my $point ('retention.copied=kill@2', 'retention.copied=kill@4',
    'retention.dropped=kill')
{
    $t->launch('retention', MUTT_FAIL => $point);
    $t->process('retention')->expect_end('signal 9', 30);
    is(content("(SELECT $columns FROM $live UNION SELECT $columns FROM $archive)
        AS both_tables"), $before, "killed at $point, every row is there");
}

$m = one_run();
cmp_ok($m->{$success}, '>', 1_700_000_000, 'the next run succeeds')
    or diag($t->log_of('retention'));
is(content($archive), $old =~ s/^\Q$ancient\E\n?//r,
    'the archive has the old rows, all of them as they were');
is($t->sql("SELECT count(DISTINCT archived_from_partition) FROM $archive"), 2,
    'and tells where they were');
is(content($live), $young, 'the young ones are where they were');
is($t->sql("SELECT count(*) FROM named_partitions('$live')
    WHERE next <= now() - interval '90 days'"), 0, 'no old month is left');
is($t->sql("SELECT count(*) FROM named_partitions('$archive')
    WHERE first < '2013-01-01'"), 0, 'nor a year that is older than the archive');
is($t->sql("SELECT count(*) FROM named_partitions('$live') WHERE first > now()
    AND first <= now() + interval '3 months'"), 3, 'three months ahead are there');
is(count('config_audit_log'), 11, 'config audits of a year stay');
is($t->sql('SELECT count(*) FROM config_audit_log WHERE changed_at
    < now() - interval \'365 days\''), 0, 'and none that is older');

for my $list (qw(mutt:dlq:alerter mutt:dlq:moog mutt:dlq:dead)) {
    is_deeply([ sort $t->redis('lrange', $list, 0, -1) ],
        [ sort @undated, @new_letters ],
        "$list keeps what is young, and what says no time");
}
is($t->ledger()->{difference}, 0, 'the ledger knows where they went');
is($t->redis(qw(hget mutt:ledger dlq_purged)), 2 * @old_letters,
    'as purged letters');
is($t->redis(qw(hget mutt:ledger dead_purged)), @old_letters + 1,
    'and purged dead');
is($m->{'mutt_retention_cleanup_records_deleted_total{type="dlq"}'},
    3 * @old_letters + 1, 'they are counted');
like($t->log_of('retention'), qr/271 dead letters .* are deleted/,
    'and the log tells how many');
is($m->{'mutt_table_oldest_record_timestamp_seconds{table="event_audit_log"}'}
    > time() - 90 * 86400, 1, 'the oldest record is young now');
cmp_ok($m->{'mutt_table_size_bytes{table="event_audit_log"}'}, '>', 8191,
    'a table has a size');

###############################################################################
# A change of the policy applies at once; a second process waits

$t->launch('retention2');
$t->wait_for(sub { $t->log_of('retention2') =~ /another process does it/ }, 30,
    'one process does it at a time');

rows_at(5, month(2));
$t->setting(event_retention_days => 7);
$t->wait_for(sub { count("$live WHERE received_at < " . month(1)) == 0
    && count($archive) > 55 }, 30, 'a shorter policy archives more')
    or diag($t->log_of('retention'));
$t->kill('retention2');

###############################################################################
# Failures: what is not in the archive as it is stays, and the rest goes on

$t->stop('retention');
$t->redis('del', 'mutt:config:event_retention_days');
$t->sql('DELETE FROM dynamic_config');
rows_at(4, month(8));
$t->sql("SELECT create_archive_partition(" . month(8) . ")");
$t->sql("INSERT INTO $archive ($columns, archived_from_partition) SELECT
    event_id, received_at, id, event_timestamp, 'another', matched_rule_id,
    handling_decision, forwarded_to_moog, raw_message, correlation_id, 'x'
    FROM $live WHERE received_at < " . month(7) . ' LIMIT 1');
$t->sql("INSERT INTO config_audit_log (changed_at, changed_by, operation,
    table_name, record_key) VALUES (now() - interval '2 years', 'me', 'UPDATE',
    'teams', 'x')");

# of an event that was replayed when its month was in the archive already
rows_at(3, month(7));
$t->sql("SELECT create_archive_partition(" . month(7) . ")");
$t->sql("INSERT INTO $archive ($columns, archived_from_partition) SELECT
    event_id, received_at, id + 1000000, event_timestamp, hostname,
    matched_rule_id, handling_decision, forwarded_to_moog, raw_message,
    correlation_id, 'x' FROM $live WHERE received_at >= " . month(7) . '
    ORDER BY received_at LIMIT 1');
$m = one_run();
is(errors($m, 'archive'), 1, 'an archive with another row is an error');
is($m->{'mutt_retention_cleanup_errors_total{type="event_audit"}'}, 1,
    'of its type');
is($m->{$success}, 0, 'the run is no success');
is(count("$live WHERE received_at < " . month(7)), 4, 'the month stays');
like($t->log_of('retention'),
    qr/1 rows of event_audit_log_\d{4}_\d\d are not in the archive/,
    'the log says why');
is(count("$live WHERE received_at >= " . month(7) . ' AND received_at < '
    . month(6)), 0, 'another month goes, and with it a row that was written'
    . ' again');
is(count("config_audit_log WHERE record_key = 'x'"), 0, 'other tasks go on');
$t->stop('retention');
$t->sql("DELETE FROM $archive WHERE hostname = 'another'");

# an archive that ends before it begins
$m = one_run(EVENT_RETENTION_DAYS => 400, EVENT_ARCHIVE_RETENTION_YEARS => 1);
is(errors($m, 'expire'), 1, 'a policy that would delete at once is refused');
is($m->{'mutt_retention_policy_days{type="event_archive"}'}, 365, 'and told');
$t->stop('retention');

# a default partition with a row of a month that has no partition yet
my $far = "now() + interval '13 months'";

$t->sql("CREATE TABLE misplaced PARTITION OF $live DEFAULT");
$t->sql("INSERT INTO $live (event_id, received_at, event_timestamp, hostname,
    handling_decision, forwarded_to_moog, raw_message) VALUES
    (gen_random_uuid(), $far, now(), 'h', 'Log_only', false, '{}')");
$m = one_run(RETENTION_PRECREATE_MONTHS => 14);
is(errors($m, 'partitions'), 1, 'a default partition blocks a month');
is($m->{mutt_default_partition_rows}, 1, 'its rows are told');
$t->stop('retention');
$t->sql('DROP TABLE misplaced');

# a clock that is off
rows_at(2, month(9));
$t->redis('lpush', 'mutt:dlq:moog', letter(300, '2020-02-03T04:05:06Z'));
$t->redis(qw(hincrby mutt:ledger accepted 1));
$clock->set(0, 86400 * 1_000_000);
$m = one_run();
is(errors($m, 'clock'), 1, 'a clock that is off is an error');
is(count("$live WHERE received_at < " . month(8)), 2, 'nothing is deleted');
is($t->redis('llen', 'mutt:dlq:moog'), 8, 'in neither place');
$clock->set(0, 0);
$t->stop('retention');

# switched off
$m = one_run(RETENTION_ENFORCEMENT_ENABLED => 'false');
is(count("$live WHERE received_at < " . month(8)), 2, 'off, nothing is deleted');
is($m->{$success}, 0, 'and no cleanup has succeeded');
cmp_ok($m->{mutt_retention_last_run_timestamp}, '>', 0, 'but a run');
$t->setting(retention_enforcement_enabled => 'true');
$t->wait_for(sub { $t->metrics('retention')->{$success} > 0 }, 30,
    'switched on while it runs, it does');
is(count("$live WHERE received_at < " . month(7)), 0, 'what was due');

# a role without rights
$t->stop('retention');
rows_at(2, month(9));
$t->sql('REVOKE EXECUTE ON FUNCTION drop_archived_partition(timestamptz, bigint)
    FROM mutt_retention');
$m = one_run();
is(errors($m, 'archive'), 1, 'a right that is missing is an error');
is($t->health('retention')->{code}, 200, 'the process is well');

$t->done();
