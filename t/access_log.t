# The access log of nginx.conf.example: a line is one JSON object that tells
# what became of the request, whatever the request held.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis nginx))->plan(13);
my $example = do { local (@ARGV, $/) = "$FindBin::Bin/../nginx.conf.example";
    <> };
my ($format) = $example =~ /^( +log_format .*?;)$/ms;
my $log = $t->dir() . '/mutt.log';

$t->http_conf("$format\n    access_log $log mutt;");
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
    'X-Correlation-ID' => 'order-7');

is($line->{status}, 200, 'the status is the answer\'s');
is($line->{accepted}, 2, 'so many events were queued');
is($line->{rejected}, 1, 'and so many were not valid');
is($line->{correlation_id}, 'order-7', 'the client\'s correlation id');
is($line->{key}, 'ingest', 'the key has a name');
like($line->{durability}, qr/^(?:memory|fsync|none)$/, 'and the answer a level');
like($line->{queue_wait}, qr/^\d+\.?\d*$/, 'Redis took its time');

($line) = logged('POST', '/api/v2/ingest', '{}', 'X-API-KEY' => 'wro"ng',
    'Content-Type' => 'application/json');
is($line->{status}, 401, 'a refused request has a line too');
is($line->{key}, '', 'without a key');
is($line->{accepted}, 0, 'without events');
like($line->{correlation_id}, qr/^[\w-]{36}$/, 'with an id of ours');

($line) = logged('GET', '/no%22such%0apath');
is($line->{status}, 404, 'a path cannot break the line');
unlike(text(), qr/wro/, 'what was sent as a key is nowhere in it');

$t->done();
