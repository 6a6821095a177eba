# What a 2xx says it is worth is what Redis holds: each level, a real replica
# that stalls, a Redis that evicts, and a strict directive.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Http;
use Mutt::Ports;
use Mutt::Process;
use Mutt::Test;
use Redis;
use Test::More;
use Time::HiRes qw(time);

my $t = Mutt::Test->new()->has(qw(redis nginx))->plan(71);
my $sent = 0;

sub send_one {
    my ($id) = @_;

    return $t->ingest({ event_id => $id
        // sprintf '01930000-0000-7000-8000-%012x', ++$sent });
}

# the levels that requests were answered with, of both workers as a rule
sub levels {
    my %seen;

    $seen{ (send_one()->{header}{'x-mutt-durability'}) // 'refused' }++
        for 1 .. 30;
    return join ' ', sort keys %seen;
}

sub becomes {
    my ($level, $title, $seconds) = @_;
    my $now = '';

    ok($t->wait_for(sub { ($now = levels()) eq $level }, $seconds // 10),
        $title) or diag("it is $now");
}

sub reconnect {
    $t->redis('client', 'kill', 'type', 'normal', 'skipme', 'yes');
}

# changes Redis' configuration; nginx measures on a new connection
sub configure {
    my (@pairs) = @_;

    $t->redis('config', 'set', @pairs);
    reconnect();
}

# configured, actual, degraded; each worker tells when it has measured
sub gauges {
    my ($wanted, $title) = @_;
    my $now = '';

    ok($t->wait_for(sub {
        my $m = $t->metrics('nginx');

        $now = join ' ', map { $m->{"mutt_durability_$_"} }
            'level{which="configured"}', 'level{which="actual"}', 'degraded';
        return $now eq $wanted;
    }, 5), $title) or diag("they are $now");
}

###############################################################################
# one Redis: what it holds is what is said

$t->run();
becomes('memory', 'a Redis that syncs each second is "memory"');
gauges('1 1 0', 'which is what is wanted by default');
is($t->health('nginx')->{json}{durability}, 'memory', '/health says so');

my $r = $t->ingest([ $t->event(), {} ]);

is($r->{header}{'x-mutt-durability'}, 'memory', 'a batch says it too');
$r = $t->ingest({ message => '' });
is($r->{code}, 400, 'what is refused');
is($r->{header}{'x-mutt-durability'}, undef, 'says nothing');

configure('appendfsync', 'always');
becomes('fsync', 'a Redis that syncs always is "fsync"');
gauges('1 2 0', 'which is more than wanted');
configure('no-appendfsync-on-rewrite', 'yes');
becomes('memory', 'but not while it rewrites its file');
configure('no-appendfsync-on-rewrite', 'no');
becomes('fsync', 'unless it does then too');

$t->redis('acl', 'setuser', 'default', '-config');
reconnect();
becomes('memory', 'one that does not tell is taken for the lower level');
$t->redis('acl', 'setuser', 'default', '+@all');

configure('appendfsync', 'no');
becomes('none', 'a Redis that leaves it to the system holds nothing');
configure('appendfsync', 'everysec');
becomes('memory', 'and is believed again');

configure('maxmemory-policy', 'allkeys-lru');
becomes('none', 'a Redis that may evict the queue holds nothing');
gauges('1 0 1', 'which is less than wanted');
is($t->health('nginx')->{code}, 200, 'not strict, it goes on');
like($t->log_of('nginx'), qr/redis holds "none", wanted is "memory"/,
    'and the log says so');
configure('maxmemory-policy', 'noeviction');

configure('appendonly', 'no');
becomes('none', 'without an append only file there is no "memory"');
gauges('1 0 1', 'and the gauge is up');
configure('appendonly', 'yes');
becomes('memory', 'until it is back');
gauges('1 1 0', 'then it is down');

###############################################################################
# strict

$t->allow_alert(qr/mutt_durability is strict/);
$t->http_conf('mutt_durability fsync strict;');

my @before = $t->nginx_workers();

$t->write_conf();
$t->signal('nginx', 'HUP');
$t->wait_for(sub { $t->log_of('nginx')
        =~ /needs a Redis that holds "fsync", this one holds "memory"/ }, 10,
    'a reload that asks for more than Redis holds is refused');
is_deeply([ $t->nginx_workers() ], \@before, 'the old configuration goes on');
is(send_one()->{code}, 200, 'and takes events');

$t->stop('nginx');
# nginx frees nothing when it refuses its configuration
$t->launch('nginx', ASAN_OPTIONS => 'detect_leaks=0');
is($t->process('nginx')->expect_end('exit 1'), 'exit 1',
    'nginx does not start on less');

$t->stop('redis');
$t->start('nginx');
is(send_one()->{json}{code}, 'redis_unavailable',
    'without Redis it starts, and refuses');
$t->start('redis');
$t->wait_for(sub { $t->log_of('nginx') =~ /redis is back/ }, 10,
    'when Redis comes and holds less');
$r = send_one();
is($r->{code}, 503, 'events are refused');
is($r->{json}{code}, 'redis_unavailable', 'with the reason');
ok($r->{header}{'retry-after'} >= 1, 'and when to come back');
is($r->{header}{'x-mutt-durability'}, undef, 'and no level');

my $health = $t->health('nginx');

is($health->{code}, 503, '/health is red');
is($health->{json}{error}, 'redis_unavailable', 'as no event is taken');

my $depth = $t->redis('llen', 'mutt:ingest_queue');

send_one() for 1 .. 10;
is($t->redis('llen', 'mutt:ingest_queue'), $depth, 'nothing is queued');

configure('appendfsync', 'always');
becomes('fsync', 'when Redis holds it, events are taken');
$t->wait_for(sub { $t->health('nginx')->{code} == 200 }, 5,
    '/health is green');
gauges('2 2 0', 'all is as wanted');
ok($t->reload(), 'a reload goes through');

###############################################################################
# a replica

my $port = Mutt::Ports::take();
my $dir = $t->dir() . '/replica';

mkdir $dir;
$t->{parts}{replica} = Mutt::Process->new(name => 'replica',
    log => "$dir.log", command => [ 'redis-server', '--port', $port, '--bind',
        '127.0.0.1', '--dir', $dir, '--save', '', '--replicaof', '127.0.0.1',
        $t->port('redis') ]);

sub replica {
    my $redis = Redis->new(server => "127.0.0.1:$port", encoding => undef,
        cnx_timeout => 5, read_timeout => 5);

    return $redis->llen('mutt:ingest_queue');
}

sub in_sync {
    return (($t->redis('info', 'replication'))[0]{slave0} // '')
        =~ /state=online/;
}

$t->redis('config', 'set', 'repl-diskless-sync-delay', 0, 'appendfsync',
    'everysec');
$t->http_conf('mutt_durability replica timeout=300ms strict;');
ok($t->reload(), 'a replica that is not there is no reason not to start');
$t->wait_for(sub { send_one()->{code} == 503 }, 10, 'but one to refuse');
$t->process('replica')->start();
becomes('replica', 'with a replica a 2xx is "replica"', 30);
gauges('3 3 0', 'as wanted');

my $off = 0;

for (1 .. 50) {
    $off++ if send_one()->{json}{queue_depth} != replica();
}

is($off, 0, 'what was answered is on the replica');

$t->signal('replica', 'STOP');

my $id = '01930000-0000-7000-8000-ffffffffffff';
my $began = time();

$r = send_one($id);
is($r->{code}, 503, 'a replica that stalls: the event is refused');
cmp_ok(time() - $began, '<', 3, 'in time');
is($r->{json}{code}, 'redis_unavailable', 'with the reason');
ok($r->{header}{'retry-after'} >= 1, 'and when to come back');
gauges('3 1 1', 'the gauge is up');

# many at once share their waits
my $body = Mutt::Test::encode($t->event());
my @sockets = map { $t->http_raw(join "\r\n", 'POST /api/v2/ingest HTTP/1.1',
    'Host: localhost', 'X-API-KEY: ' . $t->key('ingest'),
    'Connection: close', 'Content-Length: ' . length $body, '', $body)
} 1 .. 40;
my %codes;

$codes{ Mutt::Http::read_response($_, 20)->{code} }++ for @sockets;
is_deeply(\%codes, { 503 => 40 }, 'forty at once are refused');
is($t->health('nginx')->{json}{redis}, 'connected', 'Redis is not blamed');
is($t->metrics('nginx')->{'mutt_circuit_breaker_state{name="redis"}'}, 0,
    'the breaker stays closed');
unlike($t->log_of('nginx'), qr/no answer in time/, 'no deadline is missed');

$t->signal('replica', 'CONT');
becomes('replica', 'when it goes on, events are taken', 20);

$depth = $t->redis('llen', 'mutt:ingest_queue');
$r = send_one($id);
is($r->{code}, 200, 'what was refused is sent again');
ok($r->{json}{duplicate}, 'it had been queued');
is($r->{header}{'x-mutt-durability'}, 'replica', 'now on the replica too');
is($t->redis('llen', 'mutt:ingest_queue'), $depth, 'once');
is(replica(), $depth, 'there and here');

###############################################################################

$t->stop('replica');
$t->wait_for(sub { send_one()->{code} == 503 }, 10,
    'without the replica nothing is taken');
$t->http_conf('mutt_durability replica=2;');
ok($t->reload(), 'two replicas are wanted');
$t->process('replica')->start();
$t->wait_for(\&in_sync, 20,
    'and one is there');
$t->wait_for(sub { send_one()->{code} == 503 }, 10, 'one is not two');
$t->http_conf('mutt_durability replica;');
ok($t->reload(), 'one is wanted');
becomes('replica', 'one is one', 20);
$t->redis('config', 'set', 'maxmemory-policy', 'volatile-lru');
reconnect();
becomes('none', 'but no better than the Redis it copies');
$t->redis('config', 'set', 'maxmemory-policy', 'noeviction');

for my $bad ('sync', 'replica=0', 'replica=101', 'memory timeout=0',
    'memory lax')
{
    $t->http_conf("mutt_durability $bad;");
    $t->write_conf();

    my %env = $t->part_env('nginx');
    local @ENV{ keys %env } = values %env;
    my $said = qx(nginx -t -e $dir.err -c @{[ $t->dir() ]}/nginx.conf 2>&1);

    like($said, qr/"mutt_durability" directive/, "\"$bad\" is no durability");
}

is($t->ledger()->{difference}, 0, 'the ledger balances');
