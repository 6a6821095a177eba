# Of very many alerters some die: what they held is recovered, however many
# others live.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres alerter));

$t->env(ALERTER_HEARTBEAT_INTERVAL => 1, ALERTER_JANITOR_TIMEOUT => 3);
$t->run();
$t->rule(match_string => 'note', prod_handling => 'Log_only');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 20, 'the rule is there');

my @live = map { "alerter:live-$_" } 1 .. 700;
my @dead = map { "alerter:dead-$_" } 1 .. 20;
my $turn = 0;

sub beat {
    $turn++;
    $t->redis('hset', 'mutt:hb', map { $_ => "1:$turn" } @live);
}

sub item {
    my ($n) = @_;

    return sprintf '{"_attempts":0,"_replays":0,"_event_id":'
        . '"0197b0c2-0000-7000-8000-%012d","_correlation_id":"c%d",'
        . '"_received_at":"2026-11-01T00:00:00.000000Z","_source":"k",'
        . '"hostname":"h","message":"note","timestamp":1}', $n, $n;
}

$t->redis('sadd', 'mutt:workers', @live);
beat();
$t->redis('hincrby', 'mutt:ledger', 'accepted', scalar @dead);

for my $n (0 .. $#dead) {
    $t->redis('lpush', "mutt:processing:$dead[$n]", item($n));
}
$t->redis('sadd', 'mutt:workers', @dead);

is($t->ledger()->{processing}, 20, 'twenty hold an event and do not beat');
$t->wait_for(sub { beat(); $t->ledger()->{logged} == 20 }, 30,
    'each of the events is recovered');
is($t->redis('scard', 'mutt:workers'), @live + 1, 'who lives is left alone');
is($t->ledger()->{difference}, 0, 'the ledger balances');

$t->redis('srem', 'mutt:workers', @live);
$t->redis('hdel', 'mutt:hb', @live);

$t->done();
