package Mutt::Otlp;

# A collector of traces: takes OTLP over HTTP as JSON, holds it to the
# specification, and shows what it has.
#
#     my $otlp = Mutt::Otlp->start($t);        before $t->run()
#
#     $t->wait_for(sub { $otlp->spans('match') }, 10, 'matched');
#
# What a request does wrong is answered 400 and is in faults().

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use JSON::XS;
use Mutt::Ports;
use Mutt::Process;

###############################################################################
# The test's side

# A collector on a port of its own, that the workers of $t are told of; it is
# a part of $t, which stops it.
sub start {
    my ($class, $t) = @_;

    my $port = Mutt::Ports::take();
    my ($lib) = __FILE__ =~ m{^(.*)/Mutt/};
    my $self = bless { port => $port, file => $t->dir() . '/otlp.json' },
        $class;

    $t->{parts}{otlp} = Mutt::Process->new(name => 'otlp',
        log => $t->dir() . '/otlp.log', stop => 'TERM',
        command => [ $^X, "-I$lib", '-MMutt::Otlp', '-e',
            'Mutt::Otlp::main(@ARGV)', $port, $self->{file} ]);
    $t->{port}{otlp} = $port;
    $t->env(OTEL_ENABLED => 'true',
        OTEL_EXPORTER_OTLP_ENDPOINT => "http://127.0.0.1:$port/");
    $t->process('otlp')->start();
    $t->wait_for(sub { eval { Mutt::Http::open_raw($port) } }, 20)
        or die "the collector does not listen\n";
    return $self;
}

sub lines {
    my ($self) = @_;

    open my $file, '<', $self->{file} or return;
    return map { decode_json($_) } grep { /\n\z/ } <$file>;
}

# All spans, or those of a name or a trace: each a hash with "service" and
# "attributes" as a hash besides what OTLP has.
sub spans {
    my ($self, $name, $trace) = @_;

    return grep { (!defined $name || $_->{name} eq $name)
        && (!defined $trace || $_->{traceId} eq $trace) }
        map { @{ $_->{spans} // [] } } $self->lines();
}

# All that came, as it came: request lines, headers and bodies.
sub raw {
    my ($self) = @_;

    open my $file, '<', "$self->{file}.raw" or return '';
    local $/;
    return scalar <$file> // '';
}

sub faults { return map { $_->{fault} // () } $_[0]->lines() }

###############################################################################
# The collector's side: main(PORT, FILE)

sub main {
    my ($port, $path) = @_;

    local $SIG{PIPE} = 'IGNORE';
    local $SIG{TERM} = sub { exit 0 };

    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $port, Listen => 64, ReuseAddr => 1) or die "$@\n";
    my $select = IO::Select->new($listen);
    my %text;

    open my $file, '>>', $path or die "$path: $!\n";
    open my $raw, '>>', "$path.raw" or die "$path.raw: $!\n";
    $_->autoflush(1) for $file, $raw;

    while (1) {
        for my $socket ($select->can_read()) {
            if ($socket == $listen) {
                my $new = $listen->accept() // next;
                $text{$new} = '';
                $select->add($new);
            } elsif (!sysread $socket, $text{$socket}, 65536,
                length $text{$socket})
            {
                delete $text{$socket};
                $select->remove($socket);
                close $socket;
            } else {
                answer($socket, \$text{$socket}, $file, $raw);
            }
        }
    }
}

# Answers what is there whole.
sub answer {
    my ($socket, $text, $file, $raw) = @_;

    while ($$text =~ /^(.*?)\r\n\r\n/s) {
        my ($head, $end) = ($1, $+[0]);
        my ($length) = $head =~ /^content-length: *(\d+)/mi;
        my $type = $head =~ m{^content-type: *application/json *\r?$}mi;

        return if length($$text) < $end + ($length // 0);

        my $body = substr $$text, $end, $length // 0;
        my ($spans, $fault) = $head !~ m{^POST /v1/traces HTTP/1\.1\r}
            ? ([], 'the request line: ' . (split /\r/, $head)[0])
            : $type ? judge($body) : ([], 'no application/json');

        $$text = substr $$text, $end + ($length // 0);
        print $raw "$head\n\n$body\n";
        print $file JSON::XS->new->canonical->encode($fault
            ? { fault => $fault } : { spans => $spans }) . "\n";

        my ($status, $said) = $fault ? ('400 Bad', "{}") : ('200 OK', '{}');

        syswrite $socket, "HTTP/1.1 $status\r\nContent-Type: application/json"
            . "\r\nContent-Length: " . length($said) . "\r\n\r\n$said";
    }
}

# The spans of a request, and what is wrong with it.
sub judge {
    my ($body) = @_;

    my @spans;
    my $request = eval { JSON::XS->new->utf8->decode($body) }
        or return [], "no JSON: $@";

    for my $group (@{ $request->{resourceSpans} // [] }) {
        my $of = attributes($group->{resource}{attributes});

        defined $of->{'service.name'} or return [], 'no service.name';

        for my $span (map { @{ $_->{spans} } } @{ $group->{scopeSpans} }) {
            my $fault = fault_of($span);

            return [], $fault if $fault;
            push @spans, { %$span, resource => $of,
                service => $of->{'service.name'},
                attributes => attributes($span->{attributes}) };
        }
    }

    return @spans ? (\@spans, undef) : ([], 'no spans');
}

sub attributes {
    my ($list) = @_;

    return { map { $_->{key} => (values %{ $_->{value} })[0] } @$list };
}

sub fault_of {
    my ($span) = @_;

    my %id = (traceId => 32, spanId => 16);

    $id{parentSpanId} = 16 if exists $span->{parentSpanId};

    for my $name (sort keys %id) {
        return "$name is none" unless ($span->{$name} // '')
            =~ /^(?!0+$)[0-9a-f]{$id{$name}}$/;
    }

    for my $name (qw(startTimeUnixNano endTimeUnixNano)) {
        return "$name is no string of digits"
            unless ($span->{$name} // '') =~ /^\d{19}$/;
    }

    return 'no name' unless length($span->{name} // '');
    return 'no kind' unless ($span->{kind} // 0) =~ /^[1-5]$/;
    return 'ends before it begins'
        if $span->{endTimeUnixNano} lt $span->{startTimeUnixNano};
    return;
}

1;
