# The primary dies while its replica stands still, and the replica takes over.
# At the level "replica" nothing that was acknowledged is lost, for nothing
# was acknowledged that the replica had not confirmed; at "memory" as many
# events are lost as MUTT then reports.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Process;
use Mutt::Test;
use Redis;
use Test::More;

sub slurp {
    my ($path) = @_;

    open my $in, '<', $path or return '';
    local $/;
    return scalar <$in> // '';
}

# The ids of which the sender was told so.
sub ids {
    my ($file, $outcome) = @_;

    my @ids = slurp($file) =~ /^(\S+) $outcome\b/mg;

    return @ids;
}

sub start_load {
    my ($t, $file) = @_;

    my $load = Mutt::Process->new(name => 'load', log => "$file.log",
        command => [ "$t->{build}/t/fault_load", '-k', $t->key('ingest'),
            '-c', 6, '-b', 10, '-r', 2000, '-t', 30,
            'http://127.0.0.1:' . $t->port('nginx') . '/api/v2/ingest',
            $file ]);

    $load->start(ASAN_OPTIONS => 'detect_leaks=0');
    return $load;
}

sub reported {
    my ($t) = @_;

    return $t->metrics('nginx')->{mutt_ledger_regression_events_total} // 0;
}

# A replica is served at once, not after five seconds for others to come.
sub hurry { $_[0]->redis(qw(config set repl-diskless-sync-delay 0)) }

# The old primary comes back, as a replica of the new one.
sub follow {
    my ($t) = @_;

    $t->launch('redis');
    $t->wait_for(sub { eval { Redis->new(
        server => '127.0.0.1:' . $t->port('redis'), cnx_timeout => 1)
        ->replicaof('127.0.0.1', $t->port('redis2')) } }, 20)
        or die "the old primary does not follow\n";
}

# How many acknowledged events a failover takes, how many are reported, how
# many were acknowledged, and how many had no answer and are not there; the
# parts are still running.
sub fail_over {
    my ($t) = @_;

    my $file = $t->dir() . '/outcomes';

    $t->env(INGEST_MAX_RATE => 1_000_000_000);
    $t->proxy('redis')->replica('redis2');
    $t->run();
    hurry($t);
    $t->start('redis2');
    $t->wait_for(sub { ($t->redis('info', 'replication')->{slave0} // '')
        =~ /state=online/ }, 20) or die "the replica does not follow\n";

    # one that has just come counts from nginx' next look
    $t->redis('client', 'kill', 'type', 'normal', 'skipme', 'yes');

    my $load = start_load($t, $file);

    $t->wait_for(sub { ids($file, 'ok') > 1000 }, 20)
        or die "the load does not get through\n";
    $t->signal('redis2', 'STOP');

    # what the kernel holds for it it will still read, and no more; the primary
    # goes on alone, and its clients hear of it or wait in vain
    $t->redis('client', 'kill', 'type', 'replica');

    my ($ok, $unknown) = map { scalar ids($file, $_) } qw(ok unknown);

    $t->wait_for(sub { ids($file, 'ok') > $ok + 400
        || ids($file, 'unknown') > $unknown + 120 }, 20)
        or die "nothing reaches the primary alone\n";
    $t->kill('redis');
    $t->signal('redis2', 'CONT');
    $t->promote('redis2');
    hurry($t);
    follow($t);

    my $acked = ids($file, 'ok');

    $t->wait_for(sub { ids($file, 'ok') > $acked }, 20)
        or die "the replica takes no events\n";
    $load->stop();

    my %queued = map { /"_?event_id":"([^"]+)"/ ? ($1 => 1) : () }
        $t->redis('lrange', 'mutt:ingest_queue', 0, -1);
    my @acked = ids($file, 'ok');
    my $lost = grep { !$queued{$_} } @acked;
    my $unheard = grep { !$queued{$_} } ids($file, 'unknown');

    $t->wait_for(sub { reported($t) > 0 && reported($t) >= $lost }, 20);
    return ($lost, reported($t), scalar @acked, $unheard);
}

###############################################################################

my $memory = Mutt::Test->new()->has(qw(redis nginx));
my ($lost, $reported, $acked, $unheard) = fail_over($memory);

diag("memory: $lost of $acked acknowledged events lost");
cmp_ok($lost, '>', 0, 'memory: the failover takes something');
cmp_ok($reported, '>=', $lost, 'and as much is reported');
cmp_ok($reported - $lost, '<=', $unheard, 'but for what no client heard of');
$memory->finish();

my $t = Mutt::Test->new()->has(qw(redis nginx));

$t->http_conf('mutt_durability replica timeout=100ms;');
($lost, $reported, $acked) = fail_over($t);

diag("replica: $lost of $acked acknowledged events lost");
is($lost, 0, 'replica: it takes nothing that was acknowledged');
cmp_ok($reported, '>', 0, 'what Redis had taken and lost is reported');
cmp_ok(scalar(ids($t->dir() . '/outcomes', 'unknown')), '>=', $reported,
    'and was not acknowledged');
is($t->ledger()->{difference}, 0, 'the ledger balances');

$t->done();
