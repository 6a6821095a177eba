# The access log of nginx.conf.example, which is that of "make up" too: a line
# is one JSON object that tells what became of the request, whatever the
# request held.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis nginx));
my $example = do { local (@ARGV, $/) = "$FindBin::Bin/../nginx.conf.example";
    <> };
my ($format) = $example =~ /^( +log_format .*?;)$/ms;
my $log = $t->dir() . '/mutt.log';

$t->http_conf("$format\n    access_log $log mutt;");
$t->env(OTEL_ENABLED => 'true', OTEL_TRACES_SAMPLER_ARG => 0);
$t->run();

# What the log has to say of a request; other processes write there as well.
sub logged {
    my (@request) = @_;

    my $answer = $t->http(@request);
    my $id = $answer->{header}{'x-correlation-id'};
    my $line;

    $t->wait_for(sub {
        ($line) = grep { $_->{correlation_id} eq $id }
            map { eval { decode_json($_) } // () } split /\n/, text();
    }, 10);
    return ($line // {}, $answer);
}

# The log without what asks whether nginx is ready.
sub text {
    open my $file, '<', $log or return '';
    return join '', grep { !m{"path":"/metrics"} } <$file>;
}

my $events = encode_json([ $t->event(message => 'one'), { message => 'two' },
    $t->event(message => 'three') ]);
my ($line, $answer);

($line, $answer) = logged('POST', '/api/v2/ingest', $events,
    'X-API-KEY' => $t->key('ingest'), 'Content-Type' => 'application/json',
    'X-Correlation-ID' => 'order-7',
    traceparent => '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');

is($line->{status}, 200, 'the status is the answer\'s');
is($line->{accepted}, 2, 'so many events were queued');
is($line->{rejected}, 1, 'and so many were not valid');
is($line->{correlation_id}, 'order-7', 'the client\'s correlation id');
is($line->{key}, 'ingest', 'the key has a name');
like($line->{durability}, qr/^(?:memory|fsync|none)$/, 'and the answer a level');
like($line->{queue_wait}, qr/^\d+\.?\d*$/, 'Redis took its time');
is($line->{trace_id}, '4bf92f3577b34da6a3ce929d0e0e4736', 'the trace');
is(join(' ', sort keys %$line), 'accepted bytes correlation_id durability key'
    . ' method path queue_wait rejected remote seconds service status timestamp'
    . ' trace_id', 'and these members');
is(join(' ', grep { JSON::XS->new->allow_nonref->encode($line->{$_}) =~ /"/ }
    qw(accepted rejected bytes seconds queue_wait status)), '',
    'what counts or measures is a number');

($line) = logged('POST', '/api/v2/ingest', '{}', 'X-API-KEY' => 'wro"ng',
    'Content-Type' => 'application/json');
is($line->{status}, 401, 'a refused request has a line too');
is($line->{key}, '', 'without a key');
is($line->{accepted}, 0, 'without events');
like($line->{correlation_id}, qr/^[\w-]{36}$/, 'with an id of ours');

($line) = logged('GET', '/no%22such%0apath');
is($line->{status}, 404, 'a path cannot break the line');
unlike(text(), qr/wro/, 'what was sent as a key is nowhere in it');

###############################################################################
# Whatever comes, there is a line, and it is JSON in UTF-8

my $ingest = "POST /api/v2/ingest HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n";
my @hostile = (
    [ 'bytes that are no text' => "GET /\xff\xfe\x80 HTTP/1.0\r\n\r\n" ],
    [ 'the same, encoded' => "GET /%ff%c0%af%ed%a0%80 HTTP/1.0\r\n\r\n" ],
    [ 'quotes, backslashes and controls' =>
        "GET /%22%5c%0a%1b%7f%c2%85%e2%80%a8 HTTP/1.0\r\n\r\n" ],
    [ 'a quote and a backslash as they are' => "GET /\"\\ HTTP/1.0\r\n\r\n" ],
    [ 'no version' => "GET /health/live\r\n" ],
    [ 'another protocol' => "\x16\x03\x01\x02\"\xff\r\n\r\n" ],
    [ 'a method of its own' => "G\"T / HTTP/1.0\r\n\r\n" ],
    [ 'a path too long' => 'GET /' . 'a"' x 9000 . " HTTP/1.0\r\n\r\n" ],
    [ 'an id that breaks out' => "GET / HTTP/1.0\r\nX-Correlation-ID: "
        . "a\",\"b\":\"\xff\r\ntraceparent: \"\\\xff\r\n\r\n" ],
    [ 'a key that breaks out' => "${ingest}X-API-KEY: \"}\\\xff\r\n\r\n{" ],
    [ 'half a body, and gone' => "${ingest}X-API-KEY: " . $t->key('ingest')
        . "\r\n\r\n{" ],
);

for my $case (@hostile) {
    my ($what, $bytes) = @$case;
    my $before = () = text() =~ /\n/g;
    my $socket = $t->http_raw($bytes);
    my ($line, @more);

    shutdown $socket, 1;
    $t->wait_for(sub { (() = text() =~ /\n/g) > $before }, 20);
    (undef, $line, @more) = (split /\n/, text())[$before - 1 .. $before];

    my $object = eval { JSON::XS->new->utf8->decode($line // '') };

    ok($object && $object->{status} =~ /^\d+$/, "$what: a line of JSON")
        or diag($line);
}

###############################################################################
# The stack has the same

my $stack = do { local (@ARGV, $/) = "$FindBin::Bin/../tools/mutt-stack"; <> };

unlike($stack, qr/escape=json/, 'the stack has no format of its own');
like($stack, qr/^\$log_format$/m, 'but the one of the example');

$t->done();
