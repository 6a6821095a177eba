package Mutt::Http;

# A small HTTP/1.1 client that sends exactly what a test says and returns
# exactly what came.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use JSON::XS;
use Time::HiRes qw(time);

###############################################################################

# Sends bytes, returns the socket: for requests that are broken, slow or cut.
sub open_raw {
    my ($port, $bytes) = @_;

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 5)
        or die "connect to port $port: $@\n";

    $socket->autoflush(1);
    write_all($socket, $bytes) if defined $bytes;
    return $socket;
}

# One request.  Headers with an undefined value are left out, also the ones
# added here.  Returns a response, its code 0 when none came in time.
sub request {
    my ($port, $method, $path, $body, %headers) = @_;

    my $timeout = delete $headers{-timeout} // 20;
    my %given = map { lc $_ => 1 } keys %headers;
    my @lines = ("$method $path HTTP/1.1");

    $headers{'Host'} = 'localhost' unless $given{'host'};
    $headers{'Connection'} = 'close' unless $given{'connection'};
    $headers{'Content-Length'} = length $body
        if defined $body && !$given{'content-length'}
        && !$given{'transfer-encoding'};

    for my $name (sort keys %headers) {
        push @lines, "$name: $headers{$name}" if defined $headers{$name};
    }

    my $socket = open_raw($port);

    local $SIG{PIPE} = 'IGNORE';
    write_all($socket, join("\r\n", @lines, '', '') . ($body // ''));
    return read_response($socket, $timeout, $method);
}

# The next response on a socket; "continued" says that a 100 came before it.
sub read_response {
    my ($socket, $timeout, $method) = @_;

    my $deadline = time() + ($timeout // 20);
    my ($text, $code, $status, @lines, $continued) = ('');

    do {
        while ($text !~ /\r\n\r\n/) {
            return empty($text) unless read_some($socket, \$text, $deadline);
        }

        (my $head, $text) = split /\r\n\r\n/, $text, 2;
        ($status, @lines) = split /\r\n/, $head;
        ($code) = $status =~ m{^HTTP/1\.[01] (\d{3})}
            or return empty($status);
        $continued ||= $code == 100;
    } while ($code == 100);

    my (%header, @headers);

    for my $line (@lines) {
        my ($name, $value) = split /:\s*/, $line, 2;
        push @headers, [ $name, $value ];
        $header{ lc $name } = $value;
    }

    my %response = (
        code => $code, status => $status, header => \%header,
        headers => \@headers, body => '', json => undef,
        continued => $continued);

    $response{body} = read_body($socket, $text, $deadline, \%header)
        unless ($method // '') eq 'HEAD' || $code == 204 || $code == 304;

    $response{json} = eval { JSON::XS->new->utf8->decode($response{body}) }
        if ($header{'content-type'} // '') =~ m{^application/json};

    return \%response;
}

sub read_body {
    my ($socket, $rest, $deadline, $header) = @_;

    if (($header->{'transfer-encoding'} // '') eq 'chunked') {
        my $body = '';

        while (1) {
            while ($rest !~ /^[0-9a-f]+\r\n/i) {
                return $body unless read_some($socket, \$rest, $deadline);
            }

            my ($digits) = $rest =~ /^([0-9a-f]+)/i;
            my ($size, $start) = (hex $digits, 2 + length $digits);

            while (length $rest < $start + $size + 2) {
                return $body unless read_some($socket, \$rest, $deadline);
            }

            return $body if $size == 0;
            $body .= substr $rest, $start, $size;
            $rest = substr $rest, $start + $size + 2;
        }
    }

    my $length = $header->{'content-length'};

    while (!defined $length || length $rest < $length) {
        last unless read_some($socket, \$rest, $deadline);
    }

    return $rest;
}

sub read_some {
    my ($socket, $text, $deadline) = @_;

    my $left = $deadline - time();

    return 0 if $left <= 0 || !IO::Select->new($socket)->can_read($left);

    my $n = sysread $socket, $$text, 65536, length $$text;

    return $n // 0;
}

# A server may answer and close before it has read everything.
sub write_all {
    my ($socket, $bytes) = @_;

    my $sent = 0;

    while ($sent < length $bytes) {
        my $n = syswrite $socket, $bytes, 65536, $sent;

        last unless $n;
        $sent += $n;
    }

    return $sent;
}

sub empty {
    my ($text) = @_;

    return { code => 0, status => '', header => {}, headers => [],
        body => $text, json => undef };
}

1;
