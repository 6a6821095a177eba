package Mutt::Browser;

# A browser script of t/web, run against the parts of a test.
#
#     my $browser = Mutt::Browser->new($t, 'journey');
#
#     $browser->can_do('stop redis' => sub { $t->stop('redis') });
#     $browser->run();
#
# The script tells on its standard output, a line each: "ok TITLE", "not ok
# TITLE", "# words", "do NAME" to have something done and wait for it, and
# "end" when it has come to its end.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IPC::Open2;
use Test::More import => [qw(diag note ok fail)];

my $root = abs_path(dirname(__FILE__) . '/../../..');

sub new {
    my ($class, $t, $script) = @_;

    return bless { t => $t, script => $script, can => {}, deadline => 240 },
        $class;
}

# Seconds that the script may take.
sub deadline { $_[0]->{deadline} = $_[1]; return $_[0] }

sub can_do {
    my ($self, %can) = @_;

    $self->{can} = { %{ $self->{can} }, %can };
    return $self;
}

sub run {
    my ($self, @arguments) = @_;

    my $t = $self->{t};
    local $ENV{MUTT_URL} = 'http://127.0.0.1:' . $t->port('nginx');
    local $ENV{MUTT_API_KEY} = $t->key('admin');
    local $ENV{MUTT_INGEST_KEY} = $t->key('ingest');
    local $ENV{HOME} = $t->dir();
    local $SIG{PIPE} = 'IGNORE';

    # nothing of the sanitizers' is for the browser
    local @ENV{qw(LD_PRELOAD ASAN_OPTIONS)};
    delete @ENV{qw(LD_PRELOAD ASAN_OPTIONS)};

    my $pid = open2(my $out, my $in, 'node', "$root/t/web/$self->{script}.mjs",
        @arguments);
    my $ended = 0;

    # it has deadlines of its own, of which this is the last
    local $SIG{ALRM} = sub { kill 'TERM', $pid };
    alarm $self->{deadline};

    while (my $line = <$out>) {
        chomp $line;

        if ($line =~ /^ok (.*)/) {
            ok(1, $1);
        } elsif ($line =~ /^not ok (.*)/) {
            ok(0, $1);
        } elsif ($line =~ /^do (.*)/) {
            my $does = $self->{can}{$1} // die "nobody can do: $1\n";

            $does->();
            print $in "done\n";
            $in->flush();
        } elsif ($line eq 'end') {
            $ended = 1;
        } else {
            diag($line) if $line =~ /^!/;
            note($line);
        }
    }

    alarm 0;
    waitpid $pid, 0;
    ok($ended && $? == 0, "the browser came to the end of $self->{script}")
        or diag("exit status $?");
}

1;
