# A test that ends before its time leaves no process behind: whether it dies,
# is killed, or is interrupted, and whatever it has done to its parts before.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp qw(tempdir);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $dir = tempdir('mutt-test-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# What a test does after its parts are there; its end.
my @ways = (
    [ 'dies', q(die "for a reason\n";), 'exit' ],
    [ 'dies after it has killed nginx\' master',
        q($t->kill('nginx'); die "for a reason\n";), 'exit' ],
    [ 'is killed', q(kill 'KILL', $$;), 'signal 9' ],
    [ 'is killed after it has killed nginx\' master',
        q($t->kill('nginx'); kill 'KILL', $$;), 'signal 9' ],
    [ 'is killed while its nginx is stopped',
        q(kill 'STOP', $t->process('nginx')->pid(), $t->nginx_workers();
            kill 'KILL', $$;), 'signal 9' ],
    [ 'is interrupted', q(kill 'INT', $$; sleep 60;), 'signal 2' ],
);

sub text {
    my ($path) = @_;

    open my $file, '<', $path or return '';
    local $/;
    return scalar <$file> // '';
}

# Runs a test that says who its processes are and goes on with that code.
# Returns how it ended, and their numbers and start times.
sub run {
    my ($name, $code) = @_;

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDOUT, '>', "$dir/out" or POSIX::_exit(127);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(127);
        setpgrp();

        # who runs this in the background may have it ignored
        $SIG{INT} = 'DEFAULT';
        exec $^X, "-I$FindBin::Bin/lib", '-MMutt::Test', '-e', <<"EOC"
my \$t = Mutt::Test->new()->has(qw(redis nginx))->run();

open my \$file, '>', '$dir/pids.$name' or die;
print \$file join(' ', \$t->nginx_workers(), map { \$t->process(\$_)->pid() }
    qw(redis nginx));
close \$file;
$code
EOC
            or POSIX::_exit(127);
    }

    waitpid $pid, 0;

    return ($? & 127 ? 'signal ' . ($? & 127) : 'exit',
        map { [ $_, started($_) ] } split ' ', text("$dir/pids.$name"));
}

# When a process began, of those that are neither gone nor dead; else ''.
sub started {
    my ($pid) = @_;

    my ($state, @fields) = split ' ',
        text("/proc/$pid/stat") =~ s/.*\) //rs;

    return !defined $state || $state eq 'Z' ? '' : $fields[18];
}

sub alive {
    return grep { $_->[1] ne '' && started($_->[0]) eq $_->[1] } @_;
}

###############################################################################

my $n = 0;

for my $way (@ways) {
    my ($title, $code, $end) = @$way;

    # the numbers first: their start times are read after the end, when who is
    # left still has his
    my ($ended, @processes) = run($n++, $code);
    my $deadline = time() + 30;

    sleep 0.02 while alive(@processes) && time() < $deadline;

    is($ended, $end, "a test that $title ends") or diag(text("$dir/out"));
    is(@processes, 4, 'it had its processes') or diag(text("$dir/out"));
    is(join(' ', map { $_->[0] } alive(@processes)), '',
        'none of them is left');
}

done_testing();
