# Who is wrong about keys too often is told to wait, by address and over all
# workers; who has a good key is never in the way of that: GUARANTEES 6, C4, C5,
# H11, H34, H50.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use JSON::XS;
use Mutt::Http;
use Mutt::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Mutt::Test->new()->has(qw(redis postgres nginx));

$t->reserve('proxied');
$t->http_conf('server { listen 127.0.0.1:%%proxied_PORT%%;'
    . ' keepalive_requests 100000; set_real_ip_from 127.0.0.0/8;'
    . ' real_ip_header X-Real-IP; location / { mutt_ingest; mutt_api; } }');
$t->env('nginx.AUTH_FAILURE_LIMIT' => 10)->run();
$t->wait_for(sub { $t->http('GET', '/api/v2/rules', undef,
    'X-API-KEY' => $t->key('admin'))->{code} == 200 }, 10, 'it is there');

# A request from an address of this machine.
sub from {
    my ($address, $key, $what, %headers) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $t->port('nginx'), LocalAddr => $address, Timeout => 5)
        or die "from $address: $@\n";

    $headers{'X-API-KEY'} = $key if defined $key;
    $what //= 'GET /api/v2/rules';
    Mutt::Http::write_all($socket, join "\r\n", "$what HTTP/1.1", 'Host: x',
        'Connection: close', (map { "$_: $headers{$_}" } sort keys %headers),
        '', '');
    return Mutt::Http::read_response($socket, 20);
}

# How many are refused as wrong until one is told to wait.
sub until_limited {
    my ($address, %headers) = @_;
    my $n = 0;

    for (1 .. 40) {
        my $r = from($address, 'wrong', undef, %headers);

        return ($n, $r) if $r->{code} == 429;
        $n += $r->{code} == 401;
    }

    return ($n, undef);
}

###############################################################################

my $began = time();
my ($wrong, $r) = until_limited('127.0.0.2');
my $forgotten = (time() - $began) / 6 + 1;

cmp_ok($wrong, '>=', 10, 'so many wrong keys are wrong, whichever worker');
cmp_ok($wrong, '<=', 10 + $forgotten, 'and no more');
is($r->{json}{code}, 'rate_limited', 'then it is time to wait');
cmp_ok($r->{header}{'retry-after'}, '>=', 1, 'as is said');
is($r->{json}{retry_after}, $r->{header}{'retry-after'}, 'twice');

my $ingest = from('127.0.0.2', 'wrong', 'POST /api/v2/ingest',
    'Content-Length' => 0);

is($ingest->{code}, 429, 'at ingest too');
is($ingest->{json}{status}, 'error', 'in its own form');
is(from('127.0.0.2', $t->key('admin'))->{code}, 200,
    'a good key of that address is good');
is(from('127.0.0.2')->{code}, 401, 'no key is no guess');
is(from('127.0.0.3', 'wrong')->{code}, 401, 'another address is not concerned');
is(from('127.0.0.1', $t->key('admin'))->{code}, 200, 'nor its keys');

my ($spoofed) = until_limited('127.0.0.4', 'X-Forwarded-For' => '9.9.9.9',
    'X-Real-IP' => '9.9.9.9', Forwarded => 'for=9.9.9.9');

cmp_ok($spoofed, '<', 40, 'an address that is only said is not believed');

my $sign_in = sub { return from($_[0], undef, 'POST /api/v2/session',
    'Content-Type' => 'application/json', 'Content-Length' => 0) };

is($sign_in->('127.0.0.5')->{code}, 400, 'no key at all is no failed sign-in');

my $login = sub {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $t->port('nginx'), LocalAddr => $_[0], Timeout => 5);
    my $body = encode_json({ api_key => $_[1] });

    Mutt::Http::write_all($socket, join "\r\n", 'POST /api/v2/session HTTP/1.1',
        'Host: x', 'Connection: close', 'Content-Length: ' . length $body, '',
        $body);
    return Mutt::Http::read_response($socket, 20);
};

is($login->('127.0.0.6', 'wrong')->{code}, 401, 'a failed sign-in');
is($login->('127.0.0.6', 'wrong')->{code}, 429, 'counts for many');
is($login->('127.0.0.6', $t->key('admin'))->{code}, 200,
    'who knows the key signs in');

###############################################################################
# many addresses

my $many = 20_000;
my $socket = Mutt::Http::open_raw($t->port('proxied'));
my %codes;

for my $chunk (0 .. $many / 100 - 1) {
    my $text = join '', map {
        my $n = $chunk * 100 + $_;
        "GET /api/v2/rules HTTP/1.1\r\nHost: x\r\nX-API-KEY: wrong\r\n"
            . sprintf("X-Real-IP: 10.%d.%d.1\r\n\r\n", $n >> 8, $n & 255)
    } 1 .. 100;
    my ($got, $answers) = ('', 0);

    Mutt::Http::write_all($socket, $text);

    while ($answers < 100) {
        last unless Mutt::Http::read_some($socket, \$got, time() + 20);
        $answers = () = $got =~ /^HTTP\/1\.1 /mg;
    }

    $codes{$1}++ while $got =~ /^HTTP\/1\.1 (\d+)/mg;
}

is($codes{401}, $many, 'each of many addresses is heard')
    or diag(encode_json(\%codes));

($wrong) = until_limited('127.0.0.2');
cmp_ok($wrong, '<=', (time() - $began) / 6 + 1,
    'who had to wait is not forgotten over them');

my $metrics = $t->metrics('nginx');

cmp_ok($metrics->{"mutt_webui_auth_failures_total{reason=\"$_->[0]\"}"}, '>=',
    $_->[1], "$_->[0] is counted") for [ 'wrong', $many ], [ 'limited', 4 ],
    [ 'missing', 1 ];

###############################################################################
# off

is(from('127.0.0.1', $t->key('admin'), 'PUT /api/v2/config/auth_failure_limit',
    'Content-Length' => 0)->{code}, 400, 'the limit is a setting');
$t->setting('auth_failure_limit', 0);
ok($t->wait_for(sub { !grep { from('127.0.0.2', 'wrong')->{code} != 401 }
    1 .. 20 }, 15), 'which can be switched off');

$t->done();
