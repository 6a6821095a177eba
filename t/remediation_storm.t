# A storm of dead letters after an outage drains, and the alert queue never
# passes its warn threshold meanwhile.  MUTT_STORM is how many there are.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;
use Time::HiRes qw(time);

my $storm = $ENV{MUTT_STORM} // 4000;
my $warn = 1000;
my $t = Mutt::Test->new()
    ->has(qw(redis postgres nginx sink alerter forwarder));

$t->env(MOOG_RATE_LIMIT => 100_000, REMEDIATION_BATCH_SIZE => 1000,
    REMEDIATION_INTERVAL => 1, ALERTER_QUEUE_WARN_THRESHOLD => $warn,
    ALERTER_QUEUE_SHED_THRESHOLD => 2000, MOOG_MAX_INFLIGHT => 256);
$t->run();
$t->rule(match_string => 'page');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 10);

sub length_of { return $t->redis('llen', "mutt:$_[0]") }

###############################################################################
# the outage: no forwarder, so the alert queue fills up and the rest is shed

$t->stop('forwarder');

for (my $sent = 0; $sent < $storm + 2000; $sent += 1000) {
    my $n = $t->ingest([ map { $t->event(message => "page $_") }
        1 .. 1000 ])->{json}{accepted};
    die "not accepted\n" if ($n // 0) != 1000;
}

$t->wait_for(sub { my $l = $t->ledger();
    $l->{ingest_queue} + $l->{processing} == 0 }, 120);

my $alerts = length_of('alert_queue');
my $letters = length_of('dlq:alerter');

is($alerts, 2001, 'the alert queue is full');
is($letters, $storm + 2000 - 2001, 'the rest is shed');

###############################################################################
# it ends

my ($most, $looks) = (0, 0);
my $began = time;

$t->start('forwarder');
$t->wait_for(sub { length_of('alert_queue') == 0 }, 60,
    'the alert queue drains');
$t->start('remediation');
$t->wait_for(sub {
    my $depth = length_of('alert_queue');
    $most = $depth if $depth > $most;
    $looks++;
    return length_of('dlq:alerter') == 0 && $depth == 0
        && $t->sink_stats()->{distinct} == $storm + 2000;
}, 60 + $storm / 200, 'the storm drains, all of it to the webhook')
    or diag(explain($t->ledger()), explain($t->sink_stats()->{distinct}));
my $took = time - $began;

cmp_ok($most, '<=', $warn, 'the queue never passes its warn threshold');
is(length_of('dlq:dead'), 0, 'none is quarantined');
is($t->sql('SELECT count(DISTINCT event_id) FROM event_audit_log'),
    $storm + 2000, 'every event has its row');
is($t->sql('SELECT count(*) FROM event_audit_log'), $storm + 2000,
    'and one only');
is($t->ledger()->{difference}, 0, 'nothing is missing');
unlike($t->log_of('alerter') =~ s/.*shedding ends//sr, qr/warn threshold 1000/,
    'the alerter does not warn either');
diag(sprintf '%d dead letters in %.1f s, %d looks, deepest %d', $letters,
    $took, $looks, $most);

$t->done();
