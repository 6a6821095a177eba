# A Redis that comes back without its last writes, under load, again and
# again: nginx reports as lost what was answered 200 and is not counted any
# more, and at most the events whose answers went down with Redis besides.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

my $rounds = 3;
my $senders = 6;
my $t = Mutt::Test->new()->has(qw(redis nginx))->plan(2 * $rounds + 6);

$t->run();

my $aof = $t->dir() . '/appendonlydir';
my @senders;

# sends one event after the other until told to stop; how many were taken
sub sender {
    pipe my $from, my $to or die "pipe: $!\n";

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        my ($going, $taken) = (1, 0);

        local $SIG{TERM} = sub { $going = 0 };
        close $from;

        while ($going) {
            $t->ingest('an event')->{code} == 200 ? $taken++ : sleep 0.002;
        }

        syswrite $to, "$taken\n";
        POSIX::_exit(0);
    }

    close $to;
    return { pid => $pid, from => $from };
}

sub lost {
    return $t->metrics('nginx')->{mutt_ledger_regression_events_total};
}

sub accepted { return $t->redis('hget', 'mutt:ledger', 'accepted') // 0 }

###############################################################################

@senders = map { sender() } 1 .. $senders;
$t->wait_for(sub { accepted() > 500 }, 20);

for my $round (1 .. $rounds) {
    my $before = lost();

    system('cp', '-a', $aof, "$aof.old") == 0 or die "cp failed\n";

    my $then = accepted();

    $t->wait_for(sub { accepted() > $then + 1000 }, 20,
        "round $round: events come in");
    $t->kill('redis');
    system('rm', '-rf', $aof);
    rename "$aof.old", $aof or die "rename: $!\n";
    $t->start('redis');
    $t->wait_for(sub { lost() > $before }, 10, 'and are reported as lost');
    $then = accepted();
    $t->wait_for(sub { accepted() > $then + 200 }, 20);
}

kill 'TERM', map { $_->{pid} } @senders;

my $taken = 0;

for my $sender (@senders) {
    my $line = readline $sender->{from};

    $taken += $line;
    waitpid $sender->{pid}, 0;
}

my $lost = lost();

cmp_ok($lost, '>=', 1000 * $rounds, 'a lot was lost');
cmp_ok(accepted() + $lost, '>=', $taken,
    'what was taken is counted or reported lost');
cmp_ok(accepted() + $lost, '<=', $taken + $rounds * $senders,
    'and no more than that, but for what was under way');
is($t->ledger()->{difference}, 0, 'the ledger balances');
is($t->redis('llen', 'mutt:ingest_queue'), accepted(), 'with the queue');
is(scalar(() = $t->log_of('nginx') =~ /redis has lost \d+ accepted/g), $rounds,
    'each loss was logged once');
