# A deep alert queue: the alerter warns, sheds or defers, and comes back; by
# real depth, in both modes, and nothing is missing meanwhile.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));

$t->env(ALERTER_QUEUE_WARN_THRESHOLD => 100,
    ALERTER_QUEUE_SHED_THRESHOLD => 200, ALERTER_DEFER_SLEEP_MS => 50);
$t->run();
$t->rule(match_string => 'page');
$t->rule(match_string => 'note', prod_handling => 'Log_only');
$t->wait_for(sub { rules() == 2 }, 10);

sub rules { $t->metrics('alerter')->{mutt_alerter_cache_rules_count} // 0 }

sub post {
    my ($text, $n) = @_;

    return $t->ingest([ map { $t->event(message => "$text $_") } 1 .. $n ])
        ->{json}{accepted};
}

sub length_of { return $t->redis('llen', "mutt:$_[0]") }
sub rows { return $t->sql('SELECT count(*) FROM event_audit_log') }
sub idle {
    my $l = $t->ledger();
    return $l->{ingest_queue} + $l->{processing} == 0;
}

sub shed {
    return $t->metrics('alerter')
        ->{qq(mutt_alerter_shed_events_total{mode="$_[0]"})};
}

sub said { return scalar grep { /$_[0]/ } split /\n/, $t->log_of('alerter') }
sub balances { return is($t->ledger()->{difference}, 0, $_[0]) }

# As a forwarder would that has delivered them.
sub deliver {
    my ($n) = @_;

    $t->redis('eval', 'redis.call("RPOP", KEYS[1], ARGV[1])'
        . ' return redis.call("HINCRBY", KEYS[2], "delivered", ARGV[1])', 2,
        'mutt:alert_queue', 'mutt:ledger', $n);
}

sub set_mode { $t->setting('alerter_shed_mode', $_[0]) }

###############################################################################
# warn

is(post('page', 100), 100, 'up to the warn threshold');
$t->wait_for(\&idle, 10);
is(said('warn threshold'), 0, 'nothing is said');
post('page', 20);
$t->wait_for(sub { said('more than its warn threshold 100') }, 10,
    'above it a warning is logged');
$t->wait_for(sub { $t->metrics('alerter')->{mutt_alerter_queue_depth} == 120 },
    10, 'the gauge shows the depth');
is($t->health('alerter')->{code}, 200, 'the alerter is healthy');
like($t->health('alerter')->{json}{checks}{alert_queue}, qr/warn/,
    'and /health says why alerts wait');

###############################################################################
# shed, mode dlq

post('page', 300);
$t->wait_for(sub { idle() && length_of('dlq:alerter') > 0 }, 10);
is(length_of('alert_queue'), 201, 'the queue ends just above the threshold');
is(length_of('dlq:alerter'), 219, 'the others are dead letters');
$t->wait_for(sub { shed('dlq') == 219 }, 10, 'and counted');
is(rows(), 201, 'they have no audit row yet');
is(said('alerting events go to the dead letters'), 1, 'said once');
like($t->health('alerter')->{json}{checks}{alert_queue}, qr/shedding/,
    '/health says so');

my $letter = $t->redis('lindex', 'mutt:dlq:alerter', -1);

like($letter, qr/^\{"_attempts":0,"_failed_at":"[^"]+",
    "_failed_reason":"shed",
    "shedding_reason":"queue_depth_exceeded:201>200","_replays":0,/x,
    'a shed event says why, its attempts unchanged');
balances('nothing is missing');

post('note', 50);
$t->wait_for(sub { rows() == 251 }, 10,
    'events that do not alert are processed as usual');
post('page', 1);
$t->wait_for(sub { length_of('dlq:alerter') == 220 }, 10,
    'alerting ones are still shed');

deliver(19);
post('page', 5);
$t->wait_for(sub { length_of('dlq:alerter') == 225 }, 10,
    'also just below the threshold');
deliver(2);
post('page', 5);
$t->wait_for(sub { length_of('alert_queue') == 185 }, 10,
    'at nine tenths of it shedding ends');
is(length_of('dlq:alerter'), 225, 'nothing more is shed');
is(said('shedding ends, 225 events were shed'), 1, 'said once, with the sum');
balances('nothing is missing');

deliver(185);
post('page', 1);
$t->wait_for(sub { said('its warn threshold is 100') }, 10,
    'the end of the warning is logged too');

###############################################################################
# shed, mode defer

set_mode('defer');
$t->wait_for(sub { $t->metrics('alerter')->{mutt_config_generation} >= 2 }, 10);

post('page', 500);
$t->wait_for(sub { shed('defer') > 2 }, 10, 'deferring puts claims off');
is(length_of('alert_queue'), 201, 'the queue ends just above the threshold');

my $ledger = $t->ledger();

is($ledger->{ingest_queue}, 300, 'the events wait in the ingest queue');
is($ledger->{processing}, 0, 'none is held');
is($ledger->{dlq_alerter}, 225, 'none is shed');
is(said('nothing is claimed until it has drained'), 1, 'said once');
is($t->health('alerter')->{code}, 200, 'the alerter is healthy');
balances('nothing is missing');

deliver(20);
is(length_of('alert_queue'), 181, 'above nine tenths');
my $put_off = shed('defer');
$t->wait_for(sub { shed('defer') > $put_off + 1 }, 10, 'it still defers');
is(length_of('alert_queue'), 181, 'and claims nothing');

deliver(1);
$t->wait_for(sub { length_of('alert_queue') == 201 }, 10,
    'then it fills the queue up again');

for (1 .. 50) {
    deliver(length_of('alert_queue'));
    last if $t->wait_for(sub { length_of('ingest_queue') == 0
        && idle() }, 0.2);
}

is($t->ledger()->{ingest_queue}, 0, 'and drains as the forwarder does');
balances('nothing is missing');

###############################################################################
# a threshold that is raised, and a mode that is changed, while deferring

deliver(length_of('alert_queue'));
post('page', 250);
$put_off = shed('defer');
$t->wait_for(sub { shed('defer') > $put_off }, 10, 'it defers again');
set_mode('dlq');
$t->wait_for(sub { length_of('ingest_queue') == 0 && idle() }, 10,
    'a change of the mode applies while it waits');
cmp_ok(length_of('dlq:alerter'), '>', 225, 'what waited is shed');
balances('nothing is missing');

# a pause of a minute, longer than the live settings may take
set_mode('defer');
$t->redis('set', 'mutt:config:alerter_defer_sleep_ms', 60000);
# an alerter that finds nothing to put off says nothing of it
$t->stop('alerter');
post('page', 100);
$t->start('alerter');
$t->wait_for(sub { shed('defer') > 0 }, 10, 'a long pause begins');
$t->redis('set', 'mutt:config:alerter_queue_shed_threshold', 250);
$t->wait_for(sub { length_of('alert_queue') == 251 }, 10,
    'a raised threshold ends it');
$t->wait_for(sub { shed('defer') > 1 }, 10, 'the next one begins');
deliver(251);
$t->redis('set', 'mutt:config:alerter_defer_sleep_ms', 10);
$t->wait_for(sub { length_of('ingest_queue') == 0 && idle() }, 10,
    'so does a shorter pause');
balances('nothing is missing');

$t->done();
