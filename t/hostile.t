# Requests that mean harm, row by row of GUARANTEES 6.  Of each: never a 5xx,
# no secret, path or statement in the body, the ledger as before unless events
# were taken, and the next normal request is served.  H50 is in t/api_guard.t,
# events' contents (B, W) in t/ingest_bad_input.t and the workers' tests.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Zlib ();
use IO::Select;
use JSON::XS;
use Mutt::Http;
use Mutt::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Mutt::Test->new()->has(qw(redis postgres nginx));

# as nginx.conf.example has them, but sooner
$t->http_conf('server_tokens off; client_header_timeout 2s;'
    . ' client_body_timeout 2s; send_timeout 2s;'
    . ' reset_timedout_connection on; keepalive_requests 20000;');
$t->run();

my $port = $t->port('nginx');
my %key = (admin => $t->key('admin'), ingest => $t->key('ingest'));
my $json = JSON::XS->new->utf8->canonical;

sub api {
    my ($method, $path, $body, %headers) = @_;

    return $t->http($method, $path =~ m{^/} ? $path : "/api/v2/$path",
        ref $body ? $json->encode($body) : $body,
        'X-API-KEY' => $key{admin}, %headers);
}

sub raw {
    my ($text) = @_;

    my $socket = $t->http_raw($text);

    return Mutt::Http::read_response($socket, 10);
}

# A request of lines, as they are; nothing is added but its end.
sub lines { return raw(join("\r\n", @_, '', '')) }

my ($good, $before);

sub accepted { return $t->redis('hget', 'mutt:ledger', 'accepted') // 0 }

# Asserts what every answer has to be, and one of the row's codes.
sub row {
    my ($id, $title, $r, @codes) = @_;

    my $codes = join '|', @codes;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    like($r->{code}, qr/^(?:$codes)$/, "$id: $title") or diag($r->{body});
    unlike($r->{body}, qr{SELECT|pg_|postgres|/tmp/|\.sock|nginx/|
        $key{admin}|$key{ingest}|Traceback|\.c:\d}x, "$id: and nothing leaks");
    is(accepted(), $before, "$id: nothing was queued") if $r->{code} !~ /^2/;
    $before = accepted();
    return $r;
}

# The next who means no harm.
sub served {
    my ($id) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(api('GET', 'rules')->{code}, 200, "$id: the next request is served");
}

$t->wait_for(sub { api('GET', 'rules')->{code} == 200 }, 15, 'it is there');
$before = accepted();

my $rule = { match_string => 'x', prod_handling => 'Log_only',
    dev_handling => 'Log_only', team_assignment => 'T' };
my $id = api('POST', 'rules', $rule)->{json}{id};
my @get = ('GET /api/v2/rules HTTP/1.1', 'Host: localhost',
    'Connection: close');

###############################################################################
# keys

my $none = row('H01', 'no key', api('GET', 'rules', undef,
    'X-API-KEY' => undef), 401);

is($none->{header}{'www-authenticate'}, 'MUTT-Key', 'H01: and how to come');
row('H02', 'an empty key', api('GET', 'rules', undef, 'X-API-KEY' => ''), 401);
row('H04', 'a key with a NUL', lines(@get, "X-API-KEY: $key{admin}\0"), 400,
    401);
row('H04', 'a key with %00', api('GET', 'rules', undef,
    'X-API-KEY' => "$key{admin}%00"), 401);
row('H04', 'a key with a line break', lines(@get, 'X-API-KEY: x',
    " $key{admin}"), 400, 401);
row('H05', 'two keys, the good one ' . $_->[0], lines(@get, @{ $_->[1] }), 400,
    401) for [ 'first', [ "X-API-KEY: $key{admin}", 'X-API-KEY: x' ] ],
    [ 'last', [ 'X-API-KEY: x', "X-API-KEY: $key{admin}" ] ];
row('H07', "a key $_->[0]", api('GET', 'rules', undef,
    'X-API-KEY' => $_->[1]), 401) for [ 'in other case', uc $key{admin} ],
    [ 'with a space', $key{admin} =~ s/-/ /r ],
    [ 'cut', substr $key{admin}, 0, -1 ], [ 'and more', "$key{admin}x" ];

my %made = map { $_ => api('POST', 'keys', { name => $_,
    scopes => [ 'read' ] })->{json}{key} } qw(revoked expired);

$t->wait_for(sub { api('GET', 'rules', undef, 'X-API-KEY' => $made{$_})
    ->{code} == 200 }, 15) for sort keys %made;
api('DELETE', 'keys/revoked');
$t->sql("UPDATE api_keys SET expires_at = now() WHERE name = 'expired'");

for my $name (sort keys %made) {
    $t->wait_for(sub { api('GET', 'rules', undef, 'X-API-KEY' => $made{$name})
        ->{code} == 401 }, 15);

    my $r = row('H08', "a key that is $name", api('GET', 'rules', undef,
        'X-API-KEY' => $made{$name}), 401);

    is($r->{json}{error}, $none->{json}{error}, 'H08: as any other');
}

row('H10', 'an ingest key at the audit', api('GET', 'audit', undef,
    'X-API-KEY' => $key{ingest}), 403);
served('keys');

###############################################################################
# framing

for my $case ([ 'H13', 'Transfer-Encoding: chunked, identity' ],
    [ 'H13', "Transfer-Encoding: \x0bchunked" ],
    [ 'H13', 'Transfer-Encoding: xchunked' ],
    [ 'H13', 'Transfer-Encoding: chunked', 'Content-Length: 3' ],
    [ 'H14', 'Content-Length: 2', 'Content-Length: 2' ],
    [ 'H14', 'Content-Length: 2', 'Content-Length: 3' ],
    [ 'H14', 'Content-Length: -1' ], [ 'H14', 'Content-Length: 2, 2' ],
    [ 'H16', 'X-A: b', ' c: d' ], [ 'H16', 'X A: b' ], [ 'H16', ': b' ],
    [ 'H16', 'Content-Length : 2' ])
{
    my ($id, @headers) = @$case;

    row($id, join(' and ', @headers) =~ s/[^ -~]/?/gr, raw(join("\r\n",
        'POST /api/v2/ingest HTTP/1.1', 'Host: localhost', 'Connection: close',
        "X-API-KEY: $key{ingest}", @headers, '', '{}')), 400, 501, 413);
}

row('H17', '10,000 headers', lines(@get, map { "X-$_: y" } 1 .. 10_000), 400,
    431, 494);
row('H17', 'a header of 64 KiB', lines(@get, 'X-A: ' . 'x' x 65536), 400, 431,
    494);
row('H19', 'bare line feeds', raw(join("\n", @get, "X-API-KEY: $key{admin}",
    '', '')), 200, 400);
row('H19', 'no Host', lines('GET /api/v2/rules HTTP/1.1',
    "X-API-KEY: $key{admin}"), 400);
row('H19', 'two Hosts', lines(@get, 'Host: evil.example',
    "X-API-KEY: $key{admin}"), 400);

my $evil = row('H19', 'another Host', lines('GET /api/v1/rules HTTP/1.1',
    'Host: evil.example', 'Connection: close', "X-API-KEY: $key{admin}"), 200,
    400);

unlike(join(' ', map { "@$_" } @{ $evil->{headers} }) . $evil->{body},
    qr/evil/, 'H19: which is not reflected');
served('framing');

###############################################################################
# paths

for my $path ('http://localhost/api/v2/rules', 'http://evil.example/api/v2/rules',
    '//api/v2/rules', '/api//v2/rules', '/api/v2//rules', '/api/../api/v2/rules',
    '/x/../api/v2/rules', '/api/v2/rules/../keys', '/api/v2/%2e%2e/v2/rules',
    '/api/v2%2frules', '/api/v2/rules;x', '/api/v2/;/rules',
    '/api/v2/%252e%252e/rules', '/api/v2/rules.', '/api/v2/rules/',
    '/API/V2/RULES', '/api/v2/rules%00', '/api/v2/rul%65s', '/./api/v2/rules',
    '/api/v2/%c0%ae%c0%ae/rules')
{
    my $open = row('H20', "$path without a key", lines(
        "GET $path HTTP/1.1", 'Host: localhost', 'Connection: close'), 400, 401,
        404);
    my $ingest = row('H20', "$path with another's key", lines(
        "GET $path HTTP/1.1", 'Host: localhost', 'Connection: close',
        "X-API-KEY: $key{ingest}"), 400, 403, 404);

    is($open->{code} == 401, $ingest->{code} == 403,
        'H20: is the one it stands for, or none');
}

row('H43', "GET $_", lines("GET $_ HTTP/1.1", 'Host: localhost',
    'Connection: close'), 400, 404) for '/assets/../../nginx.conf',
    '/assets/%2e%2e/%2e%2e/nginx.conf', '/assets/..%2f..%2fnginx.conf',
    '/.git/config', '/nginx.conf', '/.env', '/assets/.env',
    '/assets/main.js.map', '/assets//etc/passwd', '/../../etc/passwd';
served('paths');

###############################################################################
# methods, fields, parameters

row('H22', 'X-HTTP-Method-Override', api('GET', "rules/$id", undef,
    'X-HTTP-Method-Override' => 'DELETE', 'X-Method-Override' => 'DELETE'),
    200);
is(api('GET', "rules/$id")->{code}, 200, 'H22: deletes nothing');

row('H23', 'fields that are nobody\'s to set', api('PUT', "rules/$id",
    { %$rule, created_by => 'x', is_admin => JSON::XS::true }), 400);
row('H23', 'another id', api('PUT', "rules/$id", { id => 99, priority => 7 }),
    200, 400);
is(api('GET', 'rules/99')->{code}, 404, 'H23: which moves nothing');
row('H25', "$_ that is not there", api('GET', $_), 404) for 'rules/424242',
    'rules/0', 'rules/-1', 'rules/9999999999999999999', 'rules/1e1', 'rules/%31x',
    'config/none', 'dead-letters/moog/1-x', 'dead-letters/none';

for my $query ('limit=1000000000', 'limit=-1', 'limit=NaN', 'limit=0',
    'page=9223372036854775808', 'limit=1e9', 'page=%00', 'limit=%27;drop',
    'is_active=maybe', 'is_active=%ff')
{
    row('H26', "?$query", api('GET', "rules?$query"), 400);
}

row('H26', "?$_ is not looked at", api('GET', "rules?$_"), 200)
    for 'sort=;drop', 'offset=9223372036854775808', 'sort=id;--';
row('H31', 'a callback', api('GET', 'rules?callback=evil'), 200);
like(api('GET', 'rules?callback=evil')->{body}, qr/^\{/, 'H31: is not called');

for my $case ([ '(a+)+$' ], [ '(.*)*x' ], [ '(a|a)*b' ], [ '(' ], [ '[' ],
    [ '(?{die})' ], [ '\C' ], [ '(?R)' ], [ 'a{1,65535}' x 20 ], [ 'x*' x 500 ],
    [ '(?:' . join('|', map { sprintf '%x', $_ } 1 .. 100_000) . ')',
        '10^5 alternatives' ], [ "\0" ], [ '(?<=a*)b' ], [ 'a' x 1025 ])
{
    my ($pattern, $title) = @$case;
    my $began = time();

    row('H28', 'pattern ' . ($title // substr $json->encode([ $pattern ]), 0,
        40), api('POST', 'rules', { %$rule, match_type => 'regex',
        match_string => $pattern }), 201, 400, 413);
    cmp_ok(time() - $began, '<', 10, 'H28: in a time that is bounded');
}

for my $url ('http://169.254.169.254/', 'file:///etc/passwd',
    'gopher://127.0.0.1:6379/', 'http://[::1]:6379/')
{
    row('H29', "a webhook of one's own: $url", api('POST', 'rules',
        { %$rule, webhook_url => $url }), 400);
    row('H29', 'as a setting', api('PUT', 'config/moog_webhook_url',
        { value => $url }), 404);
}

served('rules');

for my $type ('text/plain', 'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x')
{
    row('H32', "$type from another page", api('POST', 'dev-hosts',
        '{"hostname":"evil"}', 'Content-Type' => $type,
        Origin => 'http://evil.example'), 415, 403);
}

is($t->sql('SELECT count(*) FROM development_hosts'), 0, 'H32: adds nothing');

my $origin = api('GET', 'rules', undef, Origin => 'http://evil.example');

is($origin->{header}{'access-control-allow-origin'}, undef,
    'H32: nor may it read');

for my $value (-1, 1e18, 'NaN', '', undef, [], {}, '1; DROP', '0x10', "1\0")
{
    row('H44', 'alerter_queue_shed_threshold ' . $json->encode([ $value ]),
        api('PUT', 'config/alerter_queue_shed_threshold', { value => $value }), 400);
}

is(api('GET', 'config/alerter_queue_shed_threshold')->{json}{value}, 2000,
    'H44: stays what it was');

###############################################################################
# headers

for my $bad ("x\r\nSet-Cookie: a=b", '<script>alert(1)</script>',
    "'; DROP TABLE alert_rules; --", 'x' x 129, '', "\xff\xfe", 'a b')
{
    my $r = row('H35', 'correlation id ' . substr($json->encode([ $bad ]), 0, 40),
        lines(@get, "X-API-KEY: $key{admin}", "X-Correlation-ID: $bad",
        "X-Request-ID: $bad"), 200, 400);

    is($r->{header}{'set-cookie'}, undef, 'H35: sets no header');
    like($r->{header}{'x-correlation-id'}, qr/^(?:[0-9a-f-]{36}|x)$/,
        'H35: is replaced');
}

row('H35', 'one of 1 MB', lines(@get, 'X-Correlation-ID: ' . 'x' x 2**20), 400,
    431, 494, 0);
row('H37', 'If-None-Match of 6 KiB', api('GET', 'rules', undef,
    'If-None-Match' => '"x", ' x 1200, 'Accept-Encoding' => 'gzip, ' x 200),
    200);
row('H37', 'and of 64 KiB', api('GET', 'rules', undef,
    'If-None-Match' => 'x' x 65536), 400, 431, 494);

for my $case ([ '99', '2.5' ], [ '2.5; drop', '2.5' ], [ '', '2.5' ],
    [ 'v2.5', '2.5' ], [ '1.0', '1.0' ])
{
    my $r = row('H41', "version '$case->[0]'", api('GET', 'rules', undef,
        'Accept-Version' => $case->[0]), 200);

    is($r->{header}{'x-api-version'}, $case->[1], 'H41: is served by one known');
}

is(api('GET', '/api/v1/rules')->{header}{sunset},
    'Wed, 30 Jun 2027 00:00:00 GMT', 'H41: the old one says when it ends');
row('H47', 'a WebSocket', api('GET', 'rules', undef, Connection => 'Upgrade',
    Upgrade => 'websocket', 'Sec-WebSocket-Version' => 13,
    'Sec-WebSocket-Key' => 'x' x 22 . '=='), 400, 426);
row('H47', 'at ingest', lines('POST /api/v2/ingest HTTP/1.1', 'Host: localhost',
    'Connection: Upgrade', 'Upgrade: websocket', "X-API-KEY: $key{ingest}",
    'Content-Length: 0'), 400, 426);
served('headers');

###############################################################################
# bodies

my $bomb = Compress::Zlib::memGzip('[' . ' ' x 100_000_000 . ']');

row('H46', 'a gzip bomb', $t->http('POST', '/api/v2/ingest', $bomb,
    'X-API-KEY' => $key{ingest}, 'Content-Encoding' => 'gzip'), 413);
row('H46', 'for the API', api('POST', 'rules', substr($bomb, 0, 60_000),
    'Content-Encoding' => 'gzip'), 415);

my $event = $t->event(event_id => '01930000-0000-7000-8000-0000000000aa');

for my $n (1 .. 3) {
    my $r = row('H49', "an event, the ${n}th time", $t->ingest($event), 200);

    is($r->{json}{duplicate} ? 1 : 0, $n > 1 ? 1 : 0, 'H49: is known');
}

is($t->redis('llen', 'mutt:ingest_queue'), 1, 'H49: and queued once');
served('bodies');

###############################################################################
# many

my $pipelined = join '', map { "GET /api/v2/version HTTP/1.1\r\nHost: x\r\n"
    . "X-Correlation-ID: p-$_\r\n\r\n" } 1 .. 1000;
my $socket = $t->http_raw();
my ($got, @order) = ('');

Mutt::Http::write_all($socket, $pipelined);

while (@order < 1000) {
    last unless Mutt::Http::read_some($socket, \$got, time() + 20);
    @order = $got =~ /^X-Correlation-ID: p-(\d+)\r$/mgi;
}

is("@order", "@{[ 1 .. 1000 ]}", 'H38: 1,000 at once are answered in order');
close $socket;

for (1 .. 20) {
    my $half = $t->http_raw(substr $pipelined, 0, 31_337);
    close $half;
}

served('H38');

# 400 who say little, and are cut when their time is up
my @slow = map { $t->http_raw([ "GET /api/v2/rules HTTP/1.1\r\nHost: x\r\nX-",
    "POST /api/v2/rules HTTP/1.1\r\nHost: x\r\nX-API-KEY: $key{admin}\r\n"
    . "Content-Length: 100\r\n\r\n{", "GET " ]->[$_ % 3]) } 1 .. 400;

served('H40, with 400 who are slow');
is($t->ingest('x')->{code}, 200, 'H40: and events are taken');

my $closed = 0;

for my $one (@slow) {
    $closed++ if IO::Select->new($one)->can_read(20);
}

is($closed, 400, 'H40: they are not waited for');
$before = accepted();

# wrong keys, at the default limit
$socket = $t->http_raw();

my %codes;

for my $chunk (1 .. 100) {
    my ($got, $n) = ('', 0);

    Mutt::Http::write_all($socket, join '', map {
        "GET /api/v2/rules HTTP/1.1\r\nHost: x\r\nX-API-KEY: wrong-$chunk-$_\r\n"
        . "X-Forwarded-For: 10.0.$chunk.$_\r\n\r\n" } 1 .. 100);

    while ($n < 100) {
        last unless Mutt::Http::read_some($socket, \$got, time() + 20);
        $n = () = $got =~ /^HTTP\/1\.1 \d/mg;
    }

    $codes{$1}++ while $got =~ /^HTTP\/1\.1 (\d+)/mg;
}

is(join(' ', sort keys %codes), '401 429', 'H11: 10,000 wrong keys');
cmp_ok($codes{429}, '>', 1000, 'H34: whatever address they claim');
is(api('GET', 'rules')->{code}, 200, 'H11: a good one of that address is good');
is($t->ingest('x')->{code}, 200, 'H11: and events are taken');
is($t->ledger()->{difference}, 0, 'nothing is missing in the end');

$t->done();
