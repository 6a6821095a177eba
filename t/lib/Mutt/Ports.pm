package Mutt::Ports;

# Loopback ports that no other test takes: below the kernel's own range, above
# what a private stack takes, and held by a lock for the life of this process.

use strict;
use warnings;

use Fcntl qw(:flock);
use IO::Socket::INET;

my %held;

sub take {
    my $dir = "/tmp/mutt-ports-$<";

    mkdir $dir, 0700;

    for (1 .. 1000) {
        my $port = 20000 + int rand 12000;

        next if $held{$port};
        open my $lock, '>', "$dir/$port" or die "$dir/$port: $!\n";
        next unless flock $lock, LOCK_EX | LOCK_NB;
        next unless IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1);

        $held{$port} = $lock;
        return $port;
    }

    die "no free port\n";
}

1;
