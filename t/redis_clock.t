# Redis' clock is set back: what was to wait for a moment of it waits no longer
# than it would have, by a clock that goes on.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Http;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx sink alerter forwarder));
my $clock = $t->shim('clock', 'redis');

$t->env(MOOG_RATE_LIMIT => 1000, CIRCUIT_BREAKER_TIMEOUT => 1,
    CIRCUIT_BREAKER_THRESHOLD => 1, MOOG_MAX_RETRIES => 5,
    MOOG_RETRY_BASE_DELAY => 3600, MOOG_RETRY_MAX_DELAY => 3600,
    MOOG_WEBHOOK_TIMEOUT => 1);
$t->run();
$t->rule(match_string => 'page');

$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 20, 'the rule is there');

my $sent = 0;

sub control {
    Mutt::Http::request($t->port('sink'), 'POST', "/control?$_[0]", '');
}

sub page {
    $sent++;
    is($t->ingest("page $sent")->{code}, 200, 'an event is taken');
}

sub arrives {
    my ($title) = @_;

    $t->wait_for(sub { $t->ledger()->{delivered} == $sent }, 20, $title)
        or diag(explain($t->ledger()));
}

# A day back from where it is.
sub set_back { $clock->set(0, $clock->get(0) - 86_400 * 1_000_000) }

page();
arrives('an alert arrives');

# the breaker opens, and the alert lies among the retries
control('status=500');
page();
$t->wait_for(sub { $t->ledger()->{retry} == 1 }, 20, 'an alert is to be retried');
set_back();
control('status=200');
page();
arrives('the clock is set back: the breaker closes, the retry is sent');

# the webhook asks for a pause
control('status=429&times=1&retry_after=1');
page();
$t->wait_for(sub { $t->redis('hexists', 'mutt:rate_limit:moog', 'hold') }, 20,
    'the webhook asks for a pause');
set_back();
arrives('the clock is set back: the pause ends');

is($t->ledger()->{difference}, 0, 'the ledger balances');

$t->done();
