package Mutt::Shim;

# A shared object of t/fault/shims in one part of a test, and the numbers it
# shares with the test while the part runs:
#
#     my $clock = $t->shim('clock', 'alerter');      before run()
#     $clock->set(0, 3600 * 1_000_000);              an hour ahead
#
# What the numbers mean says the head of its source.

use strict;
use warnings;

my $made = 0;

sub new {
    my ($class, $build, $dir, $name) = @_;

    my $object = "$build/t/fault/$name.so";
    my $page = "$dir/$name." . ++$made;

    die "$object is not built\n" unless -e $object;
    open my $file, '>', $page or die "$page: $!\n";
    print $file pack 'q8', (0) x 8;
    close $file;

    my $self = bless {
        name => $name, object => $object, page => $page,
        env => { 'MUTT_SHIM_' . uc $name => $page },
    }, $class;

    if ($name eq 'fsync') {
        $self->{lengths} = "$page.lengths";
        mkdir $self->{lengths};
        $self->{env}{MUTT_SHIM_FSYNC_DIR} = $self->{lengths};
    }

    return $self;
}

sub get {
    my ($self, $i) = @_;

    open my $file, '<', $self->{page} or die "$self->{page}: $!\n";
    read $file, my $bytes, 64;
    return (unpack 'q8', $bytes)[$i];
}

sub set {
    my ($self, $i, $value) = @_;

    open my $file, '+<', $self->{page} or die "$self->{page}: $!\n";
    sysseek $file, 8 * $i, 0;
    syswrite $file, pack 'q', $value;
    return $self;
}

# The length of a file that a disk is sure to hold.
sub durable {
    my ($self, $path) = @_;

    my $inode = (stat $path)[1];

    open my $file, '<', "$self->{lengths}/$inode" or return 0;
    return 0 + scalar <$file>;
}

sub unsynced {
    my ($self, $path) = @_;

    return (-s $path) - $self->durable($path);
}

# What a power loss leaves of files, after the part that wrote them was
# killed: each is cut to the length that was synced last.  Returns how many
# bytes are gone.
sub lose_power {
    my ($self, @files) = @_;

    my $gone = 0;

    for my $path (grep { $self->unsynced($_) > 0 } @files) {
        $gone += $self->unsynced($path);
        truncate $path, $self->durable($path) or die "$path: $!\n";
    }

    return $gone;
}

1;
