# A PostgreSQL that needs longer for a claim's rows than a statement may take:
# the same rows are given more time, so that they get in at last.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));

$t->env(DB_TIMEOUT_MS => 500);
$t->run();
$t->rule(match_string => 'note', prod_handling => 'Log_only');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 20, 'the rule is there');

# 100 rows take a second
$t->sql('CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS'
    . ' $$ BEGIN PERFORM pg_sleep(0.01); RETURN new; END $$');
$t->sql('CREATE TRIGGER slow BEFORE INSERT ON event_audit_log'
    . ' FOR EACH ROW EXECUTE FUNCTION slow()');

is($t->ingest([ map { $t->event(message => "note $_") } 1 .. 100 ])->{code},
    200, 'a hundred events are taken');
$t->wait_for(sub { $t->ledger()->{logged} == 100 }, 60, 'and end');
is($t->sql('SELECT count(*) FROM event_audit_log'), 100,
    'each has its audit row');
is($t->ledger()->{difference}, 0, 'the ledger balances');

$t->done();
