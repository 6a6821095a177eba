package Mutt::Proxy;

# A process between a MUTT process and Redis, PostgreSQL or the webhook, that
# spoils the connection on command:
#
#     $t->proxy('redis');            before run()
#     $t->fault('redis', 'drop');
#
#     pass          the usual: bytes go through
#     delay MS      they go through later
#     drop          they are swallowed, both ways; connections stay open
#     reset         connections are reset, new ones too
#     cut N         N more bytes of replies go through, then as reset
#     cut-after N   as cut, but once: then new connections pass again

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

###############################################################################
# The test's side

# Says what to do; returns when it is so.
sub command {
    my ($port, @words) = @_;

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 5)
        or die "proxy: $@\n";

    print $socket "@words\n";
    my $answer = <$socket> // '';
    die "proxy: @words: $answer\n" if $answer ne "ok\n";
}

###############################################################################
# The proxy's side: main(PORT, CONTROL PORT, PORT OR SOCKET OF THE SERVER)

my ($mode, $left, $delay, $once) = ('pass', 0, 0, 0);
my (%pair, %side, @later);

sub main {
    my ($port, $control_port, $server) = @_;

    local $SIG{PIPE} = 'IGNORE';
    local $SIG{TERM} = sub { exit 0 };

    my $listen = listen_on($port);
    my $control = listen_on($control_port);
    my $select = IO::Select->new($listen, $control);

    while (1) {
        for my $socket ($select->can_read(next_due())) {
            if ($socket == $control) {
                obey(scalar $control->accept(), $select);
            } elsif ($socket == $listen) {
                take(scalar $listen->accept(), $server, $select);
            } elsif ($pair{$socket}) {
                move($socket, $select);
            }
        }

        send_due($select);
    }
}

sub listen_on {
    my ($port) = @_;

    return IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 128,
        LocalPort => $port, ReuseAddr => 1) // die "port $port: $@\n";
}

sub obey {
    my ($socket, $select) = @_;

    ($mode, my $n) = split ' ', scalar(<$socket>) // '';
    $delay = $mode eq 'delay' ? $n / 1000 : 0;
    $left = $n if $mode =~ /^cut/;
    $once = $mode eq 'cut-after';
    $mode = 'cut' if $once;
    end_all($select) if $mode eq 'reset';
    print $socket "ok\n";
    close $socket;
}

sub take {
    my ($client, $server, $select) = @_;

    my $upstream = $mode eq 'reset' ? undef : $server =~ m{^/}
        ? IO::Socket::UNIX->new(Peer => $server)
        : IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server);

    return reset_socket($client) unless $upstream;

    @pair{$client, $upstream} = ($upstream, $client);
    @side{$client, $upstream} = ('client', 'server');
    $select->add($client, $upstream);
}

sub move {
    my ($socket, $select) = @_;

    my $n = sysread $socket, my $bytes, 65536;

    return end($socket, $select) unless $n;
    return if $mode eq 'drop';

    if ($mode eq 'cut' && $side{$socket} eq 'server') {
        my $part = substr $bytes, 0, $left;

        $left -= length $part;
        write_all($pair{$socket}, $part);

        if ($left <= 0) {
            end_all($select);
            $mode = $once ? 'pass' : 'reset';
        }
        return;
    }

    if ($delay) {
        push @later, [ time() + $delay, $pair{$socket}, $bytes ];
    } else {
        write_all($pair{$socket}, $bytes);
    }
}

sub next_due {
    return @later ? $later[0][0] > time() ? $later[0][0] - time() : 0 : undef;
}

sub send_due {
    while (@later && $later[0][0] <= time()) {
        my (undef, $socket, $bytes) = @{ shift @later };

        write_all($socket, $bytes) if $pair{$socket};
    }
}

sub write_all {
    my ($socket, $bytes) = @_;

    my $sent = 0;

    while ($sent < length $bytes) {
        my $n = syswrite $socket, $bytes, length($bytes) - $sent, $sent;

        return unless $n;
        $sent += $n;
    }
}

# One end closed: so does the other, after what was on its way.
sub end {
    my ($socket, $select) = @_;

    my $other = $pair{$socket};

    for my $one ($socket, $other) {
        $select->remove($one);
        delete $pair{$one};
        delete $side{$one};
        close $one;
    }
}

sub end_all {
    my ($select) = @_;

    for my $socket ($select->handles()) {
        next unless $pair{$socket};
        my $other = $pair{$socket};

        for my $one ($socket, $other) {
            $select->remove($one);
            delete $pair{$one};
            delete $side{$one};
            reset_socket($one);
        }
    }
}

sub reset_socket {
    my ($socket) = @_;

    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    close $socket;
}

1;
