# GET ledger: what came in, what ended, what is in flight; for whom, and what
# it says when Redis is away, hangs, has lost data or miscounts.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()
    ->has(qw(redis postgres nginx sink alerter forwarder))->plan(59);

$t->env(READ_KEY => 'a-read-key')->http_conf('mutt_key r read env:READ_KEY;')
    ->main_conf('env READ_KEY;')->run();
$t->rule(match_string => 'page');
$t->rule(match_string => 'note', prod_handling => 'Log_only');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 2 }, 10);

sub get {
    my ($method, $version, $key) = @_;

    return $t->http($method // 'GET', '/api/' . ($version // 'v2') . '/ledger',
        undef, 'X-API-KEY' => $key // $t->key('admin'));
}

sub lost {
    return $t->metrics('nginx')->{mutt_ledger_regression_events_total};
}

###############################################################################
# who may ask

my $r = $t->http('GET', '/api/v2/ledger');

is($r->{code}, 401, 'without a key there is no answer');
is($r->{json}{code}, 'unauthorized', 'with the reason');
$r = get('GET', 'v2', $t->key('ingest'));
is($r->{code}, 403, 'an ingest key may not read');
is($r->{json}{required_scope}, 'read', 'and is told what may');
is(get('GET', 'v2', 'a-read-key')->{code}, 200, 'a read key may');
is(get()->{code}, 200, 'the admin key may');
$r = get('POST');
is($r->{code}, 405, 'nobody may post');
is($r->{header}{allow}, 'GET, HEAD, OPTIONS', 'and is told what goes');
is(get('OPTIONS')->{code}, 204, 'as who asks is');
is(get('GET', 'v3')->{code}, 404, 'there are two versions');

for my $version (qw(v1 v2)) {
    my $old = $version eq 'v1';

    $r = get('GET', $version);
    is($r->{code}, 200, "$version answers");
    is($r->{header}{'content-type'}, 'application/json', 'in JSON');
    is($r->{header}{'x-api-version'}, '2.5', 'with the version served');
    is($r->{header}{'x-api-deprecated'}, $old ? 'true' : 'false',
        'and whether it will last');
    is(defined $r->{header}{sunset}, $old, 'and until when');
    is($r->{header}{'cache-control'}, 'no-store', 'it is of this moment');

    my $head = get('HEAD', $version);

    is($head->{code}, 200, "HEAD of $version answers too");
    is($head->{body}, '', 'without a body');
}

###############################################################################
# what is in it

my $empty = get()->{json};

is_deeply([ sort keys %$empty ], [ sort qw(epoch accepted external_in
    meta_created terminal in_flight difference regression durability
    oldest_in_flight_age_s snapshot_ms) ], 'all is there');
is_deeply($empty->{in_flight}, { ingest_queue => 0, alert_queue => 0,
    retry => 0, dlq_alerter => 0, dlq_moog => 0, processing => {
        'alerter:alerter' => 0, 'moog:forwarder' => 0 } },
    'nothing is in flight, in no worker');
is($empty->{oldest_in_flight_age_s}, undef, 'so nothing has an age');
is_deeply($empty->{regression}, { events => 0, at => undef },
    'nothing was lost');
is_deeply($empty->{durability}, { configured => 'memory', actual => 'memory' },
    'it says what a 2xx is worth');
cmp_ok($empty->{epoch}, '>=', 2, 'and how often workers registered');

$t->ingest([ map { $t->event(message => $_) } 'page', 'note', 'note', 'none' ]);
$t->wait_for(sub {
    my $j = get()->{json};
    return $j->{terminal}{delivered} == 1 && $j->{terminal}{logged} == 2
        && $j->{terminal}{unhandled} == 1;
}, 15, 'events end');

my $j = get()->{json};

is($j->{accepted}, 4, 'all that came in');
is_deeply($j->{terminal}, { logged => 2, suppressed => 0, unhandled => 1,
    delivered => 1, dead => 0, dead_purged => 0, dlq_purged => 0 },
    'have ended');
is($j->{difference}, 0, 'the difference is zero');
is($t->metrics('nginx')->{mutt_ledger_difference}, 0, 'the gauge too');

$t->stop('alerter');
$t->ingest('waits');
$j = get()->{json};
is($j->{in_flight}{ingest_queue}, 1, 'what waits is in flight');
cmp_ok($j->{oldest_in_flight_age_s}, '<', 60, 'since a moment');
$t->redis('lpop', 'mutt:ingest_queue');
$t->redis('lpush', 'mutt:processing:alerter:gone',
    '{"_attempts":0,"_replays":0,"_received_at":"2026-01-01T00:00:00.000000Z"}');
$t->redis('sadd', 'mutt:workers', 'alerter:gone');
$j = get()->{json};
is($j->{in_flight}{processing}{'alerter:gone'}, 1, 'so is what a worker has');
cmp_ok($j->{oldest_in_flight_age_s}, '>', 86400, 'as old as it is');
$t->redis('rpoplpush', 'mutt:processing:alerter:gone',
    'mutt:processing:alerter:');
$j = get()->{json};
is($j->{in_flight}{processing}{doorbell}, 1, 'and what a doorbell has brought');
is($j->{difference}, 0, 'which is in flight');
$t->redis('rpoplpush', 'mutt:processing:alerter:',
    'mutt:processing:alerter:gone');
$t->redis('hincrby', 'mutt:ledger', 'accepted', 3);
is(get()->{json}{difference}, 3, 'a difference is seen');
$t->wait_for(sub {
    $t->metrics('nginx')->{mutt_ledger_difference} == 3 }, 15,
    'by the gauge without anybody asking');
$t->redis('hincrby', 'mutt:ledger', 'accepted', -3);
$t->redis('del', 'mutt:processing:alerter:gone');
$t->redis('srem', 'mutt:workers', 'alerter:gone');
$t->redis('hincrby', 'mutt:ledger', 'dead_purged', 1);
$t->wait_for(sub {
    $t->metrics('nginx')->{mutt_ledger_difference} == 0 }, 15,
    'and goes again; what was purged has ended');

###############################################################################
# a Redis that loses, without traffic

# what was taken back by hand above is a loss, too, and counted by now
my $before = lost();
my $had = get()->{json}{accepted};

$t->redis('flushall');
$t->wait_for(sub { lost() > $before }, 10,
    'a flush behind a connection that stays is noticed');
is(lost() - $before, $had, 'as what it was');
$j = get()->{json};
is($j->{regression}{events}, $before + $had, 'the answer has it');
like($j->{regression}{at}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, 'and since when');
is($j->{accepted}, 0, 'nothing is left');

$t->ingest([ map { $t->event() } 1 .. 7 ]) for 1 .. 3;
$before = lost();
$t->stop('forwarder');
$t->stop('redis');
system('rm', '-rf', $t->dir() . '/appendonlydir');
$r = get();
is($r->{code}, 503, 'without Redis there is no ledger');
is($r->{json}{code}, 'redis_unavailable', 'with the reason');
ok($r->{header}{'retry-after'} >= 1, 'and when to come back');
$t->start('redis');
$t->wait_for(sub { lost() > $before }, 10,
    'a Redis that comes back without its data is noticed');
is(lost() - $before, 21, 'as what it was');

###############################################################################
# a Redis that hangs, askers that leave

$t->wait_for(sub { get()->{code} == 200 }, 5);
$t->signal('redis', 'STOP');

my @gone = map { $t->http_raw("GET /api/v2/ledger HTTP/1.1\r\n"
    . "Host: localhost\r\nX-API-KEY: " . $t->key('admin') . "\r\n\r\n")
} 1 .. 20;

$r = get();
is($r->{code}, 503, 'a Redis that hangs is away');
close $_ for @gone;
$t->signal('redis', 'CONT');
$t->wait_for(sub { get()->{code} == 200 }, 5, 'and back when it goes on');
is($t->ledger()->{difference}, 0, 'the ledger balances');
