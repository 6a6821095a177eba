# Senders that were answered together are waited for before the next call to
# Redis, but not for long: who has sent its last event holds up nobody.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Http;
use Mutt::Test;
use Test::More;

my $ROUNDS = 10;
my $SENDERS = 60;

my $t = Mutt::Test->new()->has(qw(redis nginx))->plan(3);

$t->http_conf('mutt_redis_timeout 20s;');
$t->run();

my $port = $t->port('nginx');
my $key = $t->key('ingest');
my ($sent, %code, %held) = (0);

sub request {
    my $body = encode_json($t->event(message => 'event ' . ++$sent));

    return "POST /api/v2/ingest HTTP/1.1\r\nHost: localhost\r\n"
        . "X-API-KEY: $key\r\nContent-Type: application/json\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}

# while Redis stands still the requests gather; then all of them are answered
# in a few calls, and nobody sends another one
for (1 .. $ROUNDS) {
    my @senders = map { Mutt::Http::open_raw($port) } 1 .. $SENDERS;

    $t->signal('redis', 'STOP');
    Mutt::Http::write_all($_, request()) for @senders[0 .. $SENDERS / 2 - 1];
    $t->signal('redis', 'CONT');
    Mutt::Http::write_all($_, request()) for @senders[$SENDERS / 2 .. $#senders];

    for (@senders) {
        my $code = Mutt::Http::read_response($_, 20)->{code};

        $code{$code}++;
        last if $code != 200;
    }
    last if keys %code > 1;
}

is_deeply(\%code, { 200 => $sent }, 'everybody is answered');

$held{ decode_json($_)->{message} }++
    for $t->redis('lrange', 'mutt:ingest_queue', 0, -1);

is(keys %held, $sent, 'each event is queued');
is_deeply([ grep { $_ != 1 } values %held ], [], 'once');
