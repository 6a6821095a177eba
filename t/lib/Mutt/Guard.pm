package Mutt::Guard;

# Ends what a test has started and left behind, however the test itself ended:
# a process of its own that reads from a pipe until the test is gone.  It is
# told of each process group,
#
#     + GROUP SIGNAL      its leader was started, and gets SIGNAL first
#     - GROUP             its leader has ended; others of it may not have

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Handle;
use POSIX ();
use Time::HiRes qw(sleep time);

my $lib = abs_path(dirname(__FILE__) . '/..');
my $grace = 1;    # seconds

my %pipe_of;      # by the process that writes to it: a fork has its own

sub started {
    my ($group, $signal) = @_;

    say_to_guard("+ $group $signal\n");
}

sub ended {
    my ($group) = @_;

    say_to_guard("- $group\n");
}

# Whether processes of a group are left whose leader has ended.  As long as
# they are, its number is given to nobody; so a process that has it is another.
sub left {
    my ($group) = @_;

    return !-e "/proc/$group" && kill 0, -$group;
}

sub say_to_guard {
    my ($line) = @_;

    my $pipe = $pipe_of{$$} //= watch();

    local $SIG{PIPE} = 'IGNORE';
    syswrite $pipe, $line;
}

sub watch {
    pipe my $reader, my $writer or die "pipe: $!\n";
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        setpgrp();
        open STDIN, '<&', $reader or POSIX::_exit(127);
        open STDOUT, '>', '/dev/null' or POSIX::_exit(127);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(127);
        no warnings 'exec';
        exec $^X, "-I$lib", '-MMutt::Guard', '-e', 'Mutt::Guard::main()';
        POSIX::_exit(127);
    }

    return $writer;
}

###############################################################################

sub main {
    my %signal_of;
    my %ended;

    while (my $line = <STDIN>) {
        my ($what, $group, $signal) = split ' ', $line;

        if ($what eq '+') {
            $signal_of{$group} = $signal;
            delete $ended{$group};
        } elsif (left($group)) {
            $ended{$group} = 1;
        } else {
            delete $signal_of{$group};
        }
    }

    my @groups = grep { !$ended{$_} || left($_) } keys %signal_of;

    kill $signal_of{$_}, $_ for grep { !$ended{$_} } @groups;

    my $deadline = time() + $grace;

    while ((@groups = grep { kill 0, -$_ } @groups) && time() < $deadline) {
        sleep 0.02;
    }

    kill 'KILL', -$_ for @groups;
}

1;
