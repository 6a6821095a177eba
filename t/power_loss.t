# What a power loss takes: with appendfsync "always" nothing that was
# acknowledged; with "everysec" exactly as many events as MUTT then reports.
# The power goes in the middle of the load: Redis is killed, and its file is
# cut to what had been synced.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Process;
use Mutt::Test;
use Test::More;

my $ROUNDS = $ENV{MUTT_POWER_ROUNDS} // 2;

my $t = Mutt::Test->new()->has(qw(redis nginx));
my $disk = $t->shim('fsync', 'redis');
my $loads = 0;

$t->env(INGEST_MAX_RATE => 1_000_000_000, MAX_INGEST_QUEUE_SIZE => 10_000_000);
$t->run();

# Sends batches over some connections; writes down what became of each event.
sub start_load {
    my $file = $t->dir() . '/acked.' . ++$loads;
    my $load = Mutt::Process->new(name => 'load', log => "$file.log",
        command => [ "$t->{build}/t/fault_load", '-k', $t->key('ingest'),
            '-c', 6, '-b', 20, '-r', 8000, '-t', 20, '-s', $loads,
            'http://127.0.0.1:' . $t->port('nginx') . '/api/v2/ingest',
            $file ]);

    $load->start(ASAN_OPTIONS => 'detect_leaks=0');
    return ($load, $file);
}

# The ids that were acknowledged.
sub acked {
    my ($file) = @_;

    return ended($file, 'ok');
}

sub ended {
    my ($file, $how) = @_;

    my @ids = slurp($file) =~ /^(\S+) $how\b/mg;

    return @ids;
}

# Those that are in the queue.
sub queued {
    my %queued = map { /"_?event_id":"([^"]+)"/ ? ($1 => 1) : () }
        $t->redis('lrange', 'mutt:ingest_queue', 0, -1);

    return \%queued;
}

sub unsynced {
    my ($path) = glob $t->dir() . '/appendonlydir/*.incr.aof';

    return $disk->unsynced($path);
}

sub reported {
    return $t->metrics('nginx')->{mutt_ledger_regression_events_total} // 0;
}

# Both processes of nginx are connected again.
sub reconnected {
    my @clients = grep { /name=mutt-nginx/ }
        split /\n/, $t->redis('client', 'list');

    return @clients == 2;
}

# One power loss under load, that goes on through the restart or ends before
# it.  How many acknowledged events it took, how many more were reported, how
# many had been acknowledged, and how many had no answer and are not there.
sub power_loss {
    my ($policy, $goes_on) = @_;

    $t->redis('config', 'set', 'appendfsync', $policy);

    my ($before, $held) = (reported(), queued());
    my ($load, $file) = start_load();

    $t->wait_for(sub { acked($file) > 4000 }, 15)
        or die "the load does not get through\n";
    $t->wait_for(sub { unsynced() > 0 }, 5) if $policy eq 'everysec';
    $t->lose_power($disk);
    $t->wait_for(sub { (slurp($file) =~ tr/\n//) > acked($file) }, 5);
    $load->stop() unless $goes_on;
    my $acked = acked($file);
    $t->start('redis');
    $t->wait_for(\&reconnected, 10);
    $t->wait_for(sub { acked($file) > $acked + 1000 }, 10) if $goes_on;
    $load->stop();

    my $queued = queued();
    my @acked = (keys %$held, acked($file));
    my $lost = grep { !$queued->{$_} } @acked;
    my $unheard = grep { !$queued->{$_} } ended($file, 'unknown');

    $t->wait_for(sub { reported() - $before >= $lost }, 5);

    # who counts late counts twice
    for (1 .. 10) {
        $t->wait_for(sub { $t->ingest('after')->{code} == 200 }, 5);
    }

    my $more = reported() - $before - $lost;

    return ($lost, $more, scalar @acked, $unheard);
}

# As much is reported as is lost; more only where Redis had an event and lost
# it while its client was not told.
sub is_reported {
    my ($more, $unheard) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    cmp_ok($more, '>=', 0, 'and as much is reported');
    cmp_ok($more, '<=', $unheard, 'but for what no client heard of');
}

sub slurp {
    my ($path) = @_;

    open my $in, '<', $path or return '';
    local $/;
    return scalar <$in> // '';
}

###############################################################################

for my $round (1 .. $ROUNDS) {
    my ($lost, $more, $acked, $unheard) = power_loss('everysec', $round % 2);

    diag("everysec: $lost of $acked acknowledged events lost");
    cmp_ok($lost, '>', 0, 'everysec: the power loss takes something');
    is_reported($more, $unheard);
}

for my $round (1 .. $ROUNDS) {
    my ($lost, $more, $acked) = power_loss('always', $round % 2);

    diag("always: $lost of $acked acknowledged events lost");
    is($lost, 0, 'always: it takes nothing that was acknowledged');
    is($more, 0, 'and nothing is reported');
}

is($t->ledger()->{difference}, 0, 'the ledger balances');

###############################################################################
# a disk that is slow loses more, and no more than is reported

$disk->set(0, 1500);

my ($lost, $more, $acked, $unheard) = power_loss('everysec');

diag("everysec, a sync takes 1.5 s: $lost of $acked acknowledged events lost");
cmp_ok($lost, '>', 0, 'a slow disk: the power loss takes something');
is_reported($more, $unheard);

$t->done();
