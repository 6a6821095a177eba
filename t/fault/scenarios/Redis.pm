package Mutt::Scenarios::Redis;

# Redis dies, hangs, forgets, fills up, is busy, answers half.

use strict;
use warnings;

use Time::HiRes qw(time);

# Lets a proxy spoil the connections to Redis for a while.
sub proxied {
    my (@words) = @_;

    return (
        setup => sub { $_[0]->t->proxy('redis') },
        fault => sub {
            my ($f) = @_;

            $f->t->fault('redis', @words);
            $f->pause($f->pick(3, 15));
            $f->t->fault('redis', 'pass');
        },
        check => sub {
            $_[0]->expect($_[0]->result->{unknown} > 0, 'nothing was spoilt');
        });
}

# Redis' append-only file on a disk that fills up under load; 4 MB hold the
# empty file and a few thousand events.
sub on_small_disk {
    my ($fsync) = @_;

    return sub {
        my ($f) = @_;

        $f->tmpfs($f->t->dir . '/aof', '4m');
        $f->t->redis_conf('--dir', $f->t->dir . '/aof', '--appendfsync',
            $fsync, '--auto-aof-rewrite-percentage', '0');
    };
}

sub enlarge {
    my ($f) = @_;

    system('mount', '-o', 'remount,size=64m', $f->t->dir . '/aof') == 0
        or die "remount failed\n";
}

sub disk_full_everysec {
    my ($f) = @_;

    $f->until(sub { $f->t->redis('info', 'persistence')
        ->{aof_last_write_status} ne 'ok' }, 60, 'the disk is full');
    $f->pause($f->pick(1, 5));
    $f->expect($f->t->process('redis')->running(), 'redis lives');
    enlarge($f);
}

sub disk_full_always {
    my ($f) = @_;

    $f->mortal('redis');
    $f->until(sub { !$f->t->process('redis')->running() }, 60,
        'redis ends when it cannot write');
    enlarge($f);
    $f->t->start('redis');
}

# Events wait, memory is full, and the workers are to drain them all the same.
sub memory_full {
    my ($f) = @_;

    my $t = $f->t;

    $t->kill($_) for qw(alerter alerter2);
    $f->send(count => $f->pick(2_000, 20_000));
    $t->redis(qw(config set maxmemory 1mb));
    $f->start_load(rate => 100);
    $f->until(sub { $t->ingest('fault refused')->{code} == 503 }, 5,
        'a full Redis refuses');

    my ($waiting, $began) = ($t->ledger()->{ingest_queue}, time());

    $t->launch($_) for qw(alerter alerter2);
    $f->until(sub { $f->drained() }, 120, 'workers drain a full Redis');
    $f->note(sprintf '%d events/s drained while full',
        $waiting / (time() - $began));
    $t->redis(qw(config set maxmemory 0));
}

sub busy_script {
    my ($f) = @_;

    # BUSY from the first half second on
    $f->t->redis(qw(config set busy-reply-threshold 500));
    $f->t->redis('eval', <<'EOL', 0);
local function now()
    local t = redis.call('TIME')
    return t[1] * 1000 + t[2] / 1000
end
local ends = now() + 3000
while now() < ends do end
EOL
}

sub lose_fence {
    my ($f) = @_;

    $f->every(0.5, $f->pick(6, 40), sub {
        my ($n) = @_;

        return $f->t->redis('del', 'mutt:fence') if $n % 2;
        $f->t->redis('hdel', 'mutt:fence', "$_:$_") for qw(alerter moog);
        $f->t->redis('hdel', 'mutt:fence', $_)
            for $f->t->redis('smembers', 'mutt:workers');
    });
}

my $flushed;

sub flush_all {
    my ($f) = @_;

    $f->pause($f->pick(1, 3));
    $flushed = $f->t->redis('eval', <<'EOL', 1, 'mutt:ledger');
local n = redis.call('HGET', KEYS[1], 'accepted')
redis.call('FLUSHALL')
return n
EOL
    $f->pause(2);
}

# The gap that is reported is what Redis had counted.
sub check_flushed {
    my ($f) = @_;

    my $told = $f->t->metrics('nginx')->{mutt_ledger_regression_events_total};

    $f->note("$flushed accepted before, $told reported");
    $f->expect(abs($told - $flushed) <= 4,
        "$flushed were accepted before, $told are reported as lost");
    $f->expect($f->result->{lost} <= $told, 'more is lost than reported');
}

# The replica stands still while the primary goes on, then takes its place.
sub fail_over {
    my ($f) = @_;

    my $t = $f->t;

    $t->start('redis2');
    $f->until(sub { ($t->redis('info', 'replication')->{slave0} // '')
        =~ /state=online/ }, 20,
        'the replica follows');
    $f->pause(1);
    $t->signal('redis2', 'STOP');
    $f->pause(1.5);
    $t->kill('redis');
    $t->signal('redis2', 'CONT');
    $t->promote('redis2');
    push $t->process('redis')->{command}->@*, '--replicaof', '127.0.0.1',
        $t->port('redis2');
    $t->launch('redis');
}

sub check_failed_over {
    my ($f) = @_;

    my $told = $f->t->metrics('nginx')->{mutt_ledger_regression_events_total};
    my $lost = $f->result->{lost};

    $f->note("$told reported lost");
    $f->expect($told >= $lost, "$lost are lost, $told reported");
}

# Nothing is acknowledged that the replica did not have.
sub check_replicated {
    my ($f) = @_;

    $f->expect($f->result->{lost} == 0,
        "$f->{result}{lost} are lost that a replica had acknowledged");
}

sub wrong_password {
    my ($f) = @_;

    my $t = $f->t;

    $t->redis(qw(config set requirepass hidden-word));
    $t->redis(qw(client kill type normal skipme yes));
    $f->until(sub { $t->health('nginx')->{code} == 503 }, 10,
        '/health of nginx says so');
    $f->until(sub { $t->health('alerter')->{code} == 503 }, 10,
        '/health of the alerter says so');

    my $had = connections($f);

    $f->pause($f->pick(2, 10));

    my $per_second = (connections($f) - $had) / $f->pick(2, 10);

    $f->note(sprintf '%d connections/s while refused', $per_second);
    $f->expect($per_second < 200, "$per_second connections a second");
    $t->redis('config', 'set', 'requirepass', '');
}

# Scripts are not allowed any more; who is connected stays so.
sub no_permission {
    my ($f) = @_;

    my $t = $f->t;

    $t->redis(qw(acl setuser default -evalsha -eval));
    $f->until(sub { $t->ingest('fault')->{code} == 503 }, 10,
        'ingest is refused');
    $f->until(sub { $t->health('alerter')->{code} == 503 }, 10,
        '/health of the alerter says so');

    my $used = cpu_of($f);

    $f->pause($f->pick(2, 10));
    $used = (cpu_of($f) - $used) / $f->pick(2, 10);
    $f->note(sprintf 'workers at %d %% of a CPU while refused', 100 * $used);
    $f->expect($used < 0.5, 'workers spin while refused');
    $t->redis(qw(acl setuser default +evalsha +eval));
}

# Seconds of CPU that the workers have used.
sub cpu_of {
    my ($f) = @_;
    my $ticks = 0;

    for my $name (qw(alerter alerter2 forwarder forwarder2)) {
        my $pid = $f->t->process($name)->pid() or next;
        my @fields = split ' ', Mutt::Test::slurp("/proc/$pid/stat");

        $ticks += $fields[13] + $fields[14];
    }

    return $ticks / 100;
}

sub connections {
    my ($f) = @_;

    my $info = $f->t->redis('info', 'stats');

    return $info->{total_connections_received};
}

return (
    {
        id => 'F01',
        what => 'Redis: SIGKILL, started again after 2 s, ten times',
        fault => sub {
            my ($f) = @_;

            $f->every($f->pick(1, 4), $f->pick(2, 10), sub {
                $f->t->kill('redis');
                $f->pause($f->pick(0.3, 2));
                $f->t->start('redis');
            });
        },
    },
    {
        id => 'F02',
        what => 'Redis: SIGSTOP for 1, 5 and 30 s',
        fault => sub {
            my ($f) = @_;

            for my $seconds ($f->pick([ 1 ], [ 1, 5, 30 ])->@*) {
                $f->t->signal('redis', 'STOP');
                $f->pause($seconds);
                $f->t->signal('redis', 'CONT');
                $f->healed();
                $f->until(sub { $f->t->ingest('fault')->{code} == 200 }, 20,
                    "accepted after $seconds s");
            }
        },
        check => sub {
            my ($f) = @_;

            my $slowest = $f->result->{load}{max_ms};

            $f->note("slowest answer $slowest ms");
            $f->expect($slowest < 2000, 'an answer took 2 s');
        },
    },
    {
        id => 'F04',
        what => "Redis: every 100th reply's connection is reset instead",
        proxied('reset-every', 100),
    },
    {
        id => 'F05',
        what => 'Redis: every 50th reply is cut in half',
        proxied('half-every', 50),
    },
    {
        id => 'F07',
        what => 'Redis: memory full with events waiting, noeviction',
        load => 0,
        fault => \&memory_full,
    },
    {
        id => 'F08',
        what => 'Redis: maxmemory-policy that evicts',
        skip => 'in t/durability.t: the level is none, strict refuses',
    },
    {
        id => 'F09',
        what => 'Redis: disk full, appendfsync everysec',
        load => { rate => 2000, batch => 10 },
        setup => on_small_disk('everysec'),
        fault => \&disk_full_everysec,
    },
    {
        id => 'F10',
        what => 'Redis: disk full, appendfsync always',
        load => { rate => 2000, batch => 10 },
        setup => on_small_disk('always'),
        fault => \&disk_full_always,
    },
    {
        id => 'F13',
        what => 'Redis: failover to a replica that stood still for 1.5 s',
        forgets => 1,
        setup => sub { $_[0]->t->proxy('redis')->replica('redis2') },
        fault => \&fail_over,
        check => \&check_failed_over,
    },
    {
        id => 'F13b',
        what => 'Redis: the same at the durability level replica',
        forgets => 1,
        setup => sub {
            $_[0]->t->proxy('redis')->replica('redis2')
                ->http_conf('mutt_durability replica=1;');
        },
        load => { connections => 8 },
        fault => \&fail_over,
        check => \&check_replicated,
    },
    {
        id => 'F14',
        what => 'Redis: failover by Sentinel under load, 20 times',
        skip => 'MUTT is given one address; asking a Sentinel for it is a later'
            . ' feature',
    },
    {
        id => 'F16',
        what => 'Redis: SCRIPT FLUSH every 10 ms',
        setup => sub { $_[0]->unhurried },
        fault => sub {
            my ($f) = @_;

            $f->every(0.01, $f->pick(200, 1500), sub {
                $f->t->redis('script', 'flush');
            });
        },
        check => sub { $_[0]->nobody_noticed },
    },
    {
        id => 'F17',
        what => 'Redis: a script of someone else runs for 3 s, BUSY',
        fault => \&busy_script,
    },
    {
        id => 'F19',
        what => 'Redis: DEL mutt:fence, HDEL of tokens, every 0.5 s',
        fault => \&lose_fence,
    },
    {
        id => 'F20',
        what => 'Redis: FLUSHALL under load',
        forgets => 1,
        fault => \&flush_all,
        check => \&check_flushed,
    },
    {
        id => 'F22',
        what => 'Redis: the password is changed',
        fault => \&wrong_password,
        check => sub {
            my ($f) = @_;

            $f->expect((grep { $f->t->log_of($_) =~ /hidden-word/ }
                qw(nginx alerter forwarder)) == 0, 'a log has the password');
        },
    },
    {
        id => 'F22a',
        what => 'Redis: the right to run scripts is revoked',
        fault => \&no_permission,
    },
);
