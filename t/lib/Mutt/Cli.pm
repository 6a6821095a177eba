package Mutt::Cli;

# muttdev, as a person runs it: past the shell, with a deadline, its exit
# status and what it said on either stream.

use strict;
use warnings;

use JSON::XS qw(encode_json);
use POSIX ();
use Test::More import => [qw(diag is like)];

###############################################################################

# env: what the commands are told besides; the server and its admin key are.
sub new {
    my ($class, $t, %env) = @_;

    return bless { t => $t, program => "$t->{build}/muttdev", env => {
        MUTT_URL => 'http://127.0.0.1:' . $t->port('nginx'),
        MUTT_API_KEY => $t->key('admin'),
        MUTT_INGEST_KEY => $t->key('ingest'),
        MUTT_HOME => $t->dir() . '/none', %env } }, $class;
}

# undef takes a variable away.
sub env {
    my ($self, %env) = @_;

    $self->{env}{$_} = $env{$_} for keys %env;
    return $self;
}

# Exit status (124: it did not end), stdout, stderr; again while there is a 503
# that is not wanted, as a worker of nginx may not have found PostgreSQL yet.
sub settled {
    my ($self, $wanted, @command) = @_;

    my @said;

    $self->{t}->wait_for(sub {
        @said = $self->run(@command);
        $said[2] !~ /status 503/ || $said[2] =~ $wanted }, 20);
    return @said;
}

# The same, once.
sub run {
    my ($self, @command) = @_;

    my %all = (%ENV, %{ $self->{env} });
    my @to = map { $self->{t}->dir() . "/cli.$_" } qw(out err);
    my $pid = fork() // die "fork: $!\n";

    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $to[0] or POSIX::_exit(127);
        open STDERR, '>', $to[1] or POSIX::_exit(127);
        delete @all{ grep { !defined $all{$_} } keys %all };
        %ENV = %all;
        exec 'timeout', 60, $self->{program}, @command
            or POSIX::_exit(127);
    }

    waitpid $pid, 0;
    my $status = $? >> 8;

    return ($status, map { slurp($_) } @to);
}

# It has to succeed; returns what it printed.
sub ok {
    my ($self, @command) = @_;

    my ($status, $out, $err) = $self->settled(qr/(?!)/, @command);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($status, 0, "muttdev @command") or diag($out, $err);
    return $out;
}

# It has to end with that status, and to say why in one line.
sub fails {
    my ($self, $wanted, $like, @command) = @_;

    my ($status, $out, $err) = $self->settled($like, @command);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($status, $wanted, "muttdev @command fails") or diag($out, $err);
    like($err, qr/\A[^\n]+\n\z/, 'in one line');
    like($err, $like, 'that says why');
    return $err;
}

# A file for a command: text, or what is to be JSON.  Returns its path.
sub file {
    my ($self, $name, $text) = @_;

    my $path = $self->{t}->dir() . "/$name";

    open my $file, '>', $path or die "$path: $!\n";
    print $file ref $text ? encode_json($text) : $text;
    close $file;
    return $path;
}

sub slurp {
    my ($path) = @_;

    open my $file, '<', $path or return '';
    local $/;
    return scalar <$file> // '';
}

1;
