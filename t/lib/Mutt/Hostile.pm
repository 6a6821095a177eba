package Mutt::Hostile;

# Servers that answer as no server should, for one fault scenario each:
#
#     my $process = Mutt::Hostile::webhook($t, 'body', 2**30);
#
#     redirect URL   302 to there
#     body N         200 and N bytes; the log says how many were taken
#     headers N      200 with N header lines
#     bomb N         200, gzip, N bytes when unpacked
#
# dns() answers every name as the first word of a file says: an address,
# SERVFAIL, NXDOMAIN, or not at all.

use strict;
use warnings;

use IO::Compress::Gzip qw(gzip);
use IO::Socket::INET;
use Mutt::Ports;
use Mutt::Process;
use POSIX qw(WNOHANG);

###############################################################################

# The test's side: a started process; its port is in {port}.
sub webhook {
    my ($t, @words) = @_;

    my $port = Mutt::Ports::take();

    return launch($t, $port, 'serve', $port, @words);
}

sub dns {
    my ($t, $address, $file) = @_;

    return launch($t, 53, 'resolve', $address, $file);
}

sub launch {
    my ($t, $port, $sub, @args) = @_;

    my $process = Mutt::Process->new(name => $sub, port => $port,
        log => $t->dir() . "/$sub.log",
        command => [ $^X, (map { "-I$_" } @INC), '-MMutt::Hostile', '-e',
            "Mutt::Hostile::$sub(\@ARGV)", @args ]);

    $process->start();
    $t->wait_for(sub { $process->log_text() =~ /ready/ }, 10);
    return $process;
}

###############################################################################
# The servers

sub serve {
    my ($port, $kind, $arg) = @_;

    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 128,
        LocalPort => $port, ReuseAddr => 1) // die "port $port: $@\n";
    my $bomb = $kind eq 'bomb' ? bomb($arg) : undef;

    local $SIG{PIPE} = 'IGNORE';
    local $SIG{CHLD} = 'IGNORE';
    local $SIG{TERM} = sub { POSIX::_exit(0) };
    STDOUT->autoflush(1);
    print "ready\n";

    while (1) {
        my $socket = $listen->accept() or next;

        next if fork();
        close $listen;
        read_request($socket);
        my $taken = answer($socket, $kind, $arg, $bomb);
        print "taken $taken\n";
        POSIX::_exit(0);
    }
}

sub read_request {
    my ($socket) = @_;

    my $text = '';

    while ($text !~ /\r\n\r\n/) {
        sysread $socket, $text, 65536, length $text or return;
    }

    my ($length) = $text =~ /content-length: *(\d+)/i;
    my $end = index($text, "\r\n\r\n") + 4 + ($length // 0);

    while (length $text < $end) {
        sysread $socket, $text, 65536, length $text or return;
    }
}

# Returns how many bytes the client took, as far as its system did.
sub answer {
    my ($socket, $kind, $arg, $bomb) = @_;

    return put($socket, "HTTP/1.1 302 Found\r\nLocation: $arg\r\n"
        . "Content-Length: 0\r\n\r\n") if $kind eq 'redirect';

    if ($kind eq 'headers') {
        my $head = put($socket, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");

        for my $n (1 .. $arg) {
            $head += put($socket, "X-Header-$n: " . 'x' x 100 . "\r\n")
                or return $head;
        }

        return $head + put($socket, "\r\n");
    }

    return put($socket, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
        . 'Content-Length: ' . length($bomb) . "\r\n\r\n$bomb")
        if $kind eq 'bomb';

    my $sent = put($socket, "HTTP/1.1 200 OK\r\nContent-Length: $arg\r\n\r\n");
    my $zeros = "\0" x 65536;

    while ($sent < $arg) {
        my $n = put($socket, $zeros) or last;

        $sent += $n;
    }

    return $sent;
}

sub put {
    my ($socket, $bytes) = @_;

    my $sent = 0;

    while ($sent < length $bytes) {
        my $n = syswrite $socket, $bytes, length($bytes) - $sent, $sent;

        return 0 unless $n;
        $sent += $n;
    }

    return $sent;
}

sub bomb {
    my ($size) = @_;

    my ($packed, $zeros) = ('', "\0" x 2**20);
    my $z = IO::Compress::Gzip->new(\$packed);

    $z->print($zeros) for 1 .. $size / 2**20;
    $z->close();
    return $packed;
}

sub resolve {
    my ($address, $file) = @_;

    my $socket = IO::Socket::INET->new(LocalAddr => $address, LocalPort => 53,
        Proto => 'udp', ReuseAddr => 1) // die "port 53: $@\n";

    local $SIG{TERM} = sub { POSIX::_exit(0) };
    STDOUT->autoflush(1);
    print "ready\n";

    while (1) {
        my $from = $socket->recv(my $query, 512) or next;

        open my $in, '<', $file or next;
        chomp(my $word = <$in> // '');

        my $reply = dns_reply($query, $word) // next;

        $socket->send($reply, 0, $from);
    }
}

sub dns_reply {
    my ($query, $word) = @_;

    my ($id) = unpack 'n', $query;
    my ($name) = substr($query, 12) =~ /^((?:[^\0].*?)\0....)/s or return;
    my ($type) = unpack 'n', substr $name, -4, 2;
    my %code = (SERVFAIL => 2, NXDOMAIN => 3);

    return if $word eq 'silent';

    my $address = $code{$word} || $type != 1 ? '' : pack 'n n n N n C4',
        0xc00c, 1, 1, 1, 4, split /\./, $word;

    return pack('n n n n n n', $id, 0x8180 | ($code{$word} // 0), 1,
        $address eq '' ? 0 : 1, 0, 0) . $name . $address;
}

1;
