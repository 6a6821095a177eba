# The wall clock is stepped back while nginx works: what is remembered for
# seconds is not remembered for an hour, and who may not watch any more does
# not go on watching.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Http;
use Mutt::Test;
use POSIX qw(strftime);
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis nginx));
my $clock = $t->shim('clock', 'nginx');

$t->run();

# a connection stays with one process
my $socket = Mutt::Http::open_raw($t->port('nginx'));

sub rate {
    syswrite $socket, "GET /api/v2/metrics HTTP/1.1\r\nHost: x\r\n"
        . 'X-API-KEY: ' . $t->key('admin') . "\r\n\r\n";
    return Mutt::Http::read_response($socket, 20)
        ->{json}{summary}{current_rate_1m};
}

my $in = $t->http('POST', '/api/v2/session',
    encode_json({ api_key => $t->key('admin') }));
my ($cookie) = ($in->{header}{'set-cookie'} // '') =~ /(mutt_session=\w+)/;
my $stream = $t->http_raw("GET /api/v2/events/stream HTTP/1.1\r\nHost: x\r\n"
    . "Cookie: $cookie\r\n\r\n");
my $text = '';

# Reads on, at most until it is like that; whether it was.
sub until_like {
    my ($like) = @_;

    return $t->wait_for(sub {
        my $in = '';

        vec($in, fileno($stream), 1) = 1;
        sysread $stream, $text, 65536, length $text
            if select $in, undef, undef, 0.1;
        $text =~ $like;
    }, 20);
}

ok(until_like(qr/: live/), 'somebody watches');
is(rate(), 0, 'nothing has come');

###############################################################################

$clock->set(0, -3600 * 1_000_000);
$t->redis('set', strftime('mutt:metrics:1m:%Y-%m-%dT%H:%M',
    gmtime(time() - $_ * 60)), 600) for 50 .. 75;
$t->wait_for(sub { rate() == 600 }, 20, 'what was kept is not kept for longer');

is($t->http('DELETE', '/api/v2/session', undef, Cookie => $cookie,
    'X-CSRF-Token' => $in->{json}{csrf_token})->{code}, 204, 'it is over');
ok(until_like(qr/\r\n0\r\n\r\n\z/), 'who watched with it does not any more');

$t->done();
