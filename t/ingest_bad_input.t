# Whatever is sent to ingest gets the answer CONTRACT section 2 promises it,
# and never costs an event: after each bad body a good one is accepted and
# the queue holds exactly what was answered 2xx.  Rows carry the ids of the
# project's bad-input list.

use strict;
use warnings;

use Compress::Zlib ();
use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $MAX_MESSAGE = 65536;
my $MAX_BATCH = 10000;

# an event with some members given as raw JSON text
sub event {
    my (%raw) = @_;
    my %member = (
        hostname  => '"r1"',
        message   => '"link down"',
        timestamp => '"2026-11-20T10:00:00Z"',
        %raw,
    );

    return '{'
        . join(',', map { defined $member{$_} ? qq("$_":$member{$_}) : () }
            sort keys %member)
        . '}';
}

my $good = event();
my $ndjson = ['Content-Type' => 'application/x-ndjson'];
my $ID = '0190a6b2-7c3e-7d5f-8a1b-000000000001';

sub gzip { return Compress::Zlib::memGzip($_[0]) }

# id, body, status, code (undef: not asked), request headers
my @rows = (
    ['B01 empty body', '', 400],
    ['B02 white space', " \r\n\t ", 400],
    ['B04 a number', '1', 400],
    ['B05 a string', '"x"', 400],
    ['B07 no fields', '{}', 400, 'validation_failed'],
    ['B08 truncated', '{"a":', 400, 'invalid_json'],
    ['B10 two empty objects', '{}{}', 400, 'batch_rejected'],
    ['B11 byte order mark', "\xef\xbb\xbf$good", 400],
    ['B13 comment', '{/* x */"hostname":"r1"}', 400, 'invalid_json'],
    ['B14 single quotes', "{'hostname':'r1'}", 400, 'invalid_json'],
    ['B16 escaped NUL', event(message => '"a\u0000b"'), 200],
    ['B17 raw NUL', event(message => qq("a\0b")), 400, 'invalid_json'],
    ['B19 lone surrogate', event(message => '"\ud800"'), 400, 'invalid_utf8'],
    ['B20 reversed surrogates', event(message => '"\udc00\ud800"'), 400,
        'invalid_utf8'],
    ['B22 overlong', event(message => qq("\xc0\xaf")), 400, 'invalid_utf8'],
    ['B23 CESU-8', event(message => qq("\xed\xa0\x80")), 400, 'invalid_utf8'],
    ['B25 U+FFFF', event(message => qq("\xef\xbf\xbf")), 200],
    ['B26 duplicate member', '{"hostname":"a",' . substr($good, 1), 400,
        'invalid_json'],
    ['B28 prototype names', event(__proto__ => '{}', constructor => '1'), 200],
    ['B29 empty name', event('' => '1'), 200],
    ['B31 depth', event(x => '[' x 100_000 . ']' x 100_000), 400],
    ['B32 100,000 members',
        event(x => '{' . join(',', map {qq("$_":1)} 1 .. 10_000) . '}'), 400,
        'too_deep'],
    ['B34 integer past 64 bits', event(x => '99999999999999999999'), 200],
    ['B35 number past a double', event(x => '1e999'), 400, 'invalid_json'],
    ['B37 minus zero', event(x => '-0'), 200],
    ['B38 number of 100,000 digits', event(x => '0.' . '1' x 100_000), 400,
        'invalid_json'],
    (map { ["B40 syslog_severity $_", event(syslog_severity => $_), 400,
            'validation_failed'] } '8', '-1', '"EMERG "', '""', '1.5', '[]'),
    (map { ["B40 syslog_severity $_", event(syslog_severity => $_), 200] }
        '0', '7', '"3"', '"emerg"', '"Warning"', '"INFORMATIONAL"'),
    ['B41 empty message', event(message => '""'), 400, 'validation_failed'],
    ['B41 one byte', event(message => '"x"'), 200],
    ['B41 longest message', event(message => '"' . 'x' x $MAX_MESSAGE . '"'),
        200],
    ['B41 message one byte too long',
        event(message => '"' . 'x' x ($MAX_MESSAGE + 1) . '"'), 413,
        'payload_too_large'],
    ['B43 hostname of 255', event(hostname => '"' . 'h' x 255 . '"'), 200],
    ['B43 hostname of 256', event(hostname => '"' . 'h' x 256 . '"'), 400,
        'validation_failed'],
    ['B43 control character', event(hostname => '"ho\u0007st"'), 400,
        'validation_failed'],
    ['B43 blank hostname', event(hostname => '"  "'), 400,
        'validation_failed'],
    (map { ["B44 hostname $_", event(hostname => qq("$_")), 200] }
        '-rf', '$(id)', '%s%n', '..', 'a/b'),
    (map { ["hostname of type $_", event(hostname => $_), 400,
            'validation_failed'] } 'null', '1', '{}', '[]', 'true'),
    (map { ["message of type $_", event(message => $_), 400,
            'validation_failed'] } 'null', '1', '{}'),
    ['B46 a fake log line', event(message => '"a\r\n[emerg] fake"'), 200],
    ['B47 raw escape character', event(message => qq("\e[31m")), 400,
        'invalid_json'],
    ['B47 escaped escape character', event(message => '"\u001b[31m"'), 200],
    ['B49 bidi override', event(message => qq("\xe2\x80\xae")), 200],
    ['B50 markup', event(map { $_ => '"<img onerror=x>\"><svg/onload=x>"' }
            qw(hostname message program source)), 200],
    ['B52 formula', event(message => q("=cmd|' /C")), 200],
    ['B53 Redis inline', event(message => '"\r\n*1\r\n$8\r\nFLUSHALL\r\n"'),
        200],
    (map { ["B55 timestamp $_", event(timestamp => $_), 200] }
        '"1970-01-01T00:00:00Z"', '"2038-01-19T03:14:08Z"',
        '"9999-12-31T23:59:59Z"', '"2026-11-20T10:00:00+14:00"',
        '"2016-12-31T23:59:60Z"', '"2026-11-20T10:00:00.123456789Z"',
        '0', '1763632800', '1763632800.5', '1763632800000'),
    (map { ["B55 timestamp $_", event(timestamp => $_), 400,
            'validation_failed'] }
        '"yesterday"', '"2026-11-20T24:00:00Z"', '-1', '10000000000000000000',
        '"2026-11-20T10:00:00.1234567890Z"', '"2026-02-30T10:00:00Z"',
        '"2026-11-20T10:00:00"', 'null', '{}'),
    ['B56 event_id no UUID', event(event_id => '"x"'), 400,
        'validation_failed'],
    ['B56 event_id of 10 KB', event(event_id => '"' . 'a' x 10240 . '"'), 400,
        'validation_failed'],
    ['B56 event_id', event(event_id => qq("$ID")), 200],
    ['B59 empty batch', '[]', 400, 'batch_empty'],
    ['B59 no line', "\n\n", 400, undef, @$ndjson],
    ['B59 batch of one', "[$good]", 200],
    ['B59 largest batch', '[' . join(',', ($good) x $MAX_BATCH) . ']', 200],
    ['B59 batch too large',
        '[' . join(',', ($good) x ($MAX_BATCH + 1)) . ']', 413,
        'payload_too_large'],
    ['array cut short', "[$good,", 400, 'invalid_json'],
    ['array without commas', "[$good $good]", 400, 'invalid_json'],
    ['B61 no content type', $good, 200, undef, 'Content-Type' => undef],
    ['B61 text/plain', $good, 200, undef, 'Content-Type' => 'text/plain'],
    ['B61 latin1', $good, 415, 'unsupported_media_type',
        'Content-Type' => 'application/json; charset=latin1'],
    ['B61 multipart', $good, 415, 'unsupported_media_type',
        'Content-Type' => 'multipart/form-data; boundary=x'],
    ['B62 gzip', gzip($good), 200, undef, 'Content-Encoding' => 'gzip'],
    ['B62 deflate', Compress::Zlib::compress($good), 200, undef,
        'Content-Encoding' => 'deflate'],
    ['B62 gzip cut', substr(gzip($good), 0, -12), 400, 'corrupt_encoding',
        'Content-Encoding' => 'gzip'],
    ['B62 not gzip at all', $good, 400, 'corrupt_encoding',
        'Content-Encoding' => 'gzip'],
    ['B62 bomb', gzip(' ' x (64 * 1024 * 1024)), 413, 'payload_too_large',
        'Content-Encoding' => 'gzip'],
    ['B62 nested', gzip(gzip($good)), 415, 'unsupported_media_type',
        'Content-Encoding' => 'gzip, gzip'],
    ['B62 unknown coding', $good, 415, 'unsupported_media_type',
        'Content-Encoding' => 'br'],
    ['B68 unknown expectation', $good, 417, undef, 'Expect' => 'bogus'],
    ['B71 OID of 10,000 arcs',
        event(trap_oid => '"' . join('.', (1) x 10_000) . '"'), 400,
        'validation_failed'],
    ['B71 arc of 2^64', event(trap_oid => '"1.3.18446744073709551616"'), 400,
        'validation_failed'],
    ['B71 leading dot', event(trap_oid => '".1.3.6.1.4"'), 200],
    ['B71 counter64 in a varbind',
        event(variables => '{"1.3.6":18446744073709551615}'), 200],
);

# what was answered 2xx, and so must be in the queue
my %in_queue = ('B59 largest batch' => $MAX_BATCH);

###############################################################################

my $t = Mutt::Test->new()->has(qw(redis nginx))->plan(2 * @rows + 9);

$t->run();

sub post {
    my ($body, %headers) = @_;

    return $t->http('POST', '/api/v2/ingest', $body,
        'X-API-KEY' => $t->key('ingest'),
        'Content-Type' => 'application/json', %headers);
}

my $queued = 0;

for my $row (@rows) {
    my ($title, $body, $status, $code, %headers) = @$row;
    my $r = post($body, %headers);

    is($r->{code}, $status, $title)
        or diag(substr($r->{body} // '', 0, 200));
    is($r->{json}{code}, $code, "$title: code") if defined $code;
    ok($r->{json}{correlation_id}, "$title: told under which id")
        unless defined $code;

    $queued += $in_queue{$title} // 1 if $r->{code} == 200;
}

is($t->redis('llen', 'mutt:ingest_queue'), $queued,
    'the queue holds what was accepted, and nothing else');
is($t->ledger()->{accepted}, $queued, 'and so says the ledger');

is(post('[{}, {"a":tru}]')->{json}{offset}, 10,
    'what is no JSON is shown where it lies in the body');

my $socket = $t->http_raw("POST /api/v2/ingest HTTP/1.1\r\nHost: x\r\n"
    . 'X-API-KEY: ' . $t->key('ingest') . "\r\nContent-Length: 5\r\n\r\n"
    . "12345GET /health/live HTTP/1.1\r\nHost: x\r\n"
    . "Connection: close\r\n\r\n");
my $answers = do { local $/; <$socket> };

like($answers, qr{^HTTP/1.1 400 .*HTTP/1.1 200 OK}s,
    'B64 what lies behind the announced length is the next request');

# B65: a body in chunks of one byte
my $chunked = join('', map { "1\r\n$_\r\n" } split //, $good) . "0\r\n\r\n";

is(post($chunked, 'Transfer-Encoding' => 'chunked')->{code}, 200,
    'B65 one byte a chunk');
is(post("1000000\r\n" . ' ' x 0x1000000 . "\r\n0\r\n\r\n",
    'Transfer-Encoding' => 'chunked')->{code}, 413,
    'B65 chunks without end are cut at the limit');

# B67: a bad key is refused before the body is asked for
my $refused = $t->http('POST', '/api/v2/ingest', undef,
    'X-API-KEY' => 'wrong', 'Expect' => '100-continue',
    'Content-Length' => 1000);

is($refused->{code}, 401, 'B67 a bad key is refused');
ok(!$refused->{continued}, 'B67 before the body is asked for');

is(post($good)->{code}, 200, 'a good event is still accepted');
