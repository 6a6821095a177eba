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
#     reset-every N in place of every Nth reply its connection is reset
#     half-every N  as reset-every, behind the reply's first half
#     unanswered N TEXT   every Nth request with TEXT in it reaches the
#                   server; its connection is reset in place of the reply
#     late MS TEXT  once: a request with TEXT in it reaches the server MS
#                   later, after the client was reset
#     stall N       N more bytes of a connection's replies go through, then
#                   silence; requests go on reaching the server
#     rate N        replies go through at N bytes a second
#     to SERVER     another port; connections are reset
#
# A reply is what comes from the server at once, a request what the client
# sends at once.

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

my ($mode, $left, $delay, $once, $n, $text) = ('pass', 0, 0, 0, 0, '');
my (%pair, %side, %left, %marked, @later);
my ($server, $seen) = (undef, 0);

sub main {
    (my $port, my $control_port, $server) = @_;

    local $SIG{PIPE} = 'IGNORE';
    local $SIG{TERM} = sub { exit 0 };
    STDOUT->autoflush(1);

    my $listen = listen_on($port);
    my $control = listen_on($control_port);
    my $select = IO::Select->new($listen, $control);

    while (1) {
        for my $socket ($select->can_read(next_due())) {
            if ($socket == $control) {
                obey(scalar $control->accept(), $select);
            } elsif ($socket == $listen) {
                take(scalar $listen->accept(), $select);
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

    ($mode, $n, $text) = split ' ', scalar(<$socket>) // '', 3;
    chomp($text //= '');
    $seen = 0;
    %left = %marked = ();
    $server = $n if $mode eq 'to';
    $delay = $mode eq 'delay' ? $n / 1000 : 0;
    $left = $n if $mode =~ /^cut/;
    $once = $mode eq 'cut-after';
    $mode = 'cut' if $once;
    end_all($select) if $mode =~ /^(?:reset|to)$/;
    print $socket "ok\n";
    close $socket;
}

sub take {
    my ($client, $select) = @_;

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

    return if $side{$socket} eq 'client'
        ? request($socket, $bytes, $select) : reply($socket, $bytes, $select);

    if ($delay) {
        push @later, [ time() + $delay, $pair{$socket}, $bytes ];
    } else {
        write_all($pair{$socket}, $bytes);
    }
}

# True when the mode has dealt with the bytes.
sub request {
    my ($socket, $bytes, $select) = @_;

    return 0 if $text eq '' || index($bytes, $text) < 0;

    if ($mode eq 'unanswered') {
        $marked{ $pair{$socket} } = 1 if ++$seen % $n == 0;
    } elsif ($mode eq 'late') {
        my $upstream = $pair{$socket};

        # its end comes when the bytes have been sent
        push @later, [ time() + $n / 1000, $upstream, $bytes, 'end' ];
        $select->remove($socket, $upstream);
        delete @pair{$socket, $upstream};
        reset_socket($socket);
        $mode = 'pass';
        return 1;
    }

    return 0;
}

sub reply {
    my ($socket, $bytes, $select) = @_;

    if ($mode =~ /^(?:reset|half)-every$/) {
        return 0 if ++$seen % $n;
        write_all($pair{$socket}, substr $bytes, 0, length($bytes) / 2)
            if $mode eq 'half-every';
        end_pair($socket, $select);
        return 1;
    }

    if ($marked{$socket}) {
        end_pair($socket, $select);
        return 1;
    }

    if ($mode eq 'stall') {
        my $left = $left{$socket} // $n;

        write_all($pair{$socket}, substr $bytes, 0, $left) if $left > 0;
        $left{$socket} = $left - length $bytes;
        return 1;
    }

    if ($mode eq 'rate') {
        my $at = $left{$socket} // time();

        $at = time() if $at < time();
        # a hundred pieces a second, if there is that much
        my $size = $n > 100 ? int $n / 100 : 1;

        for my $piece (unpack "(a$size)*", $bytes) {
            push @later, [ $at += length($piece) / $n, $pair{$socket}, $piece ];
        }
        $left{$socket} = $at;
        @later = sort { $a->[0] <=> $b->[0] } @later;
        return 1;
    }

    return 0;
}

sub next_due {
    return @later ? $later[0][0] > time() ? $later[0][0] - time() : 0 : undef;
}

sub send_due {
    while (@later && $later[0][0] <= time()) {
        my (undef, $socket, $bytes, $end) = @{ shift @later };

        write_all($socket, $bytes) if $end || $pair{$socket};
        end_late($socket) if $end;
    }
}

# What the server says to the late request is in the proxy's log, on a line.
sub end_late {
    my ($socket) = @_;

    my $reply = '';

    sysread $socket, $reply, 65536
        if IO::Select->new($socket)->can_read(1);
    print 'late: ', $reply =~ s/\s+/ /gr, "\n";
    close $socket;
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

    for my $socket (my @all = $select->handles()) {
        end_pair($socket, $select) if $pair{$socket};
    }
}

# Resets both ends of a connection.
sub end_pair {
    my ($socket, $select) = @_;

    my @both = ($socket, $pair{$socket});

    for my $one (@both) {
        $select->remove($one);
        delete $pair{$one};
        delete $side{$one};
        delete $left{$one};
        delete $marked{$one};
        reset_socket($one);
    }
}

sub reset_socket {
    my ($socket) = @_;

    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    close $socket;
}

1;
