# Redis at maxmemory: new events are refused as by a full queue, the workers
# drain what is there and stay alive, and there is room again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Mutt::Test->new()
    ->has(qw(redis postgres nginx sink alerter alerter2 forwarder))
    ->plan(25);
my @workers = qw(alerter alerter2 forwarder);

$t->env(MOOG_RATE_LIMIT => 100_000, ALERTER_HEARTBEAT_INTERVAL => 1,
    ALERTER_JANITOR_TIMEOUT => 3, MOOG_HEARTBEAT_INTERVAL => 1,
    MOOG_JANITOR_TIMEOUT => 3);
$t->run();
$t->rule(match_string => 'page');

for my $name (qw(alerter alerter2)) {
    $t->wait_for(sub { ($t->metrics($name)
        ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 10);
}

my ($accepted, $alerts) = (0, 0);

sub send_batch {
    my $r = $t->ingest([ map { $t->event(
        message => ($_ % 10 ? 'nothing ' : 'page ') . 'x' x 1000)
    } 1 .. 100 ]);

    $accepted += 100 if $r->{code} == 200;
    $alerts += 10 if $r->{code} == 200;
    return $r;
}

sub used { return ($t->redis('info', 'memory'))[0]{used_memory} }

sub is_full {
    return !eval { $t->redis('set', 'mutt:config:probe', 1) } && $@ =~ /OOM/;
}

sub beats {
    my %beats = $t->redis('hgetall', 'mutt:hb');

    return \%beats;
}

sub recovered {
    my $sum = 0;

    for my $name (@workers) {
        my $m = $t->metrics($name);

        $sum += $m->{mutt_queue_recovered_items_total}
            + $m->{mutt_queue_fenced_total};
    }

    return $sum;
}

###############################################################################
# the queue fills up; nobody drains it

$t->rule(match_string => 'nothing', prod_handling => 'Log_only');
$t->stop($_) for @workers;

my $room = used() + 2_500_000;
my $r = send_batch();

is($r->{code}, 200, 'with room there is service');
$t->redis('config', 'set', 'maxmemory', $room);

for (1 .. 200) {
    $r = send_batch();
    last if $r->{code} != 200;
}

is($r->{code}, 503, 'a full Redis refuses');
is($r->{json}{code}, 'queue_full', 'as a full queue does');
ok($r->{header}{'retry-after'} >= 1, 'it says when to come back');
$t->wait_for(sub { (send_batch()->{json}{queue_depth} // -1) == $accepted }, 5,
    'how much waits');
is($r->{json}{queue_limit}, 1_000_000, 'and what the limit is');
cmp_ok($t->metrics('nginx')
    ->{'mutt_ingest_requests_total{status="fail",reason="queue_full"}'}, '>',
    0, 'it is counted as such');
is($t->health('nginx')->{code}, 200, '/health is green');
is($t->redis('llen', 'mutt:ingest_queue'), $accepted,
    'what was refused is not there, what was accepted is');
like($t->log_of('nginx'), qr/redis refuses events: OOM/, 'the log says why');

$t->redis('client', 'kill', 'type', 'normal', 'skipme', 'yes');
$t->wait_for(sub { (send_batch()->{json}{code} // '') eq 'queue_full' }, 5,
    'a new connection hears the same');

###############################################################################
# workers start, work and live in a Redis that has no room at all

$t->redis('config', 'set', 'maxmemory', '1mb');
$t->redis('client', 'kill', 'type', 'normal', 'skipme', 'yes');

my $began = time();

$t->start($_) for @workers;
$t->wait_for(sub {
    my $l = $t->ledger();
    return !grep { $_ } @$l{qw(ingest_queue processing alert_queue retry)};
}, 60, 'workers drain a full Redis to nothing');
diag(sprintf '%d events in %.1f s while full', $accepted, time() - $began);
ok(is_full(), 'which is full all the while');
is(send_batch()->{json}{code}, 'queue_full', 'and takes nothing');
is($t->sink_stats()->{distinct}, $alerts, 'the alerts are at the webhook');

my $before = beats();

is(scalar keys %$before, 3, 'three workers beat');
$t->wait_for(sub {
    my $now = beats();
    return !grep { ($now->{$_} // '') eq $before->{$_} } keys %$before;
}, 10, 'their hearts go on');
$before = beats();
$t->wait_for(sub {
    my $now = beats();
    my @n = map { ($now->{$_} // '0:0') =~ /:(\d+)/ } keys %$before;
    my @m = map { $before->{$_} =~ /:(\d+)/ } keys %$before;
    return !grep { $n[$_] < $m[$_] + 4 } 0 .. $#n;
}, 20, 'for longer than a worker may be silent');
is(recovered(), 0, 'none is taken for dead');
is(scalar(grep { $t->health($_)->{code} == 200 } @workers), 3,
    'all are healthy');

###############################################################################
# room again

$t->redis('config', 'set', 'maxmemory', $room);
$t->wait_for(sub { send_batch()->{code} == 200 }, 10,
    'with room there is service again');
$t->wait_for(sub {
    my $l = $t->ledger();
    return $l->{delivered} == $alerts && $l->{logged} == $accepted - $alerts;
}, 20, 'what is accepted now is processed');

my $ledger = $t->ledger();

is($ledger->{accepted}, $accepted, 'the ledger has what was answered 200');
is($t->sql('SELECT count(*) FROM event_audit_log'), $accepted,
    'each of it has its row');
is($ledger->{difference}, 0, 'and the ledger balances');
