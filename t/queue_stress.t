# The queue's scripts and their client under everything at once: workers are
# killed and paused beyond their lease, names come back or never do, Redis is
# killed, its scripts are flushed, its connections are cut, while events are
# pushed.  Afterwards every acknowledged event is in exactly one place, the
# one it belongs to, and the ledger balances.
#
# MUTT_STRESS_SECONDS and MUTT_STRESS_SEED choose another run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use POSIX ();
use Redis;
use Test::More;
use Time::HiRes qw(time);

my $SECONDS = $ENV{MUTT_STRESS_SECONDS} // 6;
my $SEED = $ENV{MUTT_STRESS_SEED} // int rand 2**31;
my @WORKERS = map { "queue$_" } 1 .. 4;
my $KINDS = 3;

my $t = Mutt::Test->new()->has('redis')->plan(15 + $KINDS);

diag("MUTT_STRESS_SEED=$SEED");
srand $SEED;

$t->redis_conf('--appendfsync', 'always');
$t->env(ALERTER_HEARTBEAT_INTERVAL => 1, ALERTER_JANITOR_TIMEOUT => 2,
    ALERTER_MAX_RETRIES => 100, ALERTER_BATCH_MAX => 50,
    UNHANDLED_THRESHOLD => 50);
$t->run();
$t->program($_, 'queue_worker') for @WORKERS;
$t->reserve($_) for @WORKERS;

my $life = 0;

# Two workers come back by their name, two never do.
sub launch {
    my ($name) = @_;

    $t->launch($name, METRICS_PORT_ALERTER => $t->port($name),
        POD_NAME => $name =~ /[12]$/ ? $name : "$name-" . ++$life);
}

###############################################################################
# A sender of its own process: what is not answered is sent again, under the
# same ids, and only what is answered counts.

my $acked = $t->dir() . '/acked';

sub slurp {
    my ($path) = @_;

    open my $file, '<', $path or die "$path: $!\n";
    local $/;
    return scalar <$file>;
}

sub push_batch {
    my ($redis, $text, $ids) = @_;

    my @keys = ('mutt:ingest_queue', 'mutt:ledger', 'mutt:dlq:rejected',
        'mutt:rate_limit:ingestor', 'mutt:metrics:1m:x', 'mutt:metrics:1h:x',
        'mutt:metrics:24h:x', 'mutt:ingest_queue:staged');
    my @reply = $redis->eval($text, scalar @keys, @keys, 5000, 0, 600,
        'mutt:dedup:', 0, 60, 0, 1, @$ids . ':0:' . @$ids . ':k',
        map({ qq({"_attempts":0,"_replays":0,"n":$_}) } @$ids), @$ids);

    # what is said of the request is that it was not simply queued
    return @reply == 5 || $reply[6] == 0;
}

my $test = $$;
my $sender = fork() // die "fork: $!\n";

if ($sender == 0) {
    my ($stop, $next, $redis) = (0, 1);
    my $text = slurp("$FindBin::Bin/../lib/domain/lua/ingest.lua");

    $SIG{TERM} = sub { $stop = 1 };
    $SIG{PIPE} = 'IGNORE';
    open my $out, '>', $acked or POSIX::_exit(1);
    $out->autoflush(1);

    until ($stop || getppid() != $test) {
        my @ids = ($next .. $next + int rand 100);

        $next += @ids;

        until (eval {
            $redis //= Redis->new(sock => $t->dir() . '/redis.sock',
                cnx_timeout => 1, read_timeout => 2);
            push_batch($redis, $text, \@ids);
        }) {
            undef $redis if $@;
            last if getppid() != $test;
            select undef, undef, undef, 0.005;
        }

        print $out map { "$_\n" } @ids;
    }

    POSIX::_exit(0);
}

###############################################################################

my (%paused, %did);

my %do = (
    kill => sub {
        my ($name) = @_;

        $t->kill($name);
        delete $paused{$name};
        launch($name);
    },
    pause => sub {
        my ($name) = @_;

        $t->signal($name, 'STOP');
        $paused{$name} //= time() + 0.2 + rand 3.5;
    },
    redis => sub { $t->kill('redis')->start('redis') },
    flush => sub { $t->redis('script', 'flush') },
    cut => sub { eval { $t->redis('client', 'kill', 'type', 'normal') } },
);
my @dice = (('kill') x 8, ('pause') x 8, ('redis') x 2, 'flush', ('cut') x 2);

launch($_) for @WORKERS;

my $end = time() + $SECONDS;

while (time() < $end) {
    my $what = $dice[rand @dice];

    $do{$what}->($WORKERS[rand @WORKERS]);
    $did{$what}++;

    for my $name (grep { $paused{$_} < time() } keys %paused) {
        $t->signal($name, 'CONT');
        delete $paused{$name};
    }

    my $next = time() + rand 0.1;
    $t->wait_for(sub { time() > $next }, 1);
}

$t->signal($_, 'CONT') for keys %paused;
kill 'TERM', $sender;
waitpid $sender, 0;
is($?, 0, 'the sender got its last events accepted');

$t->wait_for(sub {
    my $l = eval { $t->ledger() } or return;
    !grep { $l->{$_} } qw(ingest_queue processing)
}, 40, 'the queue drains');

###############################################################################

my @ids = split /\n/, slurp($acked);
my $ledger = $t->ledger();
my (%want, %seen);

# where t/tools/queue_worker.c sends a number
my @place = qw(alerts alerts alerts logged suppressed unhandled dlq dead alerts
    alerts);
my %list = (alerts => 'mutt:alert_queue', dlq => 'mutt:dlq:alerter',
    dead => 'mutt:dlq:dead');

push @{ $want{ $place[$_ % 10] } }, $_ for @ids;

is($ledger->{difference}, 0, 'the ledger balances');
is($ledger->{accepted}, @ids, 'what was acknowledged was accepted, once');

my $metas = 0;

for my $place (sort keys %list) {
    my @found = $t->redis('lrange', $list{$place}, 0, -1);

    $metas += grep { /"meta"/ } @found;
    $seen{$_}++ for my @numbers = map { /"n":(\d+)/ ? $1 : () } @found;
    is(join(' ', sort { $a <=> $b } @numbers),
        join(' ', sort { $a <=> $b } @{ $want{$place} }),
        "$place has what belongs there, once");
}

is($ledger->{$_}, scalar @{ $want{$_} }, "$_ are counted once")
    for qw(logged suppressed unhandled dead);

for my $kind (0 .. $KINDS - 1) {
    is($t->redis('get', "mutt:unhandled:h:$kind"),
        scalar(grep { int($_ / 10) % $KINDS == $kind } @{ $want{unhandled} }),
        'so are they by kind');
}

is($metas, $KINDS, 'each kind raised its one meta-alert');
is($ledger->{meta_created}, $metas, 'which the ledger knows');

$t->stop($_) for @WORKERS;
is_deeply([ $t->redis('keys', 'mutt:processing:*') ], [],
    'no processing list is left');
is($t->redis('hlen', 'mutt:fence') + $t->redis('scard', 'mutt:workers'), 0,
    'and no worker');

diag(@ids . ' acknowledged, '
    . grep({ $_ > 1 } values %seen) . ' twice, difference '
    . "$ledger->{difference}; "
    . join ', ', map { "$did{$_} x $_" } sort keys %did);
