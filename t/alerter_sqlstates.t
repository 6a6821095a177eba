# PostgreSQL's refusals: a schema that does not fit stops the work and loses
# nothing, a row's own fault costs the row, and of what nobody knows the item
# is retried and then kept where it can be replayed from.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter))->plan(34);

$t->env(DB_TIMEOUT_MS => 2000, ALERTER_MAX_RETRIES => 2);
$t->run();
$t->rule(match_string => 'note', prod_handling => 'Log_only');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 10);

my $logged = 0;

sub good {
    my ($n, %fields) = @_;

    $t->ingest([ map { $t->event(message => "note $_", %fields) } 1 .. $n ]);
    return $n;
}

sub health { return $t->health('alerter') }

sub logged {
    my ($n, $title) = @_;

    $logged += $n;
    return $t->wait_for(sub { $t->ledger()->{logged} == $logged }, 20, $title);
}

###############################################################################
# a schema of another version

$t->sql('ALTER TABLE event_audit_log RENAME COLUMN raw_message TO raw');
good(50);
ok($t->wait_for(sub { health()->{code} == 503 }, 10),
    'a missing column stops the work');
like(health()->{json}{errors}[0], qr/postgresql: sqlstate 42703/,
    'and /health says which error');

my $ledger = $t->ledger();

is($ledger->{ingest_queue} + $ledger->{processing}, 50, 'the events wait');
is($ledger->{dead} + $ledger->{dlq_alerter}, 0,
    'a whole queue is not dead-lettered for it');
$t->sql('ALTER TABLE event_audit_log RENAME COLUMN raw TO raw_message');
logged(50, 'it goes on by itself');
is(health()->{code}, 200, '/health is green again');

###############################################################################
# a server that turns read-only

$t->sql('ALTER SYSTEM SET default_transaction_read_only = on');
$t->sql('SELECT pg_reload_conf()');
$t->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'mutt-alerter'");
good(20);
ok($t->wait_for(sub { health()->{code} == 503 }, 10),
    'a read-only server is not written to');
is($t->ledger()->{dead}, 0, 'and costs nothing');
$t->sql('SET default_transaction_read_only = off');
$t->sql('ALTER SYSTEM RESET default_transaction_read_only');
$t->sql('SELECT pg_reload_conf()');
logged(20, 'until it may be');

###############################################################################
# connections that break again and again

for (1 .. 10) {
    good(20);
    $t->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name LIKE 'mutt-alerter%'");
}

logged(200, 'terminated connections cost time only');
is($t->sql('SELECT count(*) FROM event_audit_log'), $logged,
    'every event has its row');
is($t->sql('SELECT count(DISTINCT event_id) FROM event_audit_log'), $logged,
    'and one only');

###############################################################################
# events that come twice, with their id and time, among others

sub rows { return scalar $t->sql('SELECT count(*) FROM event_audit_log') }

$t->stop('alerter');
good(3);

my @twice = $t->redis('lrange', 'mutt:ingest_queue', 0, -1);

$t->start('alerter');
logged(3, 'events are handled');

my $rows = rows();

$t->stop('alerter');
good(2);
$t->redis('rpush', 'mutt:ingest_queue', @twice);
$t->redis('hincrby', 'mutt:ledger', 'accepted', scalar @twice);
good(2);
$t->start('alerter');
logged(7, 'and again, with what is new');
is(rows(), $rows + 4, 'what has its row gets no other, its neighbours get one');

###############################################################################
# PostgreSQL is away while there is nothing to do

$t->stop('postgres');
ok($t->wait_for(sub { health()->{code} == 503 }, 15),
    '/health knows of an outage before the next event does');
$t->start('postgres');
ok($t->wait_for(sub { health()->{code} == 200 }, 15), 'and of its end');

###############################################################################
# a month that vanishes under the alerter

my $month = $t->sql("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')");

$t->sql("DROP TABLE event_audit_log_$month");
$logged = $t->ledger()->{logged};
good(10);
logged(10, 'its partition is created again');
is($t->sql("SELECT count(*) FROM event_audit_log_$month"), 10,
    'and takes the rows');

# more months than are created at a time
$t->stop('alerter');
good(40);

for my $i (0 .. 39) {
    my $item = $t->redis('lindex', 'mutt:ingest_queue', $i);
    my $at = sprintf '20%02d-%02d', 40 + $i, 1 + $i % 12;

    $item =~ s/"_received_at":"\d{4}-\d\d/"_received_at":"$at/;
    $t->redis('lset', 'mutt:ingest_queue', $i, $item);
}

$t->start('alerter');
logged(40, 'forty months at once are no problem');

###############################################################################
# a disk that fails is the server's trouble, not the events'

my $opened = 'mutt_circuit_breaker_state_changes_total'
    . '{name="postgresql",from_state="closed",to_state="open"}';
my $before = $t->metrics('alerter')->{$opened};

$t->sql(q{CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'could not write block 7' USING ERRCODE = '58030';
    END $$});
$t->sql('CREATE TRIGGER fail BEFORE INSERT ON event_audit_log
    FOR EACH ROW EXECUTE FUNCTION fail()');
$logged = $t->ledger()->{logged};
good(5);
ok($t->wait_for(sub { $t->metrics('alerter')->{$opened} > $before + 1 }, 30),
    'a disk that fails is let alone, again and again');
$ledger = $t->ledger();
is($ledger->{ingest_queue} + $ledger->{processing}, 5, 'the events wait');
is($ledger->{dead} + $ledger->{dlq_alerter}, 0, 'none is dead-lettered');
$t->sql('DROP TRIGGER fail ON event_audit_log');
logged(5, 'until it writes again');

###############################################################################
# errors that name nobody: once they are retried, then kept for replay

$t->sql(q{CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.hostname LIKE 'bad%' THEN
            RAISE EXCEPTION 'no %', NEW.hostname;
        END IF;
        RETURN NEW;
    END $$});
$t->sql('CREATE TRIGGER refuse BEFORE INSERT ON event_audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse()');

$t->stop('alerter');
good(5);
good(1, hostname => 'bad1');
good(5);
good(1, hostname => 'bad2');
$t->start('alerter');
logged(10, 'neighbours of such a row are not held back');
ok($t->wait_for(sub { $t->redis('llen', 'mutt:dlq:alerter') == 2 }, 20),
    'it ends in mutt:dlq:alerter');
is($t->ledger()->{dead}, 0, 'not among the dead');

my ($letter) = map { decode_json($_) }
    $t->redis('lrange', 'mutt:dlq:alerter', 0, 0);

is($letter->{_failed_reason}, 'sqlstate_P0001', 'with the reason');
is($letter->{_attempts}, 3, 'after its attempts');

# and can be replayed
$t->sql('DROP TRIGGER refuse ON event_audit_log');
$t->redis('rpoplpush', 'mutt:dlq:alerter', 'mutt:ingest_queue') for 1, 2;
logged(2, 'from there it can be tried again');

###############################################################################
# a constraint is not a missing partition

$t->sql("ALTER TABLE event_audit_log ADD CONSTRAINT no_worse
    CHECK (hostname <> 'worse')");
good(1, hostname => 'worse');
good(3);
logged(3, 'a check that fails creates no partition and stops nobody');
ok($t->wait_for(sub { $t->redis('llen', 'mutt:dlq:alerter') == 1 }, 20),
    'its event is kept for replay');

# what no index takes is the row's fault
good(1, hostname => 'h' x 255);
logged(1, 'long names are taken');
is($t->ledger()->{difference}, 0, 'the ledger balances');
