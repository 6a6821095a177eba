# An alerter with nothing to do: how it waits, and what it shows meanwhile.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));

$t->env(BRPOPLPUSH_TIMEOUT => 60)->run();
$t->rule(match_string => 'page');
$t->wait_for(sub { gauge('cache_rules_count') == 1 }, 10);

sub gauge { return $t->metrics('alerter')->{"mutt_alerter_$_[0]"} // 0 }

# only a claim takes from a queue by RPOP
sub calls {
    my ($command) = @_;

    return ($t->redis('info', 'commandstats') || {})->{"cmdstat_$command"}
        =~ /calls=(\d+)/ ? $1 : 0;
}

###############################################################################
# BRPOPLPUSH_TIMEOUT

my $waits = calls('brpoplpush');
my $claims = calls('rpop');

$t->wait_for(sub { calls('brpoplpush') >= $waits + 6 }, 20,
    'it waits in slices');
cmp_ok(calls('rpop') - $claims, '<=', 2,
    'and does not claim before BRPOPLPUSH_TIMEOUT is used up');
cmp_ok($t->health('alerter')->{json}{loop_age_seconds}, '<', 5,
    'its loop turns meanwhile');

$t->ingest('page one');
$t->wait_for(sub { $t->redis('llen', 'mutt:alert_queue') == 1 }, 5,
    'the first event ends the wait');

# what an alerter lifted that died before it claimed
$t->redis('lpush', 'mutt:processing:alerter:', '{"_attempts":0,"_replays":0,'
    . '"_event_id":"01930000-0000-7000-8000-000000000001","_correlation_id":'
    . '"c","_received_at":"2026-11-20T10:00:00Z","hostname":"h",'
    . '"message":"page two"}');
$t->wait_for(sub { $t->redis('llen', 'mutt:alert_queue') == 2 }, 20,
    'what another one has lifted ends it too');

$t->restart('alerter', BRPOPLPUSH_TIMEOUT => 1);
$t->wait_for(sub { gauge('cache_rules_count') == 1 }, 10);
$claims = calls('rpop');
$t->wait_for(sub { calls('rpop') >= $claims + 6 }, 20,
    'a shorter one is used up sooner');

###############################################################################
# gauges, while there is nothing to claim and while nothing may be claimed

$t->restart('alerter', BRPOPLPUSH_TIMEOUT => 60);
$t->redis('lpush', 'mutt:alert_queue', ('x') x 1500);
$t->wait_for(sub { gauge('queue_depth') == 1502 }, 10,
    'the depth of the alert queue is shown while idle');
$t->wait_for(sub { $t->health('alerter')->{json}{checks}{alert_queue}
    =~ /warn/ }, 5, 'and judged');

$t->stop('postgres');
$t->wait_for(sub { $t->health('alerter')->{code} == 503 }, 20);
$t->redis('ltrim', 'mutt:alert_queue', 0, 1);
$t->redis('lpush', 'mutt:dlq:alerter', 'x');
$t->wait_for(sub { gauge('queue_depth') == 2 && gauge('dlq_depth') == 1 }, 20,
    'and while PostgreSQL is away');

$t->done();
