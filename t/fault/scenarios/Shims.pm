package Mutt::Scenarios::Shims;

# What needs to be inside of a process: the power goes, the clock is stepped,
# memory runs out, a call fails or never returns, a log takes nothing more.

use strict;
use warnings;

use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK O_RDWR);
use POSIX qw(mkfifo);
use Time::HiRes qw(time);

my @workers = qw(alerter alerter2 forwarder forwarder2);

# Where each kind of worker can die.
my %points = (
    alerter => [ qw(alerter.claim redis.sent:claim alerter.claimed
        pg.sent:audit alerter.audited redis.sent:commit alerter.committed
        redis.sent:recover recover.moved janitor.found) ],
    forwarder => [ qw(forwarder.admitted http.sent forwarder.answered
        redis.sent:settle) ],
);

# Where its calls can fail.
my %calls = (
    alerter => [ qw(redis.connect redis.send redis.sent redis.replied
        pg.connect pg.send pg.sent pg.replied) ],
    forwarder => [ qw(redis.connect redis.send redis.sent redis.replied
        http.send http.replied) ],
);

sub sanitized {
    my $build = Mutt::Test::find_build();

    return `nm $build/mutt-alerter` =~ /mutt_failpoint/ ? undef
        : 'the released build has no failpoints';
}

sub metric_of_all {
    my ($f, $metric) = @_;

    my $sum = 0;

    $sum += $f->t->metrics($_)->{$metric} // 0 for @workers;
    return $sum;
}

###############################################################################
# The power goes

my $disk;

sub lose_power {
    my ($f) = @_;

    my $gone = 0;

    for (1 .. $f->pick(2, 10)) {
        $f->pause($f->pick(0.7, 1.5));
        $gone += $f->t->lose_power($disk);
        $f->t->start('redis');
    }

    $f->note("$gone bytes were not on the disk");
}

sub check_told {
    my ($f) = @_;

    my $told = $f->t->metrics('nginx')->{mutt_ledger_regression_events_total};
    my $lost = $f->result->{lost};

    $f->note("$told reported lost");
    $f->expect($told >= $lost, "$lost are lost, $told reported");
}

###############################################################################
# Workers die where it hurts

my ($deaths, $forwarder_deaths);

sub die_everywhere {
    my ($f) = @_;

    ($deaths, $forwarder_deaths) = (0, 0);

    for my $worker (qw(alerter forwarder)) {
        for my $point ($points{$worker}->@*) {
            die_at($f, $worker, $point) for 1 .. $f->pick(1, 20);
        }

        $f->t->launch($worker);
    }
}

sub die_at {
    my ($f, $worker, $point) = @_;

    my $t = $f->t;
    my $recovery = $point =~ /recover|found/;
    my $n = $recovery ? 1 : 1 + int rand 20;

    # somebody has to be silent to be recovered
    if ($recovery) {
        $t->kill('alerter2');
        $t->kill($worker) if $point =~ /found/;
    }

    $t->kill($worker);
    $t->launch($worker, MUTT_FAIL => "$point=kill\@$n");
    $f->mortal($worker);
    $f->until(sub { !$t->process($worker)->running() }, 30,
        "$worker dies at $point");
    $t->launch('alerter2') if $recovery;
    $deaths++;

    # the kill before it counts too
    $forwarder_deaths += 2 if $worker eq 'forwarder';
}

sub check_repeats {
    my ($f) = @_;

    my $repeats = $f->result->{dup_webhook};

    $f->note("$deaths deaths");
    $f->expect($repeats <= $forwarder_deaths,
        "$repeats repeats at the webhook after $forwarder_deaths kills");
}

###############################################################################
# The clock is stepped

my %clocks;

sub step_clocks {
    my ($f) = @_;

    my $day = 86400;
    my %steps = ('+1 h' => 3600, '-1 h' => -3600, 1970 => 60 - time(),
        2038 => 2**31 - 2 - time(), 2100 => 130 * 365.2425 * $day - time());
    my %ids;

    for my $part (sort keys %clocks) {
        for my $step (sort keys %steps) {
            $clocks{$part}->set(0, int($steps{$step} * 1e6));

            # longer than a lease in the full run
            $f->pause($f->pick(0.4, 4));

            my $r = $f->t->ingest('fault clock');

            $f->expect($r->{code} == 200,
                "$part at $step: an event is answered $r->{code}");
            $f->expect(!$ids{ $r->{json}{event_id} // '' }++,
                "$part at $step: an id comes twice");
            $clocks{$part}->set(0, 0);
        }
    }
}

sub nobody_was_robbed {
    my ($f) = @_;

    for my $metric (qw(mutt_queue_recovered_items_total
        mutt_queue_fenced_total))
    {
        my $n = metric_of_all($f, $metric);

        $f->expect($n == 0, "$metric is $n");
    }

    my $far = $f->t->sql("SELECT count(*) FROM event_audit_log WHERE
        received_at NOT BETWEEN now() - interval '2 days'
        AND now() + interval '2 days'");

    $f->expect($far == 0, "$far events were received on another day");
}

###############################################################################
# A log takes nothing

my $fifo;

sub mute_logs {
    my ($f) = @_;

    my $t = $f->t;
    my $full = $t->dir() . '/full';

    fill("$full/rest");
    $f->pause($f->pick(0.5, 5));
    relaunch($f, $_, "$full/$_.log") for qw(alerter forwarder);
    disturb($f);

    # a pipe whose reader has gone to sleep
    my $path = $t->dir() . '/pipe';

    mkfifo($path, 0600) or die "$path: $!\n";
    sysopen $fifo, $path, O_RDWR or die "$path: $!\n";
    fcntl $fifo, F_SETFL, fcntl($fifo, F_GETFL, 0) | O_NONBLOCK;
    1 while syswrite $fifo, 'x' x 4096;
    1 while syswrite $fifo, 'x';
    relaunch($f, $_, $path) for qw(alerter forwarder);
    disturb($f);

    # it wakes up, and is told how much it has missed
    1 while sysread $fifo, my $junk, 65536;

    my $text = '';

    $f->until(sub {
        $t->redis(qw(client kill type normal skipme yes));
        $text .= $_ while sysread $fifo, $_, 65536;
        $text =~ /dropped_lines":\d/;
    }, 20, 'a log says how many lines were dropped');
}

sub fill {
    my ($path) = @_;

    open my $out, '>', $path or die "$path: $!\n";
    $out->autoflush(1);
    1 while print $out 'x' x 512;
    no warnings;
    close $out;
}

sub relaunch {
    my ($f, $name, $log) = @_;

    $f->t->stop($name);
    $f->t->process($name)->{log} = $log;
    $f->t->start($name);
}

# Gives the workers something to say, and sees that they work.
sub disturb {
    my ($f) = @_;

    for (1 .. $f->pick(3, 20)) {
        $f->t->redis(qw(client kill type normal skipme yes));
        $f->pause(0.3);
    }

    $f->until(sub { $f->t->health($_)->{code} == 200 }, 10, "$_ works")
        for qw(alerter forwarder);
}

###############################################################################
# Memory runs out

my (%memory, $gave_up, $foreign);

sub run_out {
    my ($f) = @_;

    my ($t, $failed) = ($f->t, 0);

    ($gave_up, $foreign) = (0, 0);

    # an allocation of nginx' own is told as [emerg]
    $t->allow_alert(qr/\[emerg\].*(?:malloc|memalign).*failed/);

    for my $part (sort keys %memory) {
        my $shim = $memory{$part};

        for my $n (1 .. $f->pick(40, 1500)) {
            my $before = $shim->get(2);

            $shim->set(0, 1 + int rand 400);
            $t->wait_for(sub { $shim->get(2) > $before
                || !$t->process($part)->running() }, 2);
            $shim->set(0, 0);
            revive($f, $part);
        }

        $failed += $shim->get(2);

        # the last may still be about to give up, and be healthy until then
        $f->pause(2);
        $f->until(sub { revive($f, $part); $t->health($part)->{code} == 200 },
            10, "$part works again");
    }

    $f->note("$failed allocations failed, $gave_up times a process gave up, "
        . "$foreign times libhs or the sanitizer crashed");
}

# Giving up is in order, with a line and a status of its own; crashing is not,
# but in the compiler of libhs and in the sanitizer's start of a thread, which
# do not check for memory.
sub revive {
    my ($f, $part) = @_;

    my $process = $f->t->process($part);

    return if $process->running();
    judge_end($f, $part);
    @{ $process->{faults} } = ();
    $f->t->launch($part);
}

sub judge_end {
    my ($f, $part) = @_;

    return if forgive($f);

    my $end = $f->t->process($part)->end() // '';

    $gave_up++;
    $f->expect($end eq 'exit 1', "$part ended with $end");
}

# Takes away the reports of crashes that are not ours; how many it were.
sub forgive {
    my ($f) = @_;

    my @reports = grep { Mutt::Test::slurp($_)
        =~ /in hs_compile_(?:lit_)?multi |CHECK failed: sanitizer_/ }
        glob $f->t->dir() . '/sanitizer.*';

    unlink @reports;
    $foreign += @reports;
    return scalar @reports;
}

sub allocations_of_start {
    my ($f, $part) = @_;

    $f->t->kill($part);
    $memory{$part}->set(1, 0);
    $f->t->start($part);
    return $memory{$part}->get(1);
}

# A start that lacks one allocation either succeeds or says why not.
sub start_without {
    my ($f) = @_;

    my ($t, $started) = ($f->t, 0);

    ($gave_up, $foreign) = (0, 0);

    for my $part (sort keys %memory) {
        my ($shim, $process) = ($memory{$part}, $t->process($part));
        my $most = allocations_of_start($f, $part);

        for (1 .. $f->pick(10, 200)) {
            $t->kill($part);
            $shim->set(0, 1 + int rand $most);
            $t->launch($part);
            $f->mortal($part);
            $t->wait_for(sub { !$process->running() || ($shim->get(0) <= 0
                && eval { $t->health($part)->{code} == 200 }) }, 10);
            $process->running() ? $started++ : judge_end($f, $part);
        }

        $shim->set(0, 0);
        $t->kill($part);
        forgive($f);
        $t->start($part);
    }

    $f->note("$started started, $gave_up gave up, "
        . "$foreign times libhs or the sanitizer crashed");
}

###############################################################################
# The Nth call fails

# All of 1 to 200 for each call, as many in a life as MUTT_FAIL takes.
sub fail_calls {
    my ($f) = @_;

    for my $worker (qw(alerter forwarder)) {
        my @all;

        for my $call ($calls{$worker}->@*) {
            my $most = $call =~ /connect/ ? 5 : 200;

            push @all, map { "$call=error\@$_" } $f->pick([ 1, 2, 7 ],
                [ 1 .. $most ])->@*;
        }

        @all = sort { $a->[0] <=> $b->[0] } map { [ rand(), $_ ] } @all;

        while (my @some = map { $_->[1] } splice @all, 0, 16) {
            $f->t->restart($worker, MUTT_FAIL => join ',', @some);
            $f->pause($f->pick(0.5, 2));
        }

        $f->t->restart($worker);
    }
}

sub check_failed {
    my ($f) = @_;

    my $told = 0;

    $told += () = $f->t->log_of($_) =~ /^failpoint /mg for @workers;
    $f->note("$told calls failed");
    $f->expect($told > 0, 'no call failed');
}

###############################################################################

return (
    {
        id => 'F11',
        what => 'power loss, appendfsync always',
        load => { rate => 2000, batch => 10 },
        setup => sub { $disk = $_[0]->t->shim('fsync', 'redis') },
        fault => \&lose_power,
        check => sub {
            my $told = $_[0]->t->metrics('nginx')
                ->{mutt_ledger_regression_events_total};

            $_[0]->expect($told == 0, "$told reported lost");
        },
    },
    {
        id => 'F11a',
        what => 'power loss, appendfsync everysec',
        load => { rate => 2000, batch => 10 },
        forgets => 1,
        setup => sub {
            $disk = $_[0]->t->shim('fsync', 'redis');
            $_[0]->t->redis_conf('--appendfsync', 'everysec');
        },
        fault => \&lose_power,
        check => \&check_told,
    },
    {
        id => 'F50',
        what => 'workers killed at each named point, 20 times each',
        skip => \&sanitized,
        within => 1200,
        setup => sub { $_[0]->t->env(MOOG_MAX_INFLIGHT => 1) },
        fault => \&die_everywhere,
        check => \&check_repeats,
    },
    {
        id => 'F56',
        what => 'the clock of one process: +-1 h, 1970, 2038, 2100',
        setup => sub {
            $clocks{$_} = $_[0]->t->shim('clock', $_)
                for qw(nginx alerter forwarder);
        },
        fault => \&step_clocks,
        check => \&nobody_was_robbed,
    },
    {
        id => 'F58',
        what => 'logs: the disk is full, then a pipe that nobody reads',
        setup => sub {
            my ($f) = @_;

            # nginx' own logs are there too
            my $full = $f->tmpfs($f->t->dir() . '/full', '64k');

            $f->t->allow_alert(qr{write\(\) to ".*/access.log"});
            $f->t->main_conf("error_log $full/error.log info;")
                ->http_conf("access_log $full/access.log;");
        },
        fault => \&mute_logs,
    },
    {
        id => 'F61',
        what => 'memory runs out 1,500 times in each process under load',
        within => 900,
        setup => sub {
            $memory{$_} = $_[0]->t->shim('alloc', $_)
                for qw(nginx alerter forwarder);
        },
        fault => \&run_out,
    },
    {
        id => 'F61a',
        what => 'the Nth allocation of a start fails',
        within => 900,
        setup => sub {
            $memory{$_} = $_[0]->t->shim('alloc', $_)
                for qw(alerter forwarder);
        },
        fault => \&start_without,
    },
    {
        id => 'F62',
        what => 'the Nth call to Redis, PostgreSQL, webhook fails, N to 200',
        skip => \&sanitized,
        within => 900,
        fault => \&fail_calls,
        check => \&check_failed,
    },
);
