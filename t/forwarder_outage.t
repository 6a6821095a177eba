# The webhook refuses, limits, stops, hangs, is misconfigured: alerts wait and
# arrive, one probe at a time, and what is refused for good is dead-lettered.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Http;
use Mutt::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Mutt::Test->new()
    ->has(qw(redis postgres nginx sink alerter forwarder forwarder2))
    ->plan(29);

$t->env(MOOG_RATE_LIMIT => 1000, CIRCUIT_BREAKER_TIMEOUT => 1,
    CIRCUIT_BREAKER_THRESHOLD => 5, MOOG_MAX_RETRIES => 2,
    MOOG_RETRY_BASE_DELAY => 0.05, MOOG_RETRY_MAX_DELAY => 0.2,
    MOOG_WEBHOOK_TIMEOUT => 1, MOOG_API_KEY => 'first-key');
$t->run();
$t->rule(match_string => 'page');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 10);

sub control {
    my ($query) = @_;

    Mutt::Http::request($t->port('sink'), 'POST', "/control?$query", '');
}

sub reset_sink {
    Mutt::Http::request($t->port('sink'), 'POST', '/reset', '');
    control('status=200');
    $t->redis('del', 'mutt:circuit_breaker:moogsoft');
}

sub page { $t->ingest([ map { $t->event(message => "page $_") } 1 .. $_[0] ]) }

sub arrived {
    my ($n, $title, $seconds) = @_;

    ok($t->wait_for(sub { $t->sink_stats()->{distinct} == $n },
        $seconds // 15), $title) or diag(encode_json($t->ledger()));
}

sub breaker { $t->redis('hget', 'mutt:circuit_breaker:moogsoft', 'state') }

###############################################################################

page(1);
arrived(1, 'an alert arrives');

for my $status (201, 202, 204) {
    reset_sink();
    control("status=$status");
    page(1);
    arrived(1, "$status is delivered");
}

for my $status (408, 425, 500, 503) {
    reset_sink();
    control("status=$status&times=1");
    page(1);
    arrived(1, "$status is tried again");
}

###############################################################################
# a limit of the webhook's

reset_sink();
control('status=429&times=1&retry_after=1');

my $began = time();

page(3);
arrived(3, '429 is tried again');
cmp_ok(time() - $began, '>=', 0.9, 'not before Retry-After');
is(breaker(), undef, 'and is no failure');

###############################################################################
# refused for good

reset_sink();
control('status=400&times=1');
page(1);
ok($t->wait_for(sub { $t->ledger()->{dlq_moog} == 1 }, 5),
    '400 is dead-lettered');

my $letter = decode_json(scalar $t->redis('lindex', 'mutt:dlq:moog', 0));

is($letter->{_failed_reason}, 'http_400', 'with the reason');
is($letter->{message_body}, 'page 1', 'as the alert it is');
is($t->sink_stats()->{attempts}, 1, 'after one attempt');

reset_sink();
control('status=302&times=1');
page(1);
ok($t->wait_for(sub { $t->ledger()->{dlq_moog} == 2 }, 5),
    'a redirect is not followed');

###############################################################################
# an outage: the breaker opens, alerts wait, one probe, then all arrive

reset_sink();
control('status=503');
page(200);
ok($t->wait_for(sub { (breaker() // '') eq 'OPEN' }, 10), 'the breaker opens');

# what was on its way when it opened is no probe
$t->wait_for(sub { $t->ledger()->{processing} == 0 }, 5);

my $attempts = $t->sink_stats()->{attempts};

$t->wait_for(sub { $t->sink_stats()->{attempts} > $attempts }, 5);
$attempts = $t->sink_stats()->{attempts};
$began = time();
$t->wait_for(sub { time() - $began > 3.2 }, 5);
cmp_ok($t->sink_stats()->{attempts} - $attempts, '<=', 4,
    'two forwarders send one probe at a time');
cmp_ok($t->metrics('forwarder')->{mutt_moog_circuit_open}, '==', 1,
    'the metric says so');
is($t->health('forwarder')->{code}, 200, '/health stays green');
is($t->ledger()->{difference}, 0, 'the ledger balances meanwhile');
control('status=200');
arrived(200, 'all arrive behind it', 30);
is(scalar $t->redis('llen', 'mutt:dlq:moog'), 2, 'none was dead-lettered');

###############################################################################
# a wrong key holds the queue

reset_sink();
control('status=401');
page(200);
ok($t->wait_for(sub { (breaker() // '') eq 'OPEN' }, 10),
    'a wrong key opens the breaker');
$began = time();
$t->wait_for(sub { time() - $began > 2.5 }, 5);
is(scalar $t->redis('llen', 'mutt:dlq:moog'), 2,
    'and pours nothing into the dead letters');
control('status=200');
arrived(200, 'the queue was held', 30);

###############################################################################
# the webhook is gone altogether

reset_sink();
$t->stop('sink');
page(20);
ok($t->wait_for(sub { (breaker() // '') eq 'OPEN' }, 10),
    'a webhook that is gone opens the breaker');
$t->start('sink');
arrived(20, 'all arrive when it is back', 20);
is($t->ledger()->{difference}, 0, 'the ledger balances');
