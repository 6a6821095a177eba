# Redis hangs: the first requests wait for its deadline, the later ones for
# nothing; when it goes on, so does ingest, and no late answer is anybody
# else's.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Http;
use Mutt::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Mutt::Test->new()->has(qw(redis nginx))->plan(35);
my $changes = 'mutt_circuit_breaker_state_changes_total{name="redis"';

$t->http_conf('mutt_redis_failures 3;')->run();

my $sent = 0;
my %answered;

sub send_one {
    my $id = sprintf '01930000-0000-7000-8000-%012x', ++$sent;
    my $began = time();
    my $r = $t->ingest({ event_id => $id });

    $answered{$id} = 1 if $r->{code} == 200;
    return ($r, time() - $began, $id);
}

sub metric { return $t->metrics('nginx')->{"mutt_circuit_breaker_$_[0]"} }

sub changes { return $t->metrics('nginx')->{"$changes,$_[0]}"} }

sub is_closed {
    return changes('from_state="half_open",to_state="closed"')
        >= changes('from_state="closed",to_state="open"');
}

###############################################################################

is((send_one())[0]{code}, 200, 'an event is accepted');
is(metric('state{name="redis"}'), 0, 'the breaker is closed');
is($t->health('nginx')->{json}{redis}, 'connected', '/health says connected');

$t->signal('redis', 'STOP');

my ($r, $took) = send_one();

is($r->{code}, 503, 'a Redis that hangs is an outage');
cmp_ok($took, '>', 0.3, 'that the first request waits for');
cmp_ok($took, '<', 0.9, 'with a deadline');
$t->wait_for(sub {
    changes('from_state="closed",to_state="open"') == 2
}, 20, 'both nginx workers open their breaker');

my $slowest = 0;
my (%codes, %errors);

for (1 .. 60) {
    ($r, $took) = send_one();
    $slowest = $took if $took > $slowest;
    $codes{$r->{code}}++;
    $errors{$r->{json}{code} // ''}++;
}

is_deeply(\%codes, { 503 => 60 }, 'then all are refused');
is_deeply(\%errors, { redis_unavailable => 60 }, 'with the reason');
ok($r->{header}{'retry-after'} >= 1, 'and when to come back');
cmp_ok($slowest, '<', 0.25, 'without waiting for the deadline');

my $health = $t->health('nginx');

is($health->{code}, 503, '/health is red');
is($health->{json}{redis}, 'circuit_open', 'as it does not even ask');
is($health->{json}{error}, 'redis_unavailable', 'and says why');
cmp_ok(metric('state{name="redis"}'), '>', 0, 'so does /metrics');
is(metric('failures{name="redis"}'), 3, 'and after how many failures');
$t->wait_for(sub { changes('from_state="half_open",to_state="open"') > 2 }, 10,
    'probes go out and come to nothing');
is(changes('from_state="half_open",to_state="closed"'), 0,
    'none lets anybody through');

$t->signal('redis', 'CONT');
$t->wait_for(sub { (send_one())[0]{code} == 200 }, 10,
    'when Redis goes on, so does ingest');
$t->wait_for(\&is_closed, 10, 'in both workers');

my $wrong = grep { my ($answer, undef, $id) = send_one();
    ($answer->{json}{event_id} // '') ne $id } 1 .. 20;

is($wrong, 0, 'every answer is that of its request');
is(metric('state{name="redis"}'), 0, 'the breaker is closed');
is($t->health('nginx')->{code}, 200, '/health is green');

###############################################################################
# a Redis that is not there

$t->stop('redis');
$t->wait_for(sub { $t->health('nginx')->{json}{redis} eq 'circuit_open' }, 10,
    'a Redis that refuses connections opens the breaker too');
$t->start('redis');
$t->wait_for(sub { (send_one())[0]{code} == 200 && is_closed() }, 10,
    'and closes it when it is back');

###############################################################################
# a Redis that has become a replica takes no events, but answers

$t->redis('replicaof', '127.0.0.1', 1);
$t->wait_for(sub { send_one();
    $t->health('nginx')->{json}{redis} eq 'circuit_open' }, 10,
    'a Redis that has become a replica is away');
is((send_one())[0]{json}{code}, 'redis_unavailable', 'and events are refused');
$t->redis('replicaof', 'no', 'one');
$t->wait_for(sub { (send_one())[0]{code} == 200 && is_closed() }, 10,
    'until it is no more');
is($t->health('nginx')->{code}, 200, '/health is green');

###############################################################################
# nginx ends while Redis hangs

$t->signal('redis', 'STOP');

# a request that may go on is one that nginx has taken on
my $body = Mutt::Test::encode($t->event());
my @open = map { $t->http_raw(join "\r\n", 'POST /api/v2/ingest HTTP/1.1',
    'Host: localhost', 'X-API-KEY: ' . $t->key('ingest'),
    'Expect: 100-continue', 'Content-Length: ' . length $body, '', '')
} 1 .. 20;

is(scalar(grep { / 100 Continue/ } map { sysread $_, my $said, 25; $said }
    @open), 20, 'requests are taken on while Redis hangs');
print { $_ } $body for @open;

my $began = time();

$t->signal('nginx', 'QUIT');
%codes = ();
$codes{ Mutt::Http::read_response($_, 5)->{code} }++ for @open;
is_deeply(\%codes, { 503 => 20 },
    'nginx that is to end answers whom it had taken on');
close $_ for @open;
$t->process('nginx')->expect_end('exit 0', 10);
cmp_ok(time() - $began, '<', 4, 'and ends although Redis hangs');
$t->signal('redis', 'CONT');
$t->start('nginx');
is((send_one())[0]{code}, 200, 'it starts again');

my %queued = map { decode_json($_)->{_event_id} => 1 }
    $t->redis('lrange', 'mutt:ingest_queue', 0, -1);

is(scalar(grep { !$queued{$_} } keys %answered), 0,
    'what was answered 200 is there');
is($t->ledger()->{difference}, 0, 'and the ledger balances');
