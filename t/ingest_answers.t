# What ingest answers when all is well, when the sender is not known, and when
# a limit is reached: CONTRACT sections 1 and 2.

use strict;
use warnings;

use Compress::Zlib ();
use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis nginx))->plan(71);

$t->env(INGEST_API_KEY_NEXT => 'the-next-key');
$t->run();

my %key = ('X-API-KEY' => $t->key('ingest'));

sub post {
    my ($path, $body, %headers) = @_;

    return $t->http('POST', $path, $body, %key, %headers);
}

# a live setting, in force when this returns
sub set {
    my ($name, $value) = @_;
    my $generation = 'mutt_config_generation';
    my $before = $t->metrics('nginx')->{$generation} // 0;

    defined $value ? $t->redis('set', "mutt:config:$name", $value)
        : $t->redis('del', "mutt:config:$name");
    $t->wait_for(sub {
        ($t->metrics('nginx')->{$generation} // 0) > $before }, 5);

    # the other process asks within the same second
    my $until = time() + 2;
    $t->wait_for(sub { time() >= $until }, 3);
}

my $event = encode_json($t->event());

###############################################################################
# the three routes, versions, correlation

for my $path (qw(/ingest /api/v1/ingest /api/v2/ingest)) {
    my $r = post($path, $event);

    is($r->{code}, 200, "$path takes an event");
    is($r->{header}{'x-api-deprecated'},
        $path =~ /v1/ ? 'true' : 'false', "$path says if it is deprecated");
}

my $v1 = post('/api/v1/ingest', $event);

is($v1->{header}{deprecation}, '@1762732800', 'v1 says since when');
is($v1->{header}{sunset}, 'Wed, 30 Jun 2027 00:00:00 GMT', 'and until when');
is($v1->{header}{link}, '</api/v2/ingest>; rel="successor-version"',
    'and what comes after');

my $r = post('/ingest', $event, 'X-Correlation-ID' => 'abc-1:2.3_x');

is($r->{header}{'x-correlation-id'}, 'abc-1:2.3_x', 'a good id is kept');
is($r->{json}{correlation_id}, 'abc-1:2.3_x', 'in the body too');
is($r->{header}{'x-api-version'}, '2.5', 'the version is told');
is($r->{header}{'x-api-supported-versions'}, '2.5, 2.0, 1.0',
    'and those there are');
is($r->{header}{'cache-control'}, 'no-store', 'nothing is cached');

for my $bad ('a b', "x\x{c3}\x{a9}", '<script>', 'x' x 129) {
    like(post('/ingest', $event, 'X-Correlation-ID' => $bad)
        ->{header}{'x-correlation-id'}, qr/^[0-9a-f-]{36}$/,
        'a hostile id is replaced');
}

is(post('/ingest', $event, 'Accept-Version' => '2.0')
    ->{header}{'x-api-version'}, '2.0', 'a supported version is served');
is(post('/ingest?api_version=1.0', $event, 'Accept-Version' => '9')
    ->{header}{'x-api-version'}, '1.0', 'the first supported one counts');

###############################################################################
# routes and methods come before the key

is($t->http('POST', '/ingestion', $event)->{code}, 404, 'no such route');
is($t->http('GET', '/nothing')->{json}{code}, 'not_found', 'said as JSON');
is($t->http('GET', '/nothing')->{header}{'x-api-version'}, '2.5',
    'with the version');

my $get = $t->http('GET', '/api/v2/ingest');

is($get->{code}, 405, 'a wrong method');
is($get->{header}{allow}, 'POST, OPTIONS', 'is told the right ones');
is($t->http('OPTIONS', '/ingest')->{code}, 204, 'OPTIONS is answered');

my $broken = $t->http_raw("GET / HTTP/1.1\r\n\r\n");
my $answer = do { local $/; <$broken> };

like($answer, qr{^HTTP/1.1 400 .*X-API-Version: 2.5}s,
    'nginx\'s own error pages tell the version too');

###############################################################################
# keys

for my $case ([ 'no key', undef ], [ 'an empty key', '' ],
    [ 'a wrong key', 'x' ], [ 'a huge key', 'x' x 6000 ],
    [ 'bytes', "\xff\xfe" ], [ 'a part of the key',
        substr($t->key('ingest'), 0, -1) ])
{
    my $refused = $t->http('POST', '/ingest', $event,
        'X-API-KEY' => $case->[1]);

    is($refused->{code}, 401, "$case->[0] is refused");
    is($refused->{json}{code}, 'unauthorized', 'and nothing more is told');
}

is($t->http('POST', '/ingest', $event, 'X-API-KEY' => 'the-next-key')
    ->{code}, 200, 'the next key is good too');
is($t->http('POST', '/ingest', $event, 'X-API-KEY' => $t->key('admin'))
    ->{json}{required_scope}, 'ingest', 'admin is no shipper');

my $two = $t->http_raw("POST /ingest HTTP/1.1\r\nHost: x\r\nX-API-KEY: x\r\n"
    . "X-API-KEY: $key{'X-API-KEY'}\r\nConnection: close\r\n"
    . 'Content-Length: ' . length($event) . "\r\n\r\n$event");

like(do { local $/; <$two> }, qr{^HTTP/1.1 401 }, 'two keys are nobody\'s');
# what a connection has sent before is no credential of what comes behind it
my $good = $key{'X-API-KEY'};
my @keys = ($good, $good, $good =~ s/.$/!/r, $good, substr($good, 0, -1), '',
    "${good}x", 'the-next-key', $good);
my $many = $t->http_raw(join '', map {
    "POST /ingest HTTP/1.1\r\nHost: x\r\nX-API-KEY: $keys[$_]\r\n"
        . ($_ == $#keys ? "Connection: close\r\n" : '')
        . 'Content-Length: ' . length($event) . "\r\n\r\n$event"
    } 0 .. $#keys);

is(join(' ', do { local $/; <$many> } =~ m{^HTTP/1.1 (\d+) }mg),
    '200 200 401 200 401 401 401 200 200',
    'each request of a connection is judged by its own key');

is($t->http('POST', "/ingest?api_key=$key{'X-API-KEY'}", $event)->{code}, 401,
    'a key in the URL is not looked at');

###############################################################################
# batches

my $lines = "$event\n\nnonsense\n{\"hostname\":\"\"}\r\n$event\n";

$r = post('/ingest', $lines, 'Content-Type' => 'application/x-ndjson');
is($r->{code}, 200, 'a batch with bad lines is taken');
is($r->{json}{status}, 'partial', 'in part');
is($r->{json}{accepted}, 2, 'the good ones');
is_deeply([ map { $_->{index} } @{ $r->{json}{errors} } ], [ 1, 2 ],
    'and the bad ones are named');
is($t->redis('llen', 'mutt:dlq:rejected'), 2, 'and kept');
is(decode_json(scalar $t->redis('lindex', 'mutt:dlq:rejected', -1))->{raw},
    'nonsense', 'as they came');

is(post('/ingest', "$event$event")->{json}{accepted}, 2,
    'concatenated objects are a batch');
is(post('/ingest', Compress::Zlib::memGzip("[$event,$event,$event]"),
    'Content-Encoding' => 'gzip')->{json}{accepted}, 3,
    'a compressed array is');

$r = post('/ingest', '[{},1]');
is($r->{code}, 400, 'a batch without a good one is refused');
is($r->{json}{rejected}, 2, 'and counted');

###############################################################################
# the sender's own ids

my $own = encode_json($t->event(
    event_id => '0190A6B2-7C3E-7D5F-8A1B-00000000000A'));

is(post('/ingest', $own)->{json}{event_id},
    '0190a6b2-7c3e-7d5f-8a1b-00000000000a', 'an own id is kept');

my $depth = $t->redis('llen', 'mutt:ingest_queue');

$r = post('/ingest', $own);
is($r->{code}, 200, 'a repeat is fine');
ok($r->{json}{duplicate}, 'and said to be one');
is($t->redis('llen', 'mutt:ingest_queue'), $depth, 'and queued once');
is($t->http('POST', '/ingest', $own, 'X-API-KEY' => 'the-next-key')
    ->{json}{duplicate}, JSON::XS::true, 'both values are one key');

###############################################################################
# limits

set('max_ingest_queue_size', 1000);
$t->redis('ltrim', 'mutt:ingest_queue', 0, -1);

my $room = 1000 - $t->redis('llen', 'mutt:ingest_queue');
my $batch = sub { '[' . join(',', ($event) x $_[0]) . ']' };

is(post('/ingest', $batch->($room + 1))->{json}{code}, 'queue_full',
    'a batch that does not fit is refused');
is(post('/ingest', $batch->($room))->{json}{queue_depth}, 1000,
    'one that does is taken whole');
$r = post('/ingest', $event);
is($r->{code}, 503, 'then the queue is full');
is($r->{json}{queue_limit}, 1000, 'and says at what');
ok($r->{header}{'retry-after'} >= 1, 'and when to come back');
set('max_ingest_queue_size', undef);

set('ingest_max_rate', 5);
$t->redis('del', 'mutt:rate_limit:ingestor');
is(post('/ingest', $batch->(5))->{header}{'x-ratelimit-remaining'}, 0,
    'the limit counts events');
$r = post('/ingest', $event);
is($r->{code}, 429, 'and then refuses');
ok($r->{header}{'retry-after'} >= 1, 'saying when to come back');
is(post('/ingest', $batch->(6))->{code}, 413,
    'a batch larger than the window never fits');

$t->redis('del', 'mutt:rate_limit:ingestor');
$t->redis('set', 'mutt:rate_limit:ingestor', 'x');
is(post('/ingest', $event)->{code}, 200, 'a broken limiter lets pass');
is($t->metrics('nginx')->{mutt_ingest_rate_limiter_errors_total}, 1,
    'and is counted');
$t->redis('del', 'mutt:rate_limit:ingestor');
is($t->ledger()->{accepted}, $t->redis('llen', 'mutt:ingest_queue'),
    'everything accepted is there');
