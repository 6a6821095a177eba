# The wall clock of a process is stepped while it works: nobody takes it for
# dead, ids stay unique, and an event is received at a time that its partition
# is right for.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my @steps = ([ 'an hour ahead', 3600 ], [ 'an hour behind', -3600 ],
    [ 'in 1970', 60 - time() ], [ 'beyond 2038', 2**31 + 60 - time() ],
    [ 'in 2100', 130 * 365.25 * 86400 - time() ]);

my $t = Mutt::Test->new()->has(
    qw(redis postgres nginx sink alerter alerter2 forwarder));
my %clock = map { $_ => $t->shim('clock', $_) } qw(nginx alerter forwarder);

$t->env(ALERTER_HEARTBEAT_INTERVAL => 1, ALERTER_JANITOR_TIMEOUT => 2,
    MOOG_HEARTBEAT_INTERVAL => 1, MOOG_JANITOR_TIMEOUT => 2);
$t->run();
$t->rule(match_string => 'page');

for my $alerter (qw(alerter alerter2)) {
    $t->wait_for(sub { ($t->metrics($alerter)
        ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 10);
}

my ($sent, %ids) = (0);

# Sends an event; its id.
sub send_one {
    my $r = $t->ingest('page');

    $sent++ if $r->{code} == 200;
    return $r->{json}{event_id} // '';
}

sub rows {
    my ($where) = @_;

    return $t->sql('SELECT count(*) FROM event_audit_log'
        . ($where ? " WHERE $where" : ''));
}

# How much the workers took from each other, or found taken.
sub robbed {
    my $sum = 0;

    for my $worker (qw(alerter alerter2 forwarder)) {
        my $m = $t->metrics($worker);

        $sum += $m->{$_} // 0
            for qw(mutt_queue_recovered_items_total mutt_queue_fenced_total);
    }

    return $sum;
}

###############################################################################

# both processes of nginx have heard what time it is elsewhere
$t->wait_for(sub { 2 == grep { /name=mutt-nginx .*cmd=time/ }
    split /\n/, $t->redis('client', 'list') }, 10);

for my $step (@steps) {
    my ($when, $seconds) = @$step;

    $_->set(0, int($seconds * 1e6)) for values %clock;

    # longer than a lease in all
    for (1 .. 5) {
        $ids{ send_one() }++;
        $t->wait_for(sub { $t->ledger()->{delivered} == $sent }, 10);
    }

    is($t->ledger()->{delivered}, $sent, "$when: events get through");
    $_->set(0, 0) for values %clock;
}

is(rows(), $sent, 'each has its audit row');
is(scalar(keys %ids), $sent, 'and an id of its own');
is(rows("received_at NOT BETWEEN now() - interval '1 day 1 hour'"
    . " AND now() + interval '1 day 1 hour'"), 0,
    'none was received more than a day from now');
is(rows("received_at NOT BETWEEN now() - interval '30 minutes'"
    . " AND now() + interval '30 minutes'"), 10,
    'a clock that is an hour off is believed');
like($t->log_of('nginx'), qr/this clock is -?\d+ s off redis'/,
    'one that is years off is told of');
is(robbed(), 0, 'nobody was taken for dead');
is($t->ledger()->{difference}, 0, 'the ledger balances');

###############################################################################
# the leases run on through a step of a day each way

for my $hours (24, -24) {
    $clock{$_}->set(0, $hours * 3600 * 1_000_000) for qw(alerter forwarder);

    my $beats = sub { $t->redis('hget', 'mutt:hb', 'alerter:alerter') };
    my $first = $beats->() // '';

    for (1 .. 3) {
        $t->wait_for(sub { ($beats->() // '') ne $first }, 5);
        $first = $beats->();
    }

    is(robbed(), 0, "$hours hours: it is still alive to the others");
}

$t->done();
