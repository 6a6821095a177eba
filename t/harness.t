# The harness itself: each part starts, answers, dies and comes back, and the
# promises at the end see what is wrong.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Keys;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres))->plan(11);

$t->run();

###############################################################################

is($t->redis('set', 'mutt:epoch', 1), 'OK', 'redis takes a command');
is($t->sql('SELECT 1 + ?::int', 2), 3, 'postgres takes a statement');
is($t->sql('SELECT count(*) FROM schema_version'),
    scalar(() = glob "$FindBin::Bin/../sql/[0-9]*.sql"),
    'the schema is there');
is($t->ledger()->{difference}, 0, 'an empty ledger balances');

$t->kill('redis')->start('redis');
is($t->redis('get', 'mutt:epoch'), 1, 'redis comes back with its data');

$t->kill('postgres', 'QUIT')->start('postgres');
is($t->sql('SELECT 2'), 2, 'postgres comes back');

is($t->process('redis')->end(), 'signal 9', 'an end is known');
ok($t->wait_for(sub { 1 }, 1), 'a condition that holds is met at once');
ok(!$t->wait_for(sub { 0 }, 0.1), 'one that does not is not');

my $root = "$FindBin::Bin/..";

is_deeply([ Mutt::Keys::strays($root, [ 'mutt:ingest_queue', 'list' ],
    [ 'mutt:processing:alerter:a:b', 'list' ], [ 'mutt:epoch', 'string' ],
    [ 'mutt:metrics:1m:2026-01-01T00:00', 'string' ]) ], [],
    'keys of the table are known');
is_deeply([ Mutt::Keys::strays($root, [ 'mutt:other', 'list' ],
    [ 'mutt:ledger', 'list' ], [ 'other', 'string' ]) ],
    [ 'mutt:other: no such key', 'mutt:ledger: list instead of hash',
        'other: no such key' ],
    'others are not');
