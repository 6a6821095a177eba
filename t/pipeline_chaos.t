# The promise above all features: what was answered 2xx is never lost and
# never silently dropped.  Events are sent while an alerter and a forwarder
# are killed every second, others are paused for longer than their lease, and
# Redis and PostgreSQL are each restarted twice; afterwards every acknowledged event has one audit row or is counted as
# unhandled, every alert has reached the webhook, repeats carry the same
# Idempotency-Key, and the ledger balances.
#
# MUTT_CHAOS_EVENTS and MUTT_CHAOS_SEED choose another run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Http;
use Mutt::Test;
use Test::More;
use Time::HiRes qw(time);

my $EVENTS = $ENV{MUTT_CHAOS_EVENTS} // 100_000;
my $BATCH = 100;
my $SEED = $ENV{MUTT_CHAOS_SEED} // int rand 2**31;

diag("MUTT_CHAOS_SEED=$SEED");
srand $SEED;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx sink alerter alerter2
    alerter3 forwarder forwarder2 forwarder3))->plan(9);

# With everysec a Redis that is killed loses what it had not written yet: it
# postpones writes while a sync of a busy disk is under way.
$t->redis_conf('--appendfsync', 'always');

# the dead are to be found soon, and the webhook is no bottleneck
$t->env(ALERTER_HEARTBEAT_INTERVAL => 1, ALERTER_JANITOR_TIMEOUT => 3,
    MOOG_HEARTBEAT_INTERVAL => 1, MOOG_JANITOR_TIMEOUT => 3,
    MOOG_RATE_LIMIT => 100_000, INGEST_MAX_RATE => 1_000_000_000,
    ALERTER_MAX_RETRIES => 100);
$t->run();
$t->rule(match_string => 'page', priority => 1);
$t->rule(match_string => 'note', prod_handling => 'Log_only');

for my $alerter (qw(alerter alerter2 alerter3)) {
    $t->wait_for(sub { ($t->metrics($alerter)
        ->{mutt_alerter_cache_rules_count} // 0) == 2 }, 10);
}

###############################################################################

# a sender of its own process: sends batches until the file of acknowledged
# ids holds as many as wanted
my $acked = $t->dir() . '/acked';
my $sender = fork() // die "fork: $!\n";

if ($sender == 0) {
    open my $out, '>', $acked or POSIX::_exit(1);
    $out->autoflush(1);

    my @kinds = (('note') x 5, ('page') x 1, ('other') x 4);
    my ($n, $socket) = (0);

    while ($n < $EVENTS) {
        my @ids = map { sprintf '01930000-0000-7000-8000-%012x', $n + $_ }
            1 .. $BATCH;
        my $k = 0;
        my $body = encode_json([ map { { event_id => $_,
            hostname => 'h' . int rand 50, timestamp => '2026-11-20T10:00:00Z',
            message => $kinds[$k++ % @kinds] . " $_" } } @ids ]);
        my $r = eval { $t->ingest($body, -timeout => 5) } // {};

        # refused or unknown: the same ids again
        next if ($r->{code} // 0) != 200;

        print $out join("\n", @ids), "\n";
        $n += $BATCH;
    }

    require POSIX;
    POSIX::_exit(0);
}

###############################################################################

my @workers = qw(alerter forwarder alerter2 forwarder2);
my @restarts = qw(redis postgres redis postgres);
my @pausable = qw(alerter3 forwarder3);
my %paused;
my ($second, $done) = (0, 0);
my $next = time();

while (!$done) {
    $done = waitpid($sender, 1) == $sender;
    $t->wait_for(sub { time() >= $next }, 2);
    $next = time() + 1;

    # of each kind one a second, in turn
    my @victims = $second % 2 ? @workers[2, 3] : @workers[0, 1];

    $t->kill($_) for @victims;
    delete @paused{@victims};
    $t->launch($_) for @victims;

    # a pause beyond the lease: others recover what it holds, and it finds
    # itself fenced when it wakes
    for my $worker (grep { $paused{$_} <= $second - 5 } keys %paused) {
        $t->signal($worker, 'CONT');
        delete $paused{$worker};
    }

    if ($second % 6 == 3) {
        my $worker = $pausable[rand @pausable];

        $t->signal($worker, 'STOP');
        $paused{$worker} //= $second;
    }

    if ($second % 3 == 2 && @restarts) {
        my $part = shift @restarts;

        $part eq 'redis' ? $t->kill($part) : $t->kill($part, 'QUIT');
        $t->start($part);
    }

    last if ++$second > 240;
}

$t->signal($_, 'CONT') for keys %paused;
ok($done, 'the sender got all its events accepted');
while (my $part = shift @restarts) {
    $t->kill($part, $part eq 'redis' ? 'KILL' : 'QUIT')->start($part);
}

$t->wait_for(sub {
    my $l = eval { $t->ledger() } or return;
    !grep { $l->{$_} } qw(ingest_queue alert_queue processing retry)
}, 120, 'the queues drain');

my $ledger = $t->ledger();

is($ledger->{difference}, 0, 'the ledger balances');
is($ledger->{accepted}, $EVENTS, 'every event was accepted once');
is($ledger->{dlq_alerter} + $ledger->{dlq_moog} + $ledger->{dead}, 0,
    'nothing became a dead letter');

my %want;

open my $in, '<', $acked or die "open $acked: $!\n";
chomp, $want{$_} = 1 while <$in>;

my %rows;
$rows{ $_->[0] }++ for $t->sql('SELECT event_id FROM event_audit_log');

my $missing = grep { !$rows{$_} } keys %want;

is($missing, $ledger->{unhandled}, 'who has no audit row is unhandled');
is(scalar(grep { $_ > 1 } values %rows), 0, 'no event has two rows');

my %seen = map { /^(\S+) (\d+)$/ ? ($1 => $2) : () } split /\n/,
    Mutt::Http::request($t->port('sink'), 'GET', '/keys')->{body};
my @alerts = map { "$_->[0]:$_->[1]" } $t->sql('SELECT event_id,
    matched_rule_id FROM event_audit_log WHERE forwarded_to_moog');

is(scalar(grep { !$seen{$_} } @alerts), 0, 'every alert is at the webhook');
is(scalar(keys %seen), @alerts + $ledger->{meta_created},
    'and nothing else: repeats carry the same key');

my $repeats = 0;
$repeats += $_ - 1 for values %seen;
diag("$EVENTS events, $second kills of each kind, " . @alerts
    . " alerts, $repeats repeated at the webhook, $ledger->{unhandled}"
    . " unhandled, $ledger->{meta_created} meta-alerts");
