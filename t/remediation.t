# Dead letters go back to where they came from, or are quarantined, each as
# its counters say; under a lease, within what the pipeline can take.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Http;
use Mutt::Test;
use POSIX qw(strftime);
use Test::More;

my $t = Mutt::Test->new()
    ->has(qw(redis postgres nginx sink alerter forwarder));

$t->env(MOOG_RATE_LIMIT => 10000, ALERTER_JANITOR_TIMEOUT => 2,
    ALERTER_HEARTBEAT_INTERVAL => 1, MOOG_JANITOR_TIMEOUT => 2,
    MOOG_HEARTBEAT_INTERVAL => 1, ALERTER_QUEUE_WARN_THRESHOLD => 50,
    MAX_POISON_RETRIES => 3, REMEDIATION_BATCH_SIZE => 100,
    CIRCUIT_BREAKER_TIMEOUT => 1, REMEDIATION_INTERVAL => 3600);
$t->run();
$t->rule(match_string => 'page');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 10);

my $json = JSON::XS->new->utf8->canonical;
my $id = 0;

sub length_of { return $t->redis('llen', "mutt:$_[0]") }
sub balances { return is($t->ledger()->{difference}, 0, $_[0]) }
sub remediation { return $t->metrics('remediation') }
sub delivered { return $t->sink_stats()->{distinct} }
sub live {
    my ($key, $value) = @_;

    $t->setting($key, $value);
}

sub envelope {
    my (%with) = @_;
    my $head = sprintf '{"_attempts":%d', delete $with{attempts} // 0;

    for my $name (qw(_failed_at _failed_reason shedding_reason)) {
        $head .= qq(,"$name":"$with{$name}") if defined $with{$name};
    }

    return $head . sprintf ',"_replays":%d,"_event_id":'
        . '"01930000-0000-7000-8000-%012d","_correlation_id":"c%d",'
        . '"_received_at":"%s","_source":"ingest"', $with{replays} // 0, ++$id,
        $id, strftime('%Y-%m-%dT%H:%M:%S.000000Z', gmtime);
}

sub event {
    return envelope(@_) . ',"hostname":"r1","message":"page '
        . $id . '","timestamp":"2026-01-01T00:00:00Z"}';
}

sub alert {
    return envelope(@_) . ',"hostname":"r1","team_assignment":"NETO",'
        . '"severity":"Major","message_body":"page","rule_id":1,'
        . '"handling":"Page_only","environment":"prod","event_timestamp":'
        . '"2026-01-01T00:00:00.000000Z","raw_json":{"n":'
        . '12345678901234567890123}}';
}

# Puts letters into a list as the workers would, so that the ledger knows.
sub bury {
    my ($list, @letters) = @_;

    $t->redis('lpush', "mutt:$list", $_) for @letters;
    $t->redis('hincrby', 'mutt:ledger', 'accepted', scalar @letters);
}

my $old = '2026-01-02T03:04:05.000000Z';
my $now = strftime('%Y-%m-%dT%H:%M:%S.000000Z', gmtime);
my @http = (_failed_at => $old, _failed_reason => 'http_500');

###############################################################################
# one pass over a letter of each kind

bury('dlq:alerter',
    event(_failed_at => $now, _failed_reason => 'shed',
        shedding_reason => 'queue_depth_exceeded:3>2'),
    event(attempts => 4, _failed_at => $old, _failed_reason => 'sqlstate_XX'),
    event(replays => 2, _failed_at => $old, _failed_reason => 'crashed'),
    event(replays => 3, attempts => 4, _failed_at => $old,
        _failed_reason => 'crashed'),
    event(replays => 1, _failed_at => $now, _failed_reason => 'crashed'));
bury('dlq:moog', alert(attempts => 6, @http), alert(replays => 3, @http),
    alert(replays => 1, _failed_at => $now, _failed_reason => 'http_503'));
$t->redis('lpush', 'mutt:dlq:alerter', 'no letter at all');
$t->redis('lpush', 'mutt:dlq:moog', '{"hostname":"r1"}');

$t->start('remediation');
$t->wait_for(sub { delivered() == 4 }, 15,
    'events are matched again, alerts sent again')
    or diag(explain($t->ledger()));
$t->wait_for(sub { (remediation()->{mutt_remediation_loops_total} // 0) == 1 },
    10, 'in one pass');
is($t->sql('SELECT count(*) FROM event_audit_log'), 3,
    'the replayed events have their audit rows');
is(length_of('dlq:alerter'), 1, 'what failed just now waits');
is(length_of('dlq:moog'), 1, 'among the alerts too');
is(length_of('dlq:dead'), 4, 'the hopeless and the malformed are quarantined');

my @dead = map { $json->decode($_) } reverse $t->redis('lrange',
    'mutt:dlq:dead', 0, -1);
my %reason = map { $_->{_failed_reason} => $_ } @dead;

is_deeply([ sort keys %reason ], [ 'malformed',
    'replays_exhausted:crashed', 'replays_exhausted:http_500' ],
    'each with its reason');
is($reason{'replays_exhausted:crashed'}{_replays}, 3, 'its replays');
is($reason{'replays_exhausted:crashed'}{_attempts}, 4, 'its attempts');
isnt($reason{'replays_exhausted:crashed'}{_failed_at}, $old,
    'and when it was quarantined');
is_deeply([ sort map { $_->{raw} // () } @dead ], [ 'no letter at all',
    '{"hostname":"r1"}' ], 'what is no letter is kept whole');
like($reason{'replays_exhausted:http_500'}{message_body}, qr/page/,
    'the rest of an alert is as it was');
like(join('', $t->redis('lrange', 'mutt:dlq:dead', 0, -1)),
    qr/12345678901234567890123/, 'to the byte');

my $m = remediation();

is($m->{mutt_remediation_replay_success_total}, 4, 'replays are counted');
is($m->{mutt_remediation_poison_messages_total}, 4, 'quarantines too');
$t->wait_for(sub {
    remediation()->{'mutt_remediation_dlq_depth{dlq_name="dead"}'} == 4
    && remediation()->{'mutt_remediation_dlq_depth{dlq_name="moog"}'} == 1 },
    5, 'the gauges show the depths');
balances('nothing is missing');

###############################################################################
# the backing off

live('remediation_interval', 1);
$t->wait_for(sub { delivered() == 6 }, 15,
    'the recent ones follow when their time has come');
is(length_of('dlq:alerter') + length_of('dlq:moog'), 0, 'none is left');

###############################################################################
# a hopeless item makes exactly max_poison_retries rounds

my $before = remediation();

Mutt::Http::request($t->port('sink'), 'POST', '/control?status=400', '');
bury('dlq:moog', alert(@http));
$t->wait_for(sub { length_of('dlq:dead') == 5 }, 30,
    'an alert that is always refused is quarantined');
is(remediation()->{mutt_remediation_replay_success_total}
    - $before->{mutt_remediation_replay_success_total}, 3,
    'after three replays');
is($json->decode($t->redis('lindex', 'mutt:dlq:dead', 0))->{_failed_reason},
    'replays_exhausted:http_400', 'with the last answer');
Mutt::Http::request($t->port('sink'), 'POST', '/control?status=200', '');
balances('nothing is missing');

###############################################################################
# gates

live('remediation_enabled', 'false');
$t->wait_for(sub { $t->health('remediation')->{json}{checks}{replay}
    eq 'switched off' }, 10, 'replay can be switched off');
bury('dlq:alerter', event(@http));
bury('dlq:moog', alert(@http));

my $loops = remediation()->{mutt_remediation_loops_total};

# its tick goes on, twice a second
$t->wait_for(sub {
    remediation()->{'mutt_remediation_dlq_depth{dlq_name="moog"}'} == 1 }, 5);
is(remediation()->{mutt_remediation_loops_total}, $loops, 'then none is made');

$t->stop('forwarder');
bury('alert_queue', map { alert() } 1 .. 51);
live('remediation_enabled', 'true');
$t->wait_for(sub { remediation()->{mutt_remediation_loops_total}
    > $loops + 1 }, 10, 'it passes again');
is(length_of('dlq:alerter'), 1, 'over the warn threshold no event is replayed');
is(length_of('dlq:moog'), 1, 'and no alert');
like($t->log_of('remediation'), qr/dead letters of alerter wait: warn/,
    'the log says why');

my $count = delivered();

$t->start('forwarder');
$t->wait_for(sub { delivered() == $count + 53 }, 20,
    'below it they follow');

# an open breaker: nothing but one alert once its time is up
my $generation = remediation()->{mutt_config_generation};

$t->stop('forwarder');
live('circuit_breaker_timeout', 3600);
$t->wait_for(sub { remediation()->{mutt_config_generation} > $generation }, 10);
$loops = remediation()->{mutt_remediation_loops_total};
$t->wait_for(sub { remediation()->{mutt_remediation_loops_total}
    > $loops + 1 }, 10);
$t->redis('hset', 'mutt:circuit_breaker:moogsoft', 'state', 'OPEN',
    'failures', 5, 'opened_at', int(time()) . '000', 'probe', 0);
bury('dlq:moog', map { alert(@http) } 1 .. 5);
$loops = remediation()->{mutt_remediation_loops_total};
$t->wait_for(sub { remediation()->{mutt_remediation_loops_total}
    > $loops + 1 }, 10);
is(length_of('dlq:moog'), 5, 'an open breaker holds the alerts back');
$t->redis('hset', 'mutt:circuit_breaker:moogsoft', 'opened_at', '1000');
$t->wait_for(sub { length_of('alert_queue') == 1 }, 10,
    'when its time is up one goes, to be the probe');
$loops = remediation()->{mutt_remediation_loops_total};
$t->wait_for(sub { remediation()->{mutt_remediation_loops_total}
    > $loops + 1 }, 10);
is(length_of('dlq:moog'), 4, 'and no more');
$t->start('forwarder');
$t->wait_for(sub { delivered() == $count + 58 }, 20,
    'its success brings the others');
live('circuit_breaker_timeout', 1);
balances('nothing is missing');

# Redis' clock was set back since it opened
$t->stop('forwarder');
$t->redis('hset', 'mutt:circuit_breaker:moogsoft', 'state', 'OPEN',
    'failures', 5, 'opened_at', int(time() + 86_400) . '000', 'probe', 0);
bury('dlq:moog', map { alert(@http) } 1 .. 2);
$t->wait_for(sub { length_of('alert_queue') == 1 }, 10,
    'a breaker that opens in a day is probed');
$t->start('forwarder');
$t->wait_for(sub { delivered() == $count + 60 }, 20, 'and closes');

###############################################################################
# one replays at a time, another takes over, also what it was paused in

$t->start('remediation2');
$t->wait_for(sub { $t->health('remediation2')->{json}{checks}{lease}
    eq "another's" }, 10, 'a second process stands by');
$t->signal('remediation', 'STOP');
bury('dlq:alerter', event(@http));
$t->wait_for(sub { delivered() == $count + 61 }, 30,
    'and replays when the first is silent');
$t->signal('remediation', 'CONT');
$t->wait_for(sub { $t->health('remediation')->{json}{checks}{lease}
    eq "another's" }, 10, 'which then stands by');
$t->stop('remediation2');
$t->wait_for(sub { $t->health('remediation')->{json}{checks}{lease}
    eq 'held' }, 5, 'an orderly end hands the lease over at once');

###############################################################################
# orphans, when there is nobody else

$t->stop('postgres');
$t->ingest([ map { $t->event(message => "page $_") } 1 .. 20 ]);
$t->wait_for(sub { $t->ledger()->{processing} == 20 }, 10);
$t->kill('alerter');
$t->wait_for(sub { $t->ledger()->{ingest_queue} == 20 }, 20,
    'what a dead alerter held is recovered by remediation');
$t->start('postgres');
$t->start('alerter');
$t->wait_for(sub { delivered() == $count + 81 }, 20, 'and arrives');
balances('nothing is missing');

###############################################################################
# the webhook's health URL

$t->restart('remediation', MOOG_HEALTH_URL => 'http://127.0.0.1:'
    . $t->port('sink') . '/health');
$t->wait_for(sub { remediation()->{mutt_remediation_moog_health} == 1 }, 10,
    'the health URL is asked, with the key');
cmp_ok(remediation()->{mutt_moog_health_last_ok_timestamp}, '>', time() - 60,
    'and when it was well is told');

Mutt::Http::request($t->port('sink'), 'POST', '/control?health=503', '');
$t->restart('remediation', MOOG_HEALTH_URL => 'http://127.0.0.1:'
    . $t->port('sink') . '/health');
$t->wait_for(sub { $t->health('remediation')->{json}{checks}{webhook}
    eq 'http 503' }, 10, 'an ill webhook is told');
is($t->health('remediation')->{code}, 200, 'and is not its own illness');
bury('dlq:moog', alert(@http));
bury('dlq:alerter', event(@http));
$t->wait_for(sub { delivered() == $count + 82 }, 20, 'events are replayed');
is(length_of('dlq:moog'), 1, 'alerts are not');
Mutt::Http::request($t->port('sink'), 'POST', '/control?health=200', '');
$t->wait_for(sub { delivered() == $count + 83 }, 20,
    'until it is well again');
balances('nothing is missing');

$t->done();
