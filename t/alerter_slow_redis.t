# Redis is far away: a claim of several megabytes takes longer than a call may
# take, and is made nevertheless; a Redis that is silent is still given up.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter))
    ->proxy('redis')->plan(5);

$t->env(REDIS_TIMEOUT_MS => 500, INGEST_MAX_EVENT_BYTES => 1_000_000,
    INGEST_MAX_MESSAGE_BYTES => 1_000_000);
$t->run();
$t->rule(match_string => 'page', prod_handling => 'Log_only');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 10);

sub rows { return $t->sql('SELECT count(*) FROM event_audit_log') }

# a claim's worth, in one piece behind a claim that was too early
$t->stop('alerter');
is(scalar(grep { $t->ingest("page $_ " . 'x' x 400_000)->{code} == 200 }
    1 .. 12), 12, 'five megabytes of events are taken');
$t->fault('redis', 'rate', 3_000_000);
$t->launch('alerter');
$t->wait_for(sub { rows() == 12 }, 60, 'they are processed at 3 MB/s')
    or diag(explain($t->ledger()));
is($t->ledger()->{difference}, 0, 'nothing is missing');

$t->fault('redis', 'drop');
$t->wait_for(sub { $t->health('alerter')->{code} == 503 }, 15,
    'a Redis that is silent is given up');
$t->fault('redis', 'pass');
$t->wait_for(sub { $t->ingest('page one more')->{code} == 200 }, 30);
$t->wait_for(sub { rows() >= 13 }, 60, 'and used again');

$t->done();
