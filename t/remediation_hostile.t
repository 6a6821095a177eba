# Dead letters that nobody of MUTT wrote, and a webhook that does not answer
# when it is asked for its health: every letter finds an end, once.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use JSON::XS;
use Mutt::Test;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);

my %names = (INGEST_QUEUE_NAME => 'mutt:ingest:renamed',
    ALERT_QUEUE_NAME => 'mutt:alerts:renamed',
    ALERTER_DLQ_NAME => 'mutt:dlq:a', MOOG_DLQ_NAME => 'mutt:dlq:m',
    DEAD_LETTER_QUEUE => 'mutt:dlq:d');

my $t = Mutt::Test->new()->has(qw(redis postgres sink alerter forwarder));

$t->env(REMEDIATION_INTERVAL => 1, REMEDIATION_BATCH_SIZE => 1000,
    ALERTER_QUEUE_WARN_THRESHOLD => 20, ALERTER_QUEUE_SHED_THRESHOLD => 20);
$t->run();
$t->rule(match_string => 'page');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 10);

my $id = 0;

sub length_of { return $t->redis('llen', "mutt:$_[0]") }
sub delivered { return $t->sink_stats()->{distinct} }
sub balances { return is($t->ledger()->{difference}, 0, $_[0]) }

sub event {
    my ($head) = @_;

    return sprintf '{%s,"_event_id":"01930000-0000-7000-8000-%012d",'
        . '"_correlation_id":"c","_received_at":"2026-01-01T00:00:00Z",'
        . '"hostname":"h","message":"page %d"}', $head, ++$id, $id;
}

sub put {
    my ($list, @letters) = @_;

    $t->redis('lpush', "mutt:$list", $_) for @letters;
    $t->redis('hincrby', 'mutt:ledger', 'accepted', scalar @letters);
}

###############################################################################
# numbers that are none, shed and brought back

$t->stop('forwarder');
put('alert_queue', map { event('"_attempts":0,"_replays":0') } 1 .. 21);

my @heads = ('"_attempts":0,"_replays":-1', '"_attempts":0,"_replays":"7"',
    '"_attempts":0,"_replays":1.5',
    '"_attempts":0,"_replays":1000000000000000000',
    '"_attempts":0,"_replays":null', '"_attempts":0,"_replays":[2]',
    '"_attempts":0,"_failed_at":"9999-01-01T00:00:00Z","_replays":2',
    '"_attempts":3000000000,"_replays":1');

put('ingest_queue', map { event($_) } @heads);
$t->redis('lpush', 'mutt:ingest_queue', event('"_attempts":0.5'),
    event('"_attempts":1e3,"_replays":1'), event('"_attempts":"1"'));
$t->wait_for(sub { length_of('ingest_queue') == 0 && length_of('dlq:alerter')
    + length_of('dlq:dead') == @heads + 3 }, 10,
    'events with odd numbers are shed');
is(length_of('dlq:dead'), 3, 'but for those whose attempts cannot be counted');

my @letters = $t->redis('lrange', 'mutt:dlq:alerter', 0, -1);

is(scalar(grep { !eval { decode_json($_) } } @letters), 0,
    'and they are still JSON') or diag(explain(\@letters));
balances('nothing is missing');

$t->redis('ltrim', 'mutt:alert_queue', 1, 0);
$t->redis('hincrby', 'mutt:ledger', 'accepted', -21);
$t->start('forwarder');
$t->start('remediation');
$t->wait_for(sub { delivered() + length_of('dlq:dead') == @heads + 3 }, 30,
    'each of them finds an end');
balances('and is counted');

###############################################################################
# a health URL that takes the question and never answers

my $mute = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1',
    Timeout => 20) or die "cannot listen: $!\n";
my $count = delivered();

$t->restart('remediation', MOOG_WEBHOOK_TIMEOUT => 600,
    MOOG_HEALTH_URL => 'http://127.0.0.1:' . $mute->sockport() . '/');

my $asked = $mute->accept();

ok($asked, 'a health URL is asked');
put('dlq:moog', event('"_attempts":0,"_replays":0'));
put('dlq:alerter', event('"_attempts":0,"_replays":0'));
$t->wait_for(sub { delivered() == $count + 1 }, 20,
    'while it does not answer events are replayed');
is(length_of('dlq:moog'), 1, 'alerts are not');
is($t->health('remediation')->{code}, 200, 'and the process is well');

my $began = time();

$t->stop('remediation');
cmp_ok(time() - $began, '<', 10, 'it ends when it is asked to');
$t->redis('del', 'mutt:dlq:moog');
$t->redis('hincrby', 'mutt:ledger', 'accepted', -1);

###############################################################################
# a full Redis, and a stored setting with a NUL in it

put('dlq:alerter', map { event('"_attempts":0,"_replays":0') } 1 .. 5);
put('dlq:alerter', 'junk');
$t->redis('hincrby', 'mutt:ledger', 'accepted', -1);
$t->redis('set', 'mutt:config:log_level', "INFO\0" . 'x' x 100);
$t->redis('config', 'set', 'maxmemory', 1);
$t->start('remediation');
$t->wait_for(sub { delivered() == $count + 6 }, 20,
    'replays go on in a Redis that is full');
is(length_of('dlq:alerter'), 0, 'all of them');
balances('nothing is missing');
$t->redis('config', 'set', 'maxmemory', 0);

my $live = 'mutt_config_generation';
my $generation = $t->metrics('remediation')->{$live};

for my $value (2, 3) {
    $t->redis('set', 'mutt:config:remediation_interval', $value);
    $t->wait_for(sub { $t->metrics('remediation')->{$live} > $generation }, 5,
        'settings are still read');
    $generation = $t->metrics('remediation')->{$live};
}

###############################################################################
# something else under a list's name: the other list goes on, and /health says
# so; without log lines by the dozen

$t->redis('set', 'mutt:config:remediation_interval', 1);
$t->redis('set', 'mutt:retry:moog', 'x');
$t->wait_for(sub { $t->health('remediation')->{code} == 503 }, 20,
    'a key of a wrong type is an outage');
$t->redis('del', 'mutt:retry:moog');
$t->wait_for(sub { $t->health('remediation')->{code} == 200 }, 20,
    'until it is right again');


my $lines = () = $t->log_of('remediation') =~ /the dependency is back/g;

cmp_ok($lines, '<', 4, 'said once');

###############################################################################
# letters that are not due do not stand before one that is

my $now = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime);

$t->redis('set', 'mutt:config:remediation_interval', 3600);
$t->redis('set', 'mutt:config:remediation_batch_size', 2);
$t->stop('remediation');
$count = delivered();
put('dlq:alerter', map { event(qq("_attempts":0,"_failed_at":"$now",)
    . '"_failed_reason":"crashed","_replays":2') } 1 .. 30);
put('dlq:alerter', event('"_attempts":0,"_replays":0'));
$t->start('remediation');
$t->wait_for(sub { delivered() == $count + 1 }, 20,
    'a letter that is due does not wait behind those that are not');
is(length_of('dlq:alerter'), 30, 'which wait');
$t->wait_for(sub { $t->metrics('remediation')->{mutt_remediation_loops_total}
    == 1 }, 5, 'in one pass');
$t->redis('del', 'mutt:dlq:alerter');
$t->redis('hincrby', 'mutt:ledger', 'accepted', -30);
$t->redis('del', 'mutt:config:remediation_interval');
balances('nothing is missing');

###############################################################################
# a breaker that was open when it was switched off holds nothing back

$t->stop($_) for qw(forwarder remediation);
$t->redis('hset', 'mutt:circuit_breaker:moogsoft', 'state', 'OPEN',
    'failures', 5, 'opened_at', int(time() + 3600) . '000', 'probe', 0);
$t->redis('set', 'mutt:config:circuit_breaker_enabled', 'false');
put('dlq:moog', map { event('"_attempts":0,"_replays":0') } 1 .. 2);
$t->start('remediation');
$t->wait_for(sub { length_of('alert_queue') == 2 }, 10,
    'without a breaker all alerts go back');
$t->redis('del', 'mutt:alert_queue', 'mutt:circuit_breaker:moogsoft');
$t->redis('hincrby', 'mutt:ledger', 'accepted', -2);

###############################################################################
# other names for the lists

$t->restart($_, %names) for qw(alerter forwarder remediation);
$count = delivered();
$t->redis('lpush', $names{ALERTER_DLQ_NAME},
    event('"_attempts":0,"_replays":0'), 'junk');
$t->wait_for(sub { delivered() == $count + 1 }, 20, 'lists may be renamed');
is($t->redis('llen', $names{DEAD_LETTER_QUEUE}), 1, 'each of them');
$t->redis('del', values %names);

$t->done();
