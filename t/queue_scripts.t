# The scripts that move items: what a stale, repeated, delayed, misdirected or
# starved call does, and that it does nothing else.  Each case ends with the
# ledger in balance.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use List::Util qw(sum);
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has('redis')->plan(132);

$t->run();

my ($queue, $alerts, $dlq, $dead) = map { "mutt:$_" }
    qw(ingest_queue alert_queue dlq:alerter dlq:dead);
my $bell = 'mutt:processing:alerter:';
my $event = 0;

sub text_of {
    my ($name) = @_;

    open my $file, '<', "$FindBin::Bin/../lib/domain/lua/$name.lua" or die $!;
    local $/;
    return scalar <$file>;
}

sub script {
    my ($name, $keys, @args) = @_;
    my @reply = eval {
        $t->redis('eval', text_of($name), scalar @$keys, @$keys, @args);
    };

    return $@ ? "error: $@" : @reply > 1 ? \@reply : $reply[0];
}

# bytes, to the append only file
sub written {
    my ($info) = $t->redis('info', 'persistence');

    return $info->{aof_current_size};
}

sub clean {
    is($t->ledger()->{difference}, 0, "the ledger balances: $_[0]");
    $t->redis('flushall');
    $event = 0;
}

# an element as ingest makes it, accepted by the ledger
sub item {
    my ($attempts) = @_;

    return sprintf '{"_attempts":%d,"_replays":0,"n":%d}', $attempts // 0,
        ++$event;
}

sub put {
    my @items = map { ref $_ ? $$_ : item() } @_;

    $t->redis('lpush', $queue, $_) for @items;
    $t->redis('hincrby', 'mutt:ledger', 'accepted', scalar @items);
    return @items;
}

sub register {
    my ($pod, $held, $process) = @_;

    return script('register', [ 'mutt:fence', 'mutt:workers', 'mutt:epoch',
        'mutt:hb', "mutt:heartbeat:$pod" ], $pod, $held // '',
        $process // 'p1', 30);
}

sub claim {
    my ($pod, $token, $most, $bytes, $bound, @ahead) = @_;
    my $r = script('claim', [ $queue, "mutt:processing:$pod", 'mutt:fence',
        $alerts, $bell ], $pod, $token, $most, $bytes // 8_388_608,
        $bound // -1, @ahead);

    return !ref $r ? $r : $r->[0] eq 'OK' ? { number => $r->[1],
        items => [ @$r[4 .. $#$r] ] } : $r->[0];
}

sub commit {
    my ($pod, $token, $number, @verdicts) = @_;
    my ($codes, @payloads) = '';

    while (my ($code, $payload) = splice @verdicts, 0, 2) {
        $codes .= $code;
        push @payloads, $payload if $code =~ /[FRDQX]/;
    }

    my $r = script('commit', [ "mutt:processing:$pod", 'mutt:fence',
        'mutt:ledger', $queue, $alerts, $dlq, $dead ], $pod, $token, $number,
        $codes, 0, 0, 60, 0, @payloads);

    return ref $r ? $r->[0] : $r;
}

sub recover {
    my ($pod, $token, $most) = @_;

    return script('recover', [ 'mutt:fence', 'mutt:workers', 'mutt:hb',
        "mutt:heartbeat:$pod", "mutt:processing:$pod", $queue, $dlq ],
        $pod, $token, $most // 1000, 3, '2026-01-01T00:00:00.000000Z');
}

my $a = 'alerter:a';
my $b = 'alerter:b';

###############################################################################
# claim and commit

my @items = put((1) x 5);
my $token = register($a);
my $claim = claim($a, $token, 3);

is_deeply($claim->{items}, [ @items[0 .. 2] ], 'the oldest are claimed first');
is_deeply(claim($a, $token, 4)->{items}, [ @items[0 .. 3] ],
    'a claim whose answer was lost returns the same items, and more');
is(commit($a, $token, $claim->{number}, ('L', '') x 3), 'STALE',
    'a commit of an older claim does nothing');

$claim = claim($a, $token, 4);
is(commit($a, $token, $claim->{number}, F => 'alert', L => '', S => '',
    U => ''), 'OK', 'a commit settles');
is(commit($a, $token, $claim->{number}, ('L', '') x 4), 'STALE',
    'and only once');
is_deeply([ $t->redis('lrange', $alerts, 0, -1) ], [ 'alert' ],
    'the alert is where it belongs');
is_deeply([ map { $t->ledger()->{$_} } qw(logged suppressed unhandled) ],
    [ 1, 1, 1 ], 'the others are counted');
clean('claim and commit');

@items = put(1, 1, 1);
$token = register($a);
$claim = claim($a, $token, 3);
is(commit($a, $token, $claim->{number}, R => 'again', L => '',
    R => 'and again'), 'OK', 'items can go back');
is_deeply([ $t->redis('lrange', $queue, 0, -1) ], [ 'and again', 'again' ],
    'in their order');
clean('retry');

# what does not fit into a claim is not moved, nor written to the file, twice
$token = register($a);
@items = map { item() . 'x' x 1_000_000 } 1 .. 50;
put(map { \$_ } @items);

my $written = written();

is_deeply(claim($a, $token, 100, 3_000_000)->{items}, [ @items[0, 1] ],
    'of large items as many are claimed as fit');
cmp_ok(written() - $written, '<', 10_000_000, 'and hardly more are touched');
is_deeply(claim($a, $token, 100, 500_000)->{items}, [ $items[0] ],
    'one always fits');
is_deeply(claim($b, register($b), 100, 500_000)->{items}, [ $items[2] ],
    'from the queue as well');

clean('large items');

###############################################################################
# a claim behind one that is not settled yet

sub behind {
    my ($most, $ahead, $n) = @_;

    return claim($a, $token, $most, undef, undef,
        $n // scalar @{ $ahead->{items} }, $ahead->{number});
}

@items = put((1) x 6);
$token = register($a);
$claim = claim($a, $token, 2);

my $next = behind(2, $claim);

is_deeply($next->{items}, [ @items[2, 3] ], 'more is claimed behind a claim');
is(commit($a, $token, $next->{number}, ('L', '') x 2), 'STALE',
    'which cannot be settled before it');
is(commit($a, $token, $claim->{number}, ('L', '') x 2), 'OK',
    'the first one can');
is(behind(2, $claim), 'STALE', 'nothing is claimed behind what is settled');
is(commit($a, $token, $next->{number}, ('S', '') x 2), 'OK',
    'then the second');
is_deeply([ map { $t->ledger()->{$_} } qw(logged suppressed) ], [ 2, 2 ],
    'each as it was meant');

$claim = claim($a, $token, 1);
$next = behind(1, $claim);
is_deeply(claim($a, $token, 2)->{items}, [ @items[4, 5] ],
    'claimed again, both are there, in order');
is(commit($a, $token, $_->{number}, L => ''), 'STALE',
    'and neither of the two can be settled any more') for $claim, $next;
clean('a claim behind another');

my $again = '{"_attempts":2,"n":0}';

put(1, \$again, 1);
$token = register($a);
$claim = claim($a, $token, 1);
is_deeply(behind(5, $claim)->{items}, [],
    'an item that is to be alone is not claimed behind another');
is(commit($a, $token, $claim->{number}, L => ''), 'OK', 'it waits its turn');
$claim = claim($a, $token, 5);
is_deeply([ @{ $claim->{items} }, @{ behind(5, $claim)->{items} } ], [ $again ],
    'nor is anything claimed behind it');
$t->redis('flushall');

###############################################################################
# fences

put((1) x 6);
$token = register($a);
$claim = claim($a, $token, 3);

my $later = register($a, $token);

is(claim($a, $token, 3), 'FENCED', 'an older connection is fenced');
is(commit($a, $token, $claim->{number}, ('L', '') x 3), 'FENCED',
    'its delayed commit moves nothing');

my $resumed = claim($a, $later, 3);

is_deeply($resumed->{items}, $claim->{items}, 'the new one resumes');
is(commit($a, $token, $resumed->{number}, ('L', '') x 3), 'FENCED',
    'nor does it with the new one\'s batch');
is(recover($a, 'other'), -1, 'a janitor with an old view recovers nothing');
is(recover($a, $later), 3, 'one with the present view does');
is(recover($a, $later), -1, 'and only once');
is(commit($a, $later, $resumed->{number}, ('L', '') x 3), 'FENCED',
    'a worker that was paused finds itself fenced');
ok(register($a, $later) > $later, 'and may register again');
clean('fences');

###############################################################################
# names

$token = register($a);
is($t->redis('get', "mutt:heartbeat:$a"), $token,
    'a worker shows life before its first claim');

my $lost = register($a, $token);

ok(register($a, $token) > $lost,
    'a registration whose answer was lost is repeated');

my $taken = register($a, '', 'p2');

is_deeply(register($a, $token), [ 'DENIED', $taken ],
    'another process takes the name, the one before is denied it');
$t->redis('hset', 'mutt:fence', $a, 1, "$a#process", 'p0');
$t->redis('set', 'mutt:epoch', 1);
is(register($a, $taken, 'p2'), $taken + 1,
    'not so where Redis has lost its last writes, and no token comes twice');
clean('names');

###############################################################################
# attempts

@items = put(1, 1, 1);
$token = register($a);
claim($a, $token, 10);
recover($a, $token);
is_deeply([ $t->redis('lrange', $queue, 0, -1) ], [ map {
    s/"_attempts":0/"_attempts":1/r } reverse @items ],
    'recovery counts an attempt, and keeps order and bytes');

$token = register($a);
claim($a, $token, 10);
recover($a, $token);
$token = register($a);
is(scalar @{ claim($a, $token, 10)->{items} }, 1,
    'what was recovered twice travels alone');
is($t->redis('llen', $queue), 2, 'its neighbours stay where they are');
recover($a, $token);
$token = register($a);
claim($a, $token, 10);
recover($a, $token);
is($t->redis('llen', $dlq), 1, 'what exceeds its attempts is dead-lettered');
is_deeply([ map { /"_attempts":(\d+)/ } $t->redis('lrange', $queue, 0, -1) ],
    [ 2, 2 ], 'and its neighbours are not charged for it');
clean('attempts');

my $notes = ',"_failed_at":"2026-01-01T00:00:00.000000Z"'
    . ',"_failed_reason":"crashed"';

for my $case (
    [ '{"_attempts":3,"_replays":0,"a":{"_failed_at":"x"}}',
        qq({"_attempts":4$notes,"_replays":0,"a":{"_failed_at":"x"}}) ],
    [ '{"_attempts":3,"_failed_at":"T","_failed_reason":"sqlstate_22P05",'
        . '"_replays":2,"a":"\\"}"}',
        qq({"_attempts":4$notes,"_replays":2,"a":"\\"}"}) ],
    [ '{"_attempts":9}', qq({"_attempts":10$notes}) ])
{
    put(\$case->[0]);
    $token = register($a);
    claim($a, $token, 1);
    recover($a, $token);
    is($t->redis('lpop', $dlq), $case->[1],
        'a dead letter of recovery says when and why, once');
    $t->redis('hincrby', 'mutt:ledger', 'dead', 1);
}

put(\'{"_attempts":1,"_failed_at":"T","_failed_reason":"a","_replays":0}');
$token = register($a);
claim($a, $token, 1);
recover($a, $token);
is($t->redis('lindex', $queue, 0),
    '{"_attempts":2,"_failed_at":"T","_failed_reason":"a","_replays":0}',
    'what goes back keeps what it said');
clean('notes');

@items = (item(2), item(2), item(), item(), item(2), item());
put(map { \$_ } @items);
$token = register($a);

my @trips;

while (ref(my $c = claim($a, $token, 10))) {
    last unless @{ $c->{items} };
    push @trips, scalar @{ $c->{items} };
    is($t->redis('llen', "mutt:processing:$a"), $trips[-1],
        'no more is held than is claimed');
    commit($a, $token, $c->{number}, map { ('F', $_) } @{ $c->{items} });
}

is("@trips", '1 1 2 1 1', 'suspects travel alone wherever they are');
is_deeply([ reverse $t->redis('lrange', $alerts, 0, -1) ], \@items,
    'and in their order');
clean('suspects');

put(\'no JSON at all', 1);
$token = register($a);
claim($a, $token, 10);
recover($a, $token);
is($t->redis('lindex', $queue, -1), 'no JSON at all',
    'what has no envelope is recovered as it is');
clean('no envelope');

###############################################################################
# bounds

put((1) x 2500);
$token = register($a);
$t->redis('rpoplpush', $queue, "mutt:processing:$a") for 1 .. 2500;
is(recover($a, $token), 1000, 'recovery takes a thousand at a time');
is(recover($a, ''), 1000, 'and again');
is(recover($a, ''), 500, 'until all are back');
is($t->redis('llen', $queue), 2500, 'all of them');
is($t->redis('scard', 'mutt:workers'), 0, 'and the worker is forgotten');
clean('chunks');

@items = put((1) x 2500);
$token = register($a);
is_deeply(claim($a, $token, 1000)->{items}, [ @items[0 .. 999] ],
    'a thousand are claimed at a time, in their order');
is_deeply(claim($a, $token, 1000)->{items}, [ @items[0 .. 999] ],
    'and again, as long as they are not settled');
is(scalar @{ claim($a, $token, 1000, 10 * length $items[9])->{items} }, 10,
    'as many as have room in a reply');
is(scalar @{ claim($a, $token, 1000, 1)->{items} }, 1, 'but one always does');
clean('sizes');

###############################################################################
# the doorbell

@items = put((1) x 5);
$token = register($a);
$t->redis('rpoplpush', $queue, $bell);
is($t->ledger()->{difference}, 0, 'what a doorbell has lifted is in flight');
recover($a, $token);
is_deeply(claim($b, register($b), 3)->{items}, [ @items[0 .. 2] ],
    'and claimed first, whoever rang it, fenced or not');
clean('doorbell');

###############################################################################
# misdirection: a destination of the wrong type

put(1);
$token = register($a);
$claim = claim($a, $token, 1);
$t->redis('set', $alerts, 'x');
like(commit($a, $token, $claim->{number}, F => 'alert'), qr/WRONGTYPE/,
    'a destination of the wrong type is an error');
is($t->redis('llen', "mutt:processing:$a"), 1, 'and nothing has moved');
$t->redis('del', $alerts);
like(commit($a, $token, $claim->{number}, Z => ''), qr/no code Z/,
    'so is an unknown code');
like(script('commit', [ "mutt:processing:$a", 'mutt:fence', 'mutt:ledger',
    $queue, $alerts, $dlq, $dead ], $a, $token, $claim->{number}, 'U', 2, 1, 60, 0,
    'mutt:unhandled:h:0'), qr/arguments/, 'and a call that is cut short');
$t->redis('set', 'mutt:unhandled:h:0', 'many');
like(script('commit', [ "mutt:processing:$a", 'mutt:fence', 'mutt:ledger',
    $queue, $alerts, $dlq, $dead ], $a, $token, $claim->{number}, 'U', 1, 1, 60, 0,
    'mutt:unhandled:h:0'), qr/no number/,
    'and a counter that is none');
is($t->redis('llen', "mutt:processing:$a"), 1, 'and nothing has moved');
clean('wrong type');

put(1, 1);
$token = register($a);
$claim = claim($a, $token, 2);
is(commit($a, $token, $claim->{number}, ('L', '') x 3), 'STALE',
    'no more is committed than is held');
is(commit($a, $token, $claim->{number}, 'L', ''), 'OK', 'less may be');
is(commit($a, $token, $claim->{number}, 'L', ''), 'STALE', 'but only once');
clean('counts');

###############################################################################
# a full Redis: new events are refused, old ones drain

put((1) x 100);
$t->redis('config', 'set', 'maxmemory', 1);
like(script('ingest', [ $queue, 'mutt:ledger', 'mutt:dlq:rejected',
    'mutt:rate_limit:ingestor', map({ "mutt:metrics:$_" } 1 .. 3),
    "$queue:staged" ], 1000, 10, 0, 'mutt:dedup:', 0, 60, 0, 1, 1, 'x'), qr/OOM/,
    'a full Redis takes no event');
$token = register($a);
$claim = claim($a, $token, 100);
is(scalar @{ $claim->{items} }, 100, 'but lets them be claimed');
is(commit($a, $token, $claim->{number}, ('F', 'alert') x 100), 'OK',
    'and committed');
$t->redis('config', 'set', 'maxmemory', 0);
clean('full');

###############################################################################
# a transaction: the script takes the requests, LPUSHX their elements

# What is then in the queue, oldest first.
sub staged {
    my ($cap, $limit, $script, @sizes) = @_;
    my @elements = map { 'e' . ++$event } 1 .. sum(@sizes);

    $t->redis('multi');
    $t->redis(@$script, 8, $queue, 'mutt:ledger', 'mutt:dlq:rejected',
        'mutt:rate_limit:ingestor', map({ "mutt:metrics:$_" } 1 .. 3),
        "$queue:staged", $cap, 10, 0, 'mutt:dedup:', $limit, 60, 1,
        scalar @sizes, @sizes, $elements[0]);
    $t->redis('lpushx', "$queue:staged", @elements[1 .. $#elements]);
    $t->redis('renamenx', "$queue:staged", $queue);
    eval { $t->redis('exec') };
    return join ' ', reverse $t->redis('lrange', $queue, 0, -1);
}

my $ingest = [ 'eval', text_of('ingest') ];

is(staged(100, 0, $ingest, 2, 1), 'e1 e2 e3', 'all are there, in order');
is(staged(100, 0, $ingest, 2), 'e1 e2 e3 e4 e5', 'behind what was there');
is($t->redis('hget', 'mutt:ledger', 'accepted'), 5, 'all are counted');
is($t->redis('get', 'mutt:metrics:1'), 5, 'in the minute too');

my $before = 'e1 e2 e3 e4 e5';

is(staged(7, 0, $ingest, 2, 1), $before, 'if one does not fit, none comes');
is(staged(100, 6, $ingest, 4, 3), $before, 'nor above the limit');
is(staged(100, 0, [ 'evalsha', '0' x 40 ], 2, 1), $before,
    'nor where there is no script');
$t->redis('config', 'set', 'maxmemory', 1);
is(eval { staged(100, 0, $ingest, 2, 1) } // 'refused', 'refused',
    'nor where there is no memory');
$t->redis('config', 'set', 'maxmemory', 0);
is($t->redis('hget', 'mutt:ledger', 'accepted'), 5, 'and none is counted');
is($t->redis('exists', "$queue:staged"), 0, 'nothing stays behind');

$t->redis('lpush', "$queue:staged", 'mine');
is(staged(100, 0, $ingest, 2), "$before e@{[ $event - 1 ]} e$event",
    'a staging key that is somebody\'s is in nobody\'s way');
is($t->redis('hget', 'mutt:ledger', 'accepted'), 7, 'all are counted');
$t->redis('del', $queue);
$t->redis('set', "$queue:staged", 'mine too');
is(staged(1, 0, $ingest, 2), '', 'nor one that is no list, if none comes');
is_deeply([ sort map { $t->redis('type', $_) eq 'list'
    ? $t->redis('lrange', $_, 0, -1) : $t->redis('get', $_) }
    $t->redis('keys', "$queue:staged*") ], [ 'mine', 'mine too' ],
    'and what was in it is kept');
$t->redis('flushall');

for my $broken ([ 'no hash', 'set', 'mutt:ledger', 'x' ],
    [ 'no number', 'hset', 'mutt:ledger', 'accepted', 'many' ])
{
    my ($what, @command) = @$broken;

    $t->redis('del', 'mutt:ledger');
    $t->redis('del', $queue);
    $before = staged(100, 0, $ingest, 2);
    $t->redis('del', 'mutt:ledger');
    $t->redis(@command);
    $t->redis('lpush', "$queue:staged", 'mine');
    is(staged(100, 0, $ingest, 2), $before,
        "where the ledger is $what, none comes");
    is($t->redis('exists', "$queue:staged"), 0, 'nothing stays behind');
}

is_deeply([ map { $t->redis('lrange', $_, 0, -1) }
    $t->redis('keys', "$queue:staged*") ], [ 'mine', 'mine' ],
    'and what was somebody\'s is kept');
$t->redis('flushall');

###############################################################################
# unhandled events

put((1) x 5);
$token = register($a);

# how many meta-alerts, or which kinds have none yet
my $raised = sub {
    my ($n, $threshold, @meta) = @_;
    my $c = claim($a, $token, $n);
    my $r = script('commit', [ "mutt:processing:$a", 'mutt:fence',
        'mutt:ledger', $queue, $alerts, $dlq, $dead ], $a, $token,
        $c->{number}, 'U' x $n, 1, $threshold, 60, $n > 1 ? 1 : 0,
        'mutt:unhandled:h:0', $n > 1 ? (0, $n) : (), @meta);

    return $r->[0] eq 'OK' ? $r->[1] : "@$r";
};
my @meta = (0, '{"count":', '}');

is($raised->(2, 3), 0, 'below the threshold nothing is raised');
is($raised->(1, 3), 'NEED 0', 'at the threshold its text is asked for');
is($t->redis('get', 'mutt:unhandled:h:0'), 2, 'and nothing is counted');
is($raised->(1, 3, @meta), 1, 'with it, one is');
is($raised->(1, 3), 0, 'and then none');
is($t->redis('lindex', $alerts, 0), '{"count":3}', 'with the count');
ok($t->redis('ttl', 'mutt:unhandled:h:0:triggered') > 0, 'until it expires');
$t->redis('persist', 'mutt:unhandled:h:0');
$t->redis('del', 'mutt:unhandled:h:0:triggered');
put(1);
is($raised->(1, 3, @meta), 1, 'a counter without end raises too');
ok($t->redis('ttl', 'mutt:unhandled:h:0') > 0, 'and ends');
clean('unhandled');

###############################################################################
# the ledger

sub dated { return sprintf '{"_attempts":0,"_received_at":"2026-01-0%dT00:00:00'
    . '.000000Z"}', $_[0] }

sub ledger {
    my (@more) = @_;
    my $r = script('ledger', [ 'mutt:ledger', 'mutt:workers', $queue, $alerts,
        'mutt:retry:moog', $dlq, 'mutt:dlq:moog', @more ], 'mutt:processing:');

    is($r->[-2], 'difference', 'the difference comes last');
    return { @$r };
}

put(\dated(5), \dated(6));
register($a);
is(ledger()->{ingest_queue}, 2, 'what waits is counted');
is(ledger()->{oldest}, undef, 'without details unless asked for');
is(ledger('mutt:epoch')->{oldest}, '2026-01-05T00:00:00.000000Z',
    'with them the oldest is told');
claim($a, $t->redis('hget', 'mutt:fence', $a), 1);
$t->redis('rpush', $queue, '"_received_at":"yesterday"');
$t->redis('hincrby', 'mutt:ledger', 'external_in', 1);

my $ledger = ledger('mutt:epoch');

is($ledger->{'processing:alerter:a'}, 1, 'and what each worker has');
clean('ledger');
