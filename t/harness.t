# The harness itself: each part starts, answers, dies and comes back, and the
# promises at the end see what is wrong.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Http;
use Mutt::Keys;
use IO::Select;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres))
    ->proxy(qw(redis postgres))->plan(16);

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

# One PING past the proxy.
sub ping {
    my ($socket) = @_;

    my $reply = '';

    Mutt::Http::write_all($socket, "PING\r\n");
    sysread $socket, $reply, 100 if IO::Select->new($socket)->can_read(0.5);
    return $reply;
}

my $open = sub { Mutt::Http::open_raw($t->port('redis-proxy')) };
my $link = $open->();

is(ping($link), "+PONG\r\n", 'bytes pass the proxy');
$t->fault('redis', 'drop');
is(ping($link), '', 'or are dropped');
$t->fault('redis', 'cut-after', 3);
is(ping($open->()), '+PO', 'or are cut in the middle of a reply');
is(ping($open->()), "+PONG\r\n", 'and pass again after that');
is(`psql -XAt -d '@{[ $t->database_url('mutt') ]}' -c 'SELECT 1'`, "1\n",
    'and postgres is reached past one too');

is_deeply([ Mutt::Keys::strays($root, [ 'mutt:ingest_queue', 'list' ],
    [ 'mutt:processing:alerter:a:b', 'list' ], [ 'mutt:epoch', 'string' ],
    [ 'mutt:metrics:1m:2026-01-01T00:00', 'string' ]) ], [],
    'keys of the table are known');
is_deeply([ Mutt::Keys::strays($root, [ 'mutt:other', 'list' ],
    [ 'mutt:ledger', 'list' ], [ 'other', 'string' ]) ],
    [ 'mutt:other: no such key', 'mutt:ledger: list instead of hash',
        'other: no such key' ],
    'others are not');
