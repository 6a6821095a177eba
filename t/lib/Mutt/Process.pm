package Mutt::Process;

# One child process of a test: started with its own log, stopped by its pid,
# and its end judged.  It dies with the test that started it, and so does its
# process group: workers of an nginx, say, whose master was killed.

use strict;
use warnings;

use Mutt::Guard;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

###############################################################################

# name; command: array; env: hash, undef removes; log: file that stdout and
# stderr are appended to; uid: user to run as; stop: signal that asks it to
# end, default TERM; orphan: signal it gets when the test dies, default KILL.
sub new {
    my ($class, %self) = @_;

    return bless {
        stop => 'TERM', orphan => 'KILL', env => {}, grace => 15, faults => [],
        left => [], %self
    }, $class;
}

sub start {
    my ($self, %env) = @_;

    die "$self->{name} runs already\n" if $self->running();

    my %all = (%ENV, %{ $self->{env} }, %env);
    delete $all{$_} for grep { !defined $all{$_} } keys %all;

    my @command = ('setpriv', '--pdeathsig', $self->{orphan});
    push @command, "--reuid=$self->{uid}", "--regid=$self->{uid}",
        '--init-groups' if defined $self->{uid};

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        setpgrp();
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $self->{log} or POSIX::_exit(127);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(127);
        chdir '/';
        %ENV = %all;
        no warnings 'exec';
        exec { $command[0] } @command, @{ $self->{command} };
        POSIX::_exit(127);
    }

    Mutt::Guard::started($pid, $self->{orphan});
    $self->{pid} = $pid;
    $self->{asked} = undef;
    return $self;
}

sub pid {
    return $_[0]->{pid};
}

sub running {
    my ($self) = @_;

    return 0 unless $self->{pid};
    return 1 if waitpid($self->{pid}, WNOHANG) == 0;

    $self->ended($?);
    return 0;
}

# Its last end: "exit 0", "signal 9"; undef while it runs for the first time.
sub end {
    my ($self) = @_;

    $self->running();
    return $self->{end};
}

sub signal {
    my ($self, $signal) = @_;

    return $self->running() && kill $signal, $self->{pid};
}

# Asks it to end and waits.  Anything but exit 0 within its time of grace is a
# fault.
sub stop {
    my ($self, $grace) = @_;

    return unless $self->running();

    $self->{asked} = 'exit 0';
    kill 'CONT', $self->{pid};
    kill $self->{stop}, $self->{pid};
    return if $self->wait_end($grace // $self->{grace});

    push @{ $self->{faults} }, "$self->{name} did not stop in time";
    $self->kill_hard('ABRT');
}

# Ends it without asking, as a crash does.
sub kill_hard {
    my ($self, $signal) = @_;

    return unless $self->running();

    $signal //= 'KILL';
    $self->{asked} = 'any';
    kill $signal, $self->{pid};
    return if $self->wait_end(10);

    kill 'KILL', $self->{pid};
    $self->wait_end(10);
}

# Ends it and all of its process group, also what earlier starts have left.
sub wipe {
    my ($self) = @_;

    if ($self->running()) {
        $self->signal('CONT');
        $self->kill_hard($self->{orphan});
    }

    kill 'KILL', -$_ for grep { Mutt::Guard::left($_) } @{ $self->{left} };
    $self->{left} = [];
}

# It ends by itself: waits for that, and an end as "exit 1" is no fault.
sub expect_end {
    my ($self, $end, $seconds) = @_;

    $self->{asked} = $end;
    $self->wait_end($seconds // 10);
    return $self->{end};
}

sub wait_end {
    my ($self, $seconds) = @_;

    my $deadline = time() + $seconds;

    while ($self->running()) {
        return 0 if time() > $deadline;
        sleep 0.01;
    }

    return 1;
}

sub faults {
    my ($self) = @_;

    $self->running();
    return @{ $self->{faults} };
}

sub log_text {
    my ($self) = @_;

    open my $file, '<', $self->{log} or return '';
    local $/;
    return scalar <$file> // '';
}

sub ended {
    my ($self, $status) = @_;

    my $end = $status & 127 ? 'signal ' . ($status & 127)
        : 'exit ' . ($status >> 8);
    my $asked = $self->{asked} // 'nothing';

    push @{ $self->{faults} }, "$self->{name} ended with $end, asked: $asked"
        unless $asked eq 'any' || $asked eq $end;

    push @{ $self->{left} }, $self->{pid} if Mutt::Guard::left($self->{pid});
    Mutt::Guard::ended($self->{pid});
    $self->{end} = $end;
    $self->{pid} = undef;
}

1;
