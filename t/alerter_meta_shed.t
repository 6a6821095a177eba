# While alerts are shed, unmatched events raise none: they are counted on, and
# a kind that is over its threshold raises its meta-alert afterwards.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));

$t->env(UNHANDLED_THRESHOLD => 5, ALERTER_QUEUE_WARN_THRESHOLD => 5,
    ALERTER_QUEUE_SHED_THRESHOLD => 10);
$t->run();
$t->rule(match_string => 'page');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 20, 'the rule is there');

my $unhandled = 0;

# So many unmatched events of each of so many hosts, settled.
sub unmatched {
    my ($hosts, $times) = @_;

    for my $host (1 .. $hosts) {
        $t->ingest([ map { $t->event(hostname => "h$host",
            message => "odd $_") } 1 .. $times ]);
    }
    $unhandled += $hosts * $times;
    $t->wait_for(sub { $t->ledger()->{unhandled} == $unhandled }, 20,
        "$hosts hosts send $times unmatched events each");
}

sub level { $t->health('alerter')->{json}{checks}{alert_queue} // '' }

$t->ingest([ map { $t->event(message => 'page') } 1 .. 30 ]);
$t->wait_for(sub { $t->ledger()->{dlq_alerter} > 0 && level() eq 'shedding' },
    20, 'alerts are shed');

my $depth = $t->ledger()->{alert_queue};

unmatched(20, 7);
is($t->ledger()->{alert_queue}, $depth, 'unmatched events add no alert');
is($t->ledger()->{meta_created}, 0, 'none is made');

# the webhook takes what there was
$t->redis('del', 'mutt:alert_queue');
$t->redis('hincrby', 'mutt:ledger', 'delivered', $depth);
$t->wait_for(sub { level() eq 'ok' }, 20, 'the shedding ends');
unmatched(3, 1);
is($t->ledger()->{meta_created}, 3, 'the next event of a kind raises its alert');
like(decode_json(scalar $t->redis('lindex', 'mutt:alert_queue', -1))
    ->{message_body}, qr/Detected 8 unhandled messages/, 'with all of them');
is($t->ledger()->{difference}, 0, 'the ledger balances');

$t->done();
