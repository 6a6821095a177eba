# A forwarder that has no memory for an alert it was given ends, and does not
# keep the alert in its list for as long as it lives.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx sink alerter));

if (!$t->sanitized()) {
    plan(skip_all => 'the released build has no failpoints');
}

$t->env(MOOG_RATE_LIMIT => 1000);
$t->run();
$t->rule(match_string => 'page');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 20, 'the rule is there');

is($t->ingest([ map { $t->event(message => "page $_") } 1 .. 5 ])->{code},
    200, 'five events are taken');
$t->wait_for(sub { $t->ledger()->{alert_queue} == 5 }, 20, 'and are alerts');

$t->launch('forwarder', MUTT_FAIL => 'forwarder.slot=error@3');
$t->process('forwarder')->expect_end('exit 1', 20);
ok(!$t->process('forwarder')->running(), 'it ends at the third');
$t->start('forwarder');
$t->wait_for(sub { $t->sink_stats()->{distinct} == 5 }, 20,
    'the next one sends all');
$t->wait_for(sub { $t->ledger()->{delivered} == 5 }, 20, 'and settles them');
is($t->ledger()->{difference}, 0, 'the ledger balances');

$t->done();
