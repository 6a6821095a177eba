# An event that takes more memory than an alerter has ends it each time; as one
# that crashes it does, it is put aside in the end, and what is behind it goes
# on.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx));
my $memory = $t->shim('alloc', 'alerter');

$t->env(INGEST_MAX_EVENT_BYTES => 8_000_000, ALERTER_MAX_RETRIES => 2);
$t->run();
$t->rule(match_string => 'note', prod_handling => 'Log_only');

my $r = $t->ingest([ map { $t->event(message => "note $_",
    $_ == 3 ? (more => 'x' x 2_500_000) : ()) } 1 .. 5 ]);

is($r->{code}, 200, 'five events are taken, one of them large')
    or diag($r->{body});
$memory->set(3, 2_000_000);

my $ends = 0;

# as a supervisor does
for (1 .. 8) {
    $t->launch('alerter');
    $t->process('alerter')->expect_end('exit 1', 0);
    $t->wait_for(sub { !$t->process('alerter')->running()
        || $t->ledger()->{logged} == 4 }, 20);
    last if $t->process('alerter')->running();
    $ends++;
}

cmp_ok($ends, '<=', 4, 'it ends it a few times');
is($t->ledger()->{logged}, 4, 'the others get through');
is($t->ledger()->{dlq_alerter}, 1, 'the large one is put aside');
like($t->redis('lrange', 'mutt:dlq:alerter', 0, 0) // '',
    qr/^.{0,200}"_failed_reason":"crashed"/, 'as one that ends its alerter');
is($t->ledger()->{difference}, 0, 'the ledger balances');

$t->done();
