# The workers' end of the queues: names that are taken, lost and given back,
# answers that are lost on the way, silent workers and who finds them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IPC::Open2;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has('redis')->proxy('redis');

$t->run();

my $queue = 'mutt:ingest_queue';
my $event = 0;

# A client in a process of its own; answers come as words.
sub client {
    my ($pod, %env) = @_;

    local %ENV = (%ENV, $t->part_env('shell'),
        REDIS_URL => 'redis://127.0.0.1:' . $t->port('redis'), %env);
    my $pid = open2(my $out, my $in, "$t->{build}/t/queue_shell", $pod);

    return bless { pod => $pod, pid => $pid, in => $in, out => $out };
}

# Says a line, hears one.
sub tell {
    my ($c, $line) = @_;

    local $SIG{ALRM} = sub { die "no answer to $line\n" };
    alarm 30;
    print { $c->{in} } "$line\n";
    my $answer = readline $c->{out};
    alarm 0;

    chomp($answer //= 'ended');
    return $answer;
}

sub numbers { return join ' ', $_[0] =~ /"n":(\d+)/g }

# Ends as asked, or without a word.
sub quit {
    my ($c) = @_;

    close $c->{in};
    waitpid $c->{pid}, 0;
    is($?, 0, "$c->{pod} ends well");
}

sub crash {
    my ($c) = @_;

    kill 'KILL', $c->{pid};
    waitpid $c->{pid}, 0;
}

sub put {
    my ($n) = @_;

    $t->redis('lpush', $queue, sprintf '{"_attempts":0,"_replays":0,"n":%d}',
        ++$event) for 1 .. $n;
    $t->redis('hincrby', 'mutt:ledger', 'accepted', $n);
}

sub attempts {
    return join ' ', map { /"_attempts":(\d+)/ } reverse
        $t->redis('lrange', $_[0], 0, -1);
}

sub clean {
    my ($title) = @_;

    is($t->ledger()->{difference}, 0, "the ledger balances: $title");
    $t->redis('flushall');
    $event = 0;
}

sub beat { return $_[0]->tell("janitor $_[1] $_[2]") =~ s/^ok //r }

sub token { return ($_[0] =~ /^ok (\d+)/)[0] // $_[0] }

###############################################################################
# names

put(5);

my $a = client('a');
my $token = token($a->tell('register'));

is(numbers($a->tell('claim 3')), '1 2 3', 'a worker claims');
$a->crash();

my $b = client('a');

is($b->tell('register'), 'ok ' . ($token + 1) . ' 3',
    'a name that comes back takes up what it left, at once');
is(attempts($queue), '1 1 1 0 0', 'and its crash is counted');
is(numbers($b->tell('claim 5')), '1 2 3 4 5', 'in the old order');

my $c = client('a');

like($c->tell('register'), qr/^ok \d+ 5$/, 'a second process takes the name');
is($b->tell('commit LLLLL'), 'fenced', 'the first finds itself fenced');
is($b->tell('register'), 'denied', 'and is denied the name');
$b->quit();
is(numbers($c->tell('claim 5')), '1', 'what crashed twice travels alone');
is($c->tell('commit F'), 'ok', 'and is settled');
is(numbers($c->tell('claim 1')), '2', 'so do the others');
is($c->tell('leave'), 'ok', 'an orderly end');
is(attempts($queue), '2 2 1 1', 'hands back and counts nothing');
is($t->redis('exists', 'mutt:processing:alerter:a', 'mutt:hb', 'mutt:workers',
    'mutt:heartbeat:alerter:a', 'mutt:fence'), 0, 'and leaves no trace');
is($c->tell('leave'), 'fenced', 'and happens once');
$c->quit();
clean('names');

###############################################################################
# answers that are lost on the way: what was carried out is not repeated

my $lossy = 'redis://127.0.0.1:' . $t->port('redis-proxy');

# The next answer is cut after a byte.
sub lose { $t->fault('redis', 'cut-after', 1) }

put(5);
$a = client('a', REDIS_URL => $lossy, REDIS_TIMEOUT_MS => 2000);
$token = token($a->tell('register'));
is(numbers($a->tell('claim 1')), '1', 'a claim past a proxy');
is($a->tell('commit L'), 'ok', 'a commit past it');
is(numbers($a->tell('claim 2')), '2 3', 'all scripts are loaded now');
lose();
is($a->tell('claim 3'), 'unavailable', 'the answer of a claim is lost');
like($a->tell('register'), qr/^ok \d+ 0$/, 'the worker registers again');
is(numbers($a->tell('claim 3')), '2 3 4', 'and claims the same items');
lose();
is($a->tell('commit FLS'), 'unavailable', 'the answer of a commit is lost');
is($a->tell('commit FLS'), 'unavailable', 'which cannot be repeated at once');
$a->tell('register');
is($a->tell('commit FLS'), 'fenced', 'nor under a new registration');
$a->tell('register');
is(numbers($a->tell('claim 3')), '5', 'the next claim shows that it had worked');
is($t->redis('llen', 'mutt:alert_queue'), 1, 'once');
lose();
is($a->tell('register'), 'unavailable',
    'the answer of a registration is lost');
like($a->tell('register'), qr/^ok/, 'which takes the name from nobody');
is(numbers($a->tell('claim 3')), '5', 'the work goes on');
is($a->tell('commit U'), 'ok', 'and is settled');
lose();
put(1);
is($a->tell('wait 1000'), 'unavailable', 'the answer of a doorbell is lost');
$a->tell('register');
is(numbers($a->tell('claim 3')), '6', 'what it has lifted is claimed');
is($a->tell('commit L'), 'ok', 'and settled');
clean('lost answers');

###############################################################################
# a server that forgets, refuses, hangs, restarts

put(3);
$a->tell('register');
$t->redis('script', 'flush');
is(numbers($a->tell('claim 2')), '1 2', 'flushed scripts are loaded again');
$t->redis('script', 'flush');
is($a->tell('commit LL'), 'ok', 'each of them');

$t->redis('set', 'mutt:alert_queue', 'x');
$a->tell('claim 1');
is($a->tell('claim 1'), 'unavailable', 'a wrong type is an outage');
$t->redis('del', 'mutt:alert_queue');
is(numbers($a->tell('claim 1')), '3', 'after it nothing is missing');
$t->redis('set', 'mutt:alert_queue', 'x');
is($a->tell('commit F'), 'unavailable', 'nor does a commit move anything');
$t->redis('del', 'mutt:alert_queue');
is($a->tell('commit F'), 'ok', 'until it can');

put(2);
$t->redis('config', 'set', 'maxmemory', 1);
is(numbers($a->tell('claim 5')), '4 5', 'a full Redis lets items be claimed');
is($a->tell('commit FD'), 'ok', 'and settled');
is($a->tell('claim 5'), 'again', 'until there are none');
is($a->tell('wait 100'), 'again', 'and the doorbell does not spin');
$t->redis('config', 'set', 'maxmemory', 0);

put(2);
is(numbers($a->tell('claim 5')), '6 7', 'a claim before a pause of Redis');
$t->fault('redis', 'drop');
is($a->tell('commit LL'), 'timeout', 'no answer within the time');
$t->fault('redis', 'pass');
is($a->tell('claim 5'), 'unavailable', 'a connection that failed is not used');
$a->tell('register');
is(numbers($a->tell('claim 5')), '6 7', 'what never arrived was not done');
$t->kill('redis')->start('redis');
is($a->tell('commit LL'), 'unavailable', 'Redis is gone');
like($a->tell('register'), qr/^ok \d+ 0$/, 'and back');
is(numbers($a->tell('claim 5')), '6 7', 'with everything');
is($a->tell('commit LL'), 'ok', 'as it was');

put(1);
$t->redis('replicaof', '127.0.0.1', 1);
is($a->tell('claim 5'), 'unavailable', 'a replica is not talked to');
$t->redis('replicaof', 'no', 'one');
is($a->tell('claim 5'), 'unavailable', 'nor is its connection kept');
$a->tell('register');
is(numbers($a->tell('claim 5')), '8', 'a master again');
is($a->tell('commit L'), 'ok', 'it is served');
$a->quit();
clean('a bad server');

###############################################################################
# silence

put(2500);
$a = client('a');
$b = client('b');
$c = client('c');
$token = token($a->tell('register'));

my %held = (b => token($b->tell('register')), c => token($c->tell('register')));

$a->tell('claim 2');
is($b->beat($held{b}, 0) + $b->beat($held{b}, 1), 0, 'nobody is silent yet');
is($a->beat($token, 0), 0, 'a sign of life');
is($b->beat($held{b}, 2), 0, 'counts');
is($b->beat($held{b}, 3), 0, 'for as long as the lease');
is($b->beat($held{b}, 4), 2, 'then what the silent one held is recovered');
is($b->beat($held{b}, 9), 0, 'once');
is($a->beat($token, 1), 0, 'a fenced one shows no more life');
is($t->redis('hexists', 'mutt:hb', 'alerter:a'), 0, 'that others could see');
is($a->tell('commit LL'), 'fenced', 'and settles nothing');

my $older = $token;

$token = token($a->tell('register'));
is(numbers($a->tell('claim 2')), '1 2', 'it may go on');
is($t->redis('get', 'mutt:heartbeat:alerter:a'), $token,
    'with a sign of life before the first claim');
$a->beat($older, 2);
is($t->redis('hget', 'mutt:hb', 'alerter:a'), "$token:0",
    'which none of an older registration replaces');

$b->tell('forget');
is($b->beat($held{b}, 90) + $b->beat($held{b}, 91), 0,
    'after a lost connection the watch begins anew');

# two janitors at the same time, and more than one script may move
$t->redis('rpoplpush', $queue, 'mutt:processing:alerter:a') for 1 .. 2400;
$held{c} = token($c->tell('register'));
$held{b} = token($b->tell('register'));
$b->tell('forget');
$_->beat($held{ $_->{pod} }, 0) for $b, $c;
is($b->beat($held{b}, 1) + $c->beat($held{c}, 1), 0,
    'both watch, and each other');
print { $_->{in} } "janitor $held{ $_->{pod} } 2\n" for $b, $c;

my $moved = 0;

$moved += (readline($_->{out}) =~ /^ok (\d+)/)[0] for $b, $c;
is($moved, 2402, 'two janitors recover it all, once');
is($t->redis('llen', $queue), 2500, 'nothing is missing or twice');
is($t->redis('lindex', $queue, -1), '{"_attempts":2,"_replays":0,"n":1}',
    'in order, with the attempt');
is($t->redis('sismember', 'mutt:workers', 'alerter:a'), 0,
    'and the worker is forgotten');

# a worker that rings the doorbell after it was given up, and dies
$t->redis('del', $queue);
$t->redis('hset', 'mutt:ledger', 'accepted', 0);
$token = token($a->tell('register'));
$b->beat($held{b}, 4);
is($b->beat($held{b}, 6), 0, 'a worker that holds nothing is given up');
put(1);
is($a->tell('wait 1000'), 'ok', 'it rings the doorbell');
$a->crash();
is($t->ledger()->{difference}, 0, 'what it has lifted is in flight');
is(numbers($b->tell('claim 1')), $event, 'and claimed by another');
is($b->tell('commit L'), 'ok', 'and settled');

# a dead worker whose list Redis was full to take back
put(1);
$a = client('a');
$token = token($a->tell('register'));
$a->tell('claim 1');
$a->crash();
$b->beat($held{b}, 10);
$t->redis('config', 'set', 'maxmemory', 1);
is($b->beat($held{b}, 12), 1, 'a full Redis lets the dead be recovered');
is($b->tell('leave'), 'ok', 'and workers leave');
$t->redis('config', 'set', 'maxmemory', 0);
$_->quit() for $b, $c;
clean('silence');

$t->done();
