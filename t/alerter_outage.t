# PostgreSQL is away at the start, in the middle, and hangs: ingest goes on,
# nothing is consumed or charged, and the alerter catches up by itself.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter))->plan(24);

$t->env(DB_TIMEOUT_MS => 1000);
$t->run();
$t->rule(match_string => 'page');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 10);

sub page {
    my ($n) = @_;

    return $t->ingest([ map { $t->event(message => "page $_") } 1 .. $n ])
        ->{json}{accepted};
}

sub alerts { return $t->redis('llen', 'mutt:alert_queue') }

sub breaker { return $t->metrics('alerter')
    ->{'mutt_circuit_breaker_state{name="postgresql"}'} }

sub changes { return $t->metrics('alerter')
    ->{'mutt_circuit_breaker_state_changes_total{name="postgresql",'
    . qq(from_state="$_[0]",to_state="$_[1]"\})} }

###############################################################################

is(page(10), 10, 'events are accepted');
ok($t->wait_for(sub { alerts() == 10 }, 10), 'and become alerts');

$t->stop('postgres');
is(page(500), 500, 'ingest goes on without PostgreSQL');
ok($t->wait_for(sub { $t->health('nginx')->{json}{status} eq 'degraded' }, 10),
    '/health of nginx says so');
ok($t->wait_for(sub { $t->health('alerter')->{code} == 503 }, 10),
    '/health of the alerter too');
is(Mutt::Http::request($t->port('alerter'), 'GET', '/health/live')->{code},
    200, 'which is alive');
is(alerts(), 10, 'nothing is handed on unaudited');
ok($t->wait_for(sub { $t->health('alerter')->{json}{checks}{postgresql}
    =~ /breaker open/ }, 15), 'after some failures its breaker opens');
ok($t->wait_for(sub { changes('open', 'half_open') > 0 }, 15),
    'and a probe is sent now and then');
ok(changes('closed', 'open') == 1, 'the changes are counted');

my $ledger = $t->ledger();

is($ledger->{ingest_queue} + $ledger->{processing}, 500, 'all events wait');
is($ledger->{dlq_alerter} + $ledger->{dead}, 0, 'none is charged for it');

$t->start('postgres');
ok($t->wait_for(sub { alerts() == 510 }, 20), 'the alerter catches up');
is($t->sql('SELECT count(*) FROM event_audit_log'), 510,
    'every event has its row');
is($t->sql('SELECT count(DISTINCT event_id) FROM event_audit_log'), 510,
    'and one only');
ok($t->wait_for(sub { $t->health('alerter')->{code} == 200 }, 10),
    '/health is green again');

is(breaker(), 0, 'the breaker is closed');
is(changes('half_open', 'closed'), 1, 'by the probe that succeeded');

###############################################################################
# a table that is locked: the statement has a deadline

my $lock = DBI->connect($t->process('postgres')->{dsn}, 'mutt', '',
    { RaiseError => 1, AutoCommit => 0 });

$lock->do('LOCK TABLE event_audit_log');
page(10);
ok($t->wait_for(sub { $t->health('alerter')->{code} == 503 }, 15),
    'a locked table is an outage, not a hang');
$lock->rollback();
$lock->disconnect();
ok($t->wait_for(sub { alerts() == 520 }, 20), 'that ends by itself');

###############################################################################
# PostgreSQL is away when the alerter starts

$t->stop('alerter');
$t->stop('postgres');
page(10);
$t->launch('alerter');
ok($t->wait_for(sub { eval { $t->health('alerter')->{code} == 503 } }, 10),
    'it waits for its rules');
is($t->redis('llen', 'mutt:ingest_queue'), 10, 'and consumes nothing');
$t->start('postgres');
ok($t->wait_for(sub { alerts() == 530 }, 20), 'then it goes on');
is($t->ledger()->{difference}, 0, 'the ledger balances');
