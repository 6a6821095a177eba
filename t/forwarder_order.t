# A webhook answers in whatever order it likes: what it has taken leaves the
# processing list, nothing else does, also where alerts are equal, where
# somebody has changed the list, and where Redis forgets or hangs up.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use IO::Socket::INET;
use List::Util qw(shuffle sum0);
use Mutt::Ports;
use Mutt::Test;
use Test::More;
use Time::HiRes qw(time);

my $INFLIGHT = 8;
my $queue = 'mutt:alert_queue';
my $list = 'mutt:processing:moog:forwarder';

my $port = Mutt::Ports::take();
my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
    LocalPort => $port, Listen => 64, ReuseAddr => 1) or die "$@\n";
my $select = IO::Select->new($listen);
my $t = Mutt::Test->new()->has(qw(redis forwarder));

# so many connections that are held are no failure, however slow the machine
$t->env(MOOG_WEBHOOK_URL => "http://127.0.0.1:$port/webhook",
    MOOG_WEBHOOK_TIMEOUT => 60, MOOG_MAX_INFLIGHT => $INFLIGHT,
    MOOG_RATE_LIMIT => 100_000);
$t->run();

###############################################################################
# The webhook: holds requests until it is told to answer

my (%text, %held);

sub read_from {
    my ($socket) = @_;

    if (!sysread $socket, $text{$socket}, 65536, length $text{$socket} // 0) {
        $select->remove($socket);
        delete $text{$socket};
        return;
    }

    my ($length) = $text{$socket} =~ /\r\nContent-Length: (\d+)\r\n/;
    my ($body) = $text{$socket} =~ /\r\n\r\n(.*)\z/s;

    if (defined $body && length $body == $length) {
        push @{ $held{$1} }, $socket if $body =~ /"description":"alert (\d+)"/;
        $text{$socket} = '';
    }
}

# Takes requests until so many are held, or the time is over.
sub hold {
    my ($n, $seconds) = @_;
    my $until = time() + ($seconds // 20);

    while (sum0(map { scalar @$_ } values %held) < $n && time() < $until) {
        for my $socket ($select->can_read(0.1)) {
            if ($socket == $listen) {
                my $new = $listen->accept();

                $select->add($new);
                $text{$new} = '';
            } else {
                read_from($socket);
            }
        }
    }

    return sum0(map { scalar @$_ } values %held);
}

# Answers what it holds of these alerts, each the newest request first.
sub answer {
    for my $n (@_) {
        my $socket = pop @{ $held{$n} };

        syswrite $socket, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        delete $held{$n} if !@{ $held{$n} };
    }
}

###############################################################################

sub alert {
    my ($n) = @_;
    my $id = sprintf '01930000-0000-7000-8000-%012x', $n;

    return qq({"_attempts":0,"_replays":0,"_event_id":"$id",)
        . qq("_correlation_id":"$id","hostname":"r1","severity":"Minor",)
        . qq("message_body":"alert $n","rule_id":1,"raw_json":{}});
}

sub queue_alerts {
    $t->redis('hincrby', 'mutt:ledger', 'accepted', scalar @_);
    $t->redis('lpush', $queue, map { alert($_) } @_);
}

sub listed {
    return join ' ', sort { $a <=> $b }
        map { /"alert (\d+)"/ } $t->redis('lrange', $list, 0, -1);
}

# True when the processing list has come to hold these, and nothing else.
sub holds {
    my $want = join ' ', sort { $a <=> $b } @_;

    return $t->wait_for(sub { listed() eq $want }, 20)
        || diag('it holds ' . listed() . ", not $want");
}

###############################################################################
# in any order

my @waiting = (1 .. 60);
my @out;

srand 4;
queue_alerts(@waiting);

while (@waiting || @out) {
    push @out, splice @waiting, 0, $INFLIGHT - @out;
    last if hold(scalar @out) != @out || !holds(@out);

    # now the oldest, now others, now all
    my $n = 1 + int rand @out;
    my @now = rand() < 0.5 ? @out[0 .. $n - 1] : (shuffle @out)[0 .. $n - 1];
    my %now = map { $_ => 1 } @now;

    answer(@now);
    @out = grep { !$now{$_} } @out;
}

is(@waiting + @out, 0, 'what is answered leaves the list, in any order');
ok($t->wait_for(sub { $t->ledger()->{delivered} == 60 }, 20),
    'each is counted once');
ok(holds(), 'and nothing is left');

###############################################################################
# equal alerts

queue_alerts(100, 101, 100, 102, 100, 103);
is(hold(6), 6, 'equal alerts are sent, each for itself');
answer(100);
ok(holds(100, 101, 100, 102, 103), 'one of the equal ones leaves the list');
answer(100, 102);
ok(holds(101, 100, 103), 'and another');
answer(100);
ok(holds(101, 103), 'to the last');
answer(101, 103);
ok(holds(), 'what was around them stays until it is answered');
unlike($t->log_of('forwarder'), qr/it is read again/,
    'the forwarder knew the order of the list all the time');

###############################################################################
# somebody else changes the list

queue_alerts(201 .. 208);
is(hold(8), 8, 'alerts are on their way');
$t->redis('lrem', $list, 1, alert(206));
$t->redis('hincrby', 'mutt:ledger', 'accepted', -1);
answer(201 .. 204);
ok(holds(205, 207, 208), 'what is not answered stays though one was removed');
like($t->log_of('forwarder'), qr/it is read again/,
    'the forwarder has noticed');
answer(205 .. 208);
ok(holds(), 'the rest is settled');

queue_alerts(211 .. 218);
is(hold(8), 8, 'more are on their way');
$t->redis('lrem', $list, 1, alert(211));
$t->redis('lpush', $list, alert(211));
answer(211 .. 214);
ok(holds(215 .. 218), 'what is not answered stays though the order is another');
answer(215 .. 218);
ok(holds(), 'and goes when it is');
###############################################################################
# Redis forgets its scripts, and closes connections

queue_alerts(301 .. 316);
is(hold(8), 8, 'half of some more are on their way');
$t->redis('script', 'flush');
answer(301 .. 303, 308);
is(hold(8), 8, 'others come though Redis has forgotten the scripts');
ok(holds(304 .. 307, 309 .. 312), 'what is answered has made room for them');
$t->redis('client', 'kill', 'type', 'normal', 'skipme', 'yes');
answer(304, 305, 312);
is(hold(8), 8, 'others come over a new connection');
ok(holds(306, 307, 309 .. 311, 313 .. 315), 'for those that are answered');
answer(306, 307, 309 .. 311, 313 .. 315);
is(hold(1), 1, 'and the last');
answer(316);
ok(holds(), 'to the end');

###############################################################################
# nothing can be settled for a while

my $failures = sub {
    my $stats = $t->redis('info', 'commandstats')->{cmdstat_evalsha};

    return ($stats =~ /failed_calls=(\d+)/)[0];
};

queue_alerts(401 .. 440);
is(hold(8), 8, 'still more are on their way');
$t->redis('rename', 'mutt:ledger', 'mutt:ledger:kept');
$t->redis('set', 'mutt:ledger', 'no hash');

my $before = $failures->();

answer(401 .. 408);
hold(1);
answer(keys %held);
ok($t->wait_for(sub { $failures->() >= $before + 3 }, 20),
    'they cannot be settled');
cmp_ok(scalar $t->redis('llen', $list), '<=', 16,
    'and few are taken meanwhile');
$t->redis('rename', 'mutt:ledger:kept', 'mutt:ledger');

ok($t->wait_for(sub {
    hold(1, 0.1);
    answer(keys %held);
    !$t->redis('llen', $queue) && !$t->redis('llen', $list);
}, 30), 'all are settled afterwards');
ok($t->wait_for(sub { $t->ledger()->{delivered} == 60 + 6 + 7 + 8 + 16 + 40 }, 20),
    'each was counted once');
is($t->ledger()->{difference}, 0, 'the ledger balances');
$t->done();
