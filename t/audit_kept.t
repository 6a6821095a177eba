# An event that has ended has its audit row for good, whatever PostgreSQL was
# told about commits: a row that only waits to be written would be gone with
# the server, and its event with it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));

$t->run();
$t->rule(match_string => 'note', prod_handling => 'Log_only');

# nothing that was not asked for is written for some time
$t->stop('alerter');
$t->sql("ALTER SYSTEM SET $_") for 'synchronous_commit = off',
    "wal_writer_delay = '10s'", "wal_writer_flush_after = '1GB'";
$t->restart('postgres');
$t->start('alerter');

for my $n (1 .. 3) {
    my $r = $t->ingest('note');

    is($r->{code}, 200, "event $n is taken");
    $t->wait_for(sub { $t->ledger()->{logged} == $n }, 20, 'and has ended');
    $t->kill('postgres', 'QUIT');
    $t->start('postgres');
    is($t->sql('SELECT count(*) FROM event_audit_log WHERE event_id = ?',
        $r->{json}{event_id}), 1, 'the server is killed: its row is there');
}

is($t->ledger()->{difference}, 0, 'the ledger balances');

$t->done();
