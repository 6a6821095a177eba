package Mutt::Scenarios::Process;

# Workers die, stand still, are too many, have too little.

use strict;
use warnings;

use Digest::SHA qw(sha1_hex);
use File::Basename qw(dirname);
use Time::HiRes qw(time);

my @workers = qw(alerter alerter2 forwarder forwarder2);
my @janitors = qw(remediation remediation2);

sub one_of { return $_[rand @_] }

sub kill_one {
    my ($f) = @_;

    my $name = one_of(@workers);

    $f->t->kill($name);
    $f->t->launch($name);
}

# Longer than the lease: others take what it holds, and it finds itself fenced.
sub pause_one {
    my ($f) = @_;

    my $name = one_of(@workers);

    $f->t->signal($name, 'STOP');
    $f->pause($f->pick(4.5, 5));
    $f->t->signal($name, 'CONT');
}

# Kills and pauses at random; two at most are asleep at a time.
sub kill_and_pause {
    my ($f) = @_;

    my $t = $f->t;
    my %wakes;
    my ($kills, $pauses) = (0, 0);

    $f->every(0.25, $f->pick(40, 240), sub {
        for my $name (grep { time() >= $wakes{$_} } keys %wakes) {
            $t->signal($name, 'CONT');
            delete $wakes{$name};
        }

        my $name = one_of(grep { !$wakes{$_} } @workers, @janitors);

        if (rand() < 0.3 && keys %wakes < 2) {
            $t->signal($name, 'STOP');
            $wakes{$name} = time() + 4.5;
            $pauses++;
        } else {
            $t->kill($name);
            $t->launch($name);
            $kills++;
        }
    });

    $t->signal($_, 'CONT') for keys %wakes;
    $f->note("$kills killed, $pauses paused");
}

sub fenced {
    my ($f) = @_;

    my $n = 0;

    $n += $f->t->metrics($_)->{mutt_queue_fenced_total} // 0 for @workers;
    $f->note("$n times fenced");
    $f->expect($n > 0, 'nobody was fenced');
}

# What ten dead workers held is taken back once, by ten janitors at once.
sub many_janitors {
    my ($f) = @_;

    my $t = $f->t;
    my @dead = map { 'alerter' . ($_ > 1 ? $_ : '') } 1 .. 10;
    my @fresh = map { "alerter$_" } 11 .. 20;

    # nothing can be committed any more, so that each dies with a batch
    $t->sql('ALTER TABLE event_audit_log ADD CONSTRAINT held
        CHECK (pg_sleep(5) IS NOT NULL) NOT VALID');
    $f->pause(1.5);
    $t->kill($_) for @dead;
    $t->sql('ALTER TABLE event_audit_log DROP CONSTRAINT held');

    my $held = 0;

    $held += $t->redis('llen', "mutt:processing:alerter:$_") for @dead;
    $f->expect($held > 0, 'the dead held something');
    $t->launch($_) for @fresh;
    $f->until(sub { !grep { $t->redis('llen', "mutt:processing:alerter:$_") }
        @dead }, 30, 'what the dead held is taken back');

    my $recovered = 0;

    $f->until(sub {
        $recovered = 0;
        $recovered += $t->metrics($_)->{mutt_queue_recovered_items_total} // 0
            for @fresh;
        $recovered >= $held;
    }, 10, 'it is counted');
    $f->note("$held held by the dead, $recovered taken back");
    $f->expect($recovered == $held, "$held were held, $recovered taken back");
}

sub stop_and_start {
    my ($f) = @_;

    my $name = one_of(@workers);
    my $began = time();

    $f->t->stop($name);
    $f->expect(time() - $began <= 10, "$name needs more than 10 s to stop");

    my $kind = $name =~ /^alerter/ ? 'alerter' : 'moog';

    $f->expect($f->t->redis('llen', "mutt:processing:$kind:$name") == 0,
        "$name keeps what it had claimed");
    $f->t->start($name);
}

# A commit that was on its way when the connection was lost arrives 5 s later,
# when the worker has another batch.
sub late_commit {
    my ($f) = @_;

    my $sha = sha1_hex(Mutt::Test::slurp(
        dirname(__FILE__) . '/../../../lib/domain/lua/commit.lua'));
    my $arrived = sub {
        my @lines = $f->t->log_of('redis-proxy') =~ /^late: (.*)$/mg;

        return @lines;
    };

    $f->expect($f->t->redis('script', 'exists', $sha), 'commit.lua is loaded');

    my $times = $f->pick(2, 15);

    for my $n (1 .. $times) {
        $f->t->fault('redis', 'late', $f->pick(2000, 5000), $sha);
        $f->until(sub { $arrived->() >= $n }, 15, 'the late commit arrives');
    }

    my $fenced = grep { /FENCED|STALE/ } $arrived->();

    $f->note("$fenced of $times late commits refused");
    $f->expect($fenced == $times, join ' ', 'taken late:', $arrived->());
}

# All clients' connections do not fit, nor do the workers' own.
sub few_files {
    my ($f) = @_;

    my $t = $f->t;
    my @pids = $t->nginx_workers();

    $t->allow_alert(qr/Too many open files/);
    limit($_, 64) for @pids, map { $t->process($_)->pid() } @workers;
    $f->start_load(connections => 200, rate => 500);

    my $used = cpu(@pids);

    $f->pause($f->pick(3, 10));
    $used = (cpu(@pids) - $used) / $f->pick(3, 10);
    $f->note(sprintf 'nginx at %d %% of a CPU with 64 files', 100 * $used);
    $f->expect($t->metrics('nginx'), '/metrics still answers');
    limit($_, 4096) for @pids, map { $t->process($_)->pid() } @workers;
}

sub limit {
    my ($pid, $n) = @_;

    system('prlimit', '--pid', $pid, "--nofile=$n:20000") == 0
        or die "prlimit failed\n";
}

# Seconds of CPU that processes have used.
sub cpu {
    my $ticks = 0;

    for my $pid (@_) {
        my @fields = split ' ', Mutt::Test::slurp("/proc/$pid/stat");

        $ticks += ($fields[13] // 0) + ($fields[14] // 0);
    }

    return $ticks / 100;
}

return (
    {
        id => 'F47',
        what => 'a random worker: SIGKILL every 100 ms, for 60 s',
        fault => sub {
            my ($f) = @_;

            $f->every(0.1, $f->pick(20, 600), sub { kill_one($f) });
        },
    },
    {
        id => 'F48',
        what => 'a random worker: SIGSTOP for longer than its lease',
        fault => sub {
            my ($f) = @_;

            pause_one($f) for 1 .. $f->pick(1, 10);
        },
        check => \&fenced,
    },
    {
        id => 'F48j',
        what => 'random workers: SIGKILL, or SIGSTOP past the lease, for 60 s,'
            . ' two more janitors',
        parts => [ qw(redis postgres nginx sink), @workers, @janitors ],
        fault => \&kill_and_pause,
    },
    {
        id => 'F49',
        what => 'ten workers die at once, ten janitors recover',
        parts => [ qw(redis postgres nginx sink alerter forwarder),
            map { "alerter$_" } 2 .. 10 ],
        load => { rate => 1000, batch => 10 },
        fault => \&many_janitors,
    },
    {
        id => 'F51',
        what => 'a random worker: SIGTERM under load, started again',
        fault => sub {
            my ($f) = @_;

            stop_and_start($f) for 1 .. $f->pick(3, 20);
        },
    },
    {
        id => 'F59',
        what => '64 open files for nginx and workers, 200 clients',
        fault => \&few_files,
    },
    {
        id => 'F72',
        what => "an old connection's commit arrives 5 s late, 15 times",
        setup => sub { $_[0]->t->proxy('redis') },
        fault => \&late_commit,
    },
);
