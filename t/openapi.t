# The OpenAPI document is what the server does: every operation is called, in
# good and in bad ways, and every answer is one that is documented, of the
# documented shape; and every status that is documented comes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Schema;
use Mutt::Test;
use Test::More;

my $root = "$FindBin::Bin/..";
my $t = Mutt::Test->new()->has(qw(redis postgres nginx));

$t->env(READ_KEY => 'the-read-key', 'nginx.AUTH_FAILURE_LIMIT' => 2000);
$t->main_conf("env READ_KEY;");
$t->http_conf("mutt_key reader read env:READ_KEY;\n"
    . 'mutt_key ingest ingest env:INGEST_API_KEY;' . "\n"
    . 'mutt_key webui admin env:WEBUI_API_KEY;');
$t->run();

my $json = JSON::XS->new->utf8->canonical;

sub call {
    my ($method, $path, $body, $key, %headers) = @_;

    return $t->http(uc $method, $path, ref $body ? $json->encode($body) : $body,
        'X-API-KEY' => $key, 'Content-Type' => 'application/json', %headers);
}

$t->wait_for(sub { call('GET', '/api/v2/rules', undef, 'the-read-key')->{code}
    == 200 }, 15, 'it is there');

my $r = call('GET', '/api/v2/openapi.json', undef, 'the-read-key');
my $doc = $r->{json};

is($r->{code}, 200, 'the document is served');
ok($doc, 'and is JSON') or BAIL_OUT('no document');
like($doc->{openapi}, qr/^3\.1\.\d+$/, 'of OpenAPI 3.1');
is($r->{body}, call('GET', '/api/v1/openapi.json', undef, 'the-read-key')
    ->{body}, 'the same in both versions');

###############################################################################
# sound

sub refs {
    my ($value) = @_;

    return map { refs($_) } @$value if ref $value eq 'ARRAY';
    return ref $value ne 'HASH' ? () : ($value->{'$ref'} ? $value->{'$ref'} : (),
        map { refs($value->{$_}) } grep { $_ ne '$ref' } keys %$value);
}

my @broken = grep { !eval { Mutt::Schema::resolve($doc, $_) } } refs($doc);

is("@broken", '', 'every reference leads somewhere');

my %used = map { $_ => 1 } refs($doc);
my @unused = grep { !$used{"#/components/schemas/$_"} }
    keys %{ $doc->{components}{schemas} };

is("@unused", '', 'no schema is there for nothing');

my %operation;

for my $path (keys %{ $doc->{paths} }) {
    $operation{ uc($_) . " $path" } = $doc->{paths}{$path}{$_}
        for keys %{ $doc->{paths}{$path} };
}

my %ids = map { $_->{operationId} => 1 } values %operation;

is(scalar keys %ids, scalar keys %operation, 'each operation has its own id');

# the manual's table is that of the source, which t/api_matrix.t sees to
open my $file, '<', "$root/docs/api.md" or die "api.md: $!\n";
my $manual = do { local $/; <$file> };
my %wanted = map { $_ => 1 } grep { !m{^GET /(?:health|assets|$)} } map {
    my ($method, $path, $scope) = @$_;
    $scope eq 'none' && $path =~ m{^/(?:metrics|audit)$} ? () : "$method $path"
} map { [ m/^\| (\w+) `([^`]+)` \| (\w+) \|/ ] }
    $manual =~ /^(\| \w+ `[^`]+` \| \w+ \|)/mg;

is_deeply([ sort grep { !/ending/ } keys %operation ], [ sort keys %wanted ],
    'every route of the API is an operation');

###############################################################################
# walked

my %came;
my $events = '01930000-0000-7000-8000-000000000001';

# A stream is lines, some with JSON of the schema.
sub stream_faults {
    my ($schema, $r) = @_;

    return map { /^data: (.*)/ ? Mutt::Schema::faults($doc, $schema,
        $json->decode($1), '') : /^(?:event: |retry: |:|$)/ ? () : "line $_" }
        split /\n/, $r->{body};
}

# Whether an answer is one of the operation's.
sub check {
    my ($name, $title, $r) = @_;

    my $answers = $operation{$name}{responses};
    my $answer = $answers->{ $r->{code} };

    $came{$name}{ $r->{code} } = 1;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    if (!$answer) {
        ok(0, "$name, $title: $r->{code} is documented") or diag($r->{body});
        return;
    }

    $answer = Mutt::Schema::resolve($doc, $answer->{'$ref'}) if $answer->{'$ref'};

    my $content = $answer->{content};
    my ($type) = keys %{ $content // {} };
    my $schema = $type && $content->{$type}{schema};
    my @wrong = !$schema ? ()
        : $type eq 'text/event-stream' ? stream_faults($schema, $r)
        : Mutt::Schema::faults($doc, $schema, $r->{json}, '');

    push @wrong, 'another type' if $schema
        && $r->{header}{'content-type'} !~ m{^\Q$type\E(?:;|$)};
    push @wrong, 'a body' if !$schema && $r->{body} ne '';
    push @wrong, "no header $_" for grep { !$r->{header}{ lc $_ } }
        keys %{ $answer->{headers} // {} };
    is("@wrong", '', "$name, $title: $r->{code} is as documented");
}

my $rule = { match_string => 'x', prod_handling => 'Log_only',
    dev_handling => 'Log_only', team_assignment => 'T' };

$t->redis('lpush', 'mutt:dlq:alerter', map {
    qq({"_attempts":1,"_failed_at":"2026-01-01T00:00:00Z","_failed_reason":"x",)
    . qq("_replays":0,"_event_id":"01930000-0000-7000-8000-00000000000$_",)
    . q("_correlation_id":"c","_received_at":"2026-01-01T00:00:00Z","_source":)
    . q("1","hostname":"h","message":"m","timestamp":"2026-01-01T00:00:00Z"})
} 1 .. 3);
$t->redis('hincrby', 'mutt:ledger', 'accepted', 3);
$t->sql("SELECT create_audit_partition('2026-01-01')");
$t->sql('INSERT INTO event_audit_log (event_id, received_at, event_timestamp,'
    . ' hostname, handling_decision, forwarded_to_moog, raw_message) VALUES'
    . " (?, '2026-01-01', '2026-01-01', 'h', 'Log_only', false, 'm')", $events);

my $v2 = '/api/v2';
my $admin = $t->key('admin');
my ($id, $letter);

# In an order in which each succeeds; what is in braces is asked for later.
my @good = (
    [ 'POST /ingest', $t->event(), $t->key('ingest') ],
    [ 'POST /ingest', [ $t->event(), {} ], $t->key('ingest') ],
    [ 'GET /version' ], [ 'GET /openapi.json' ], [ 'GET /session' ],
    [ 'POST /session', { api_key => $admin } ],
    [ 'DELETE /session' ], [ 'GET /ledger' ], [ 'GET /status' ],
    [ 'POST /rules', $rule ],
    [ 'GET /rules' ], [ 'GET /rules/hits' ], [ 'GET /rules/{id}' ],
    [ 'PUT /rules/{id}', { priority => 5, reason => 'because' } ],
    [ 'GET /rules/export' ],
    [ 'POST /rules/import', { rules => [ $rule ], reason => 'x',
        dev_hosts => [], teams => [ { hostname => 'z',
            team_assignment => 'T' } ] } ],
    [ 'POST /rules/test', { rule => { match_string => 'x' },
        event => { message => 'x' } } ],
    [ 'POST /rules/test', { rule => { match_string => 'm' }, recent => 5 } ],
    [ 'GET /events/stream' ], [ 'GET /events/{id}/explain' ],
    [ 'GET /audit-logs' ], [ 'GET /audit' ], [ 'GET /config-audit' ],
    [ 'GET /config' ], [ 'GET /config/{key}' ],
    [ 'PUT /config/{key}', { value => 5 } ],
    [ 'GET /config/{key}' ],
    [ 'DELETE /config/{key}' ], [ 'GET /config/history' ],
    [ 'POST /dev-hosts', { hostname => 'h' } ], [ 'GET /dev-hosts' ],
    [ 'DELETE /dev-hosts/{hostname}' ],
    [ 'POST /teams', { hostname => 'h', team_assignment => 'T' } ],
    [ 'GET /teams' ], [ 'PUT /teams/{hostname}', { team_assignment => 'U' } ],
    [ 'DELETE /teams/{hostname}', { reason => 'left' } ],
    [ 'GET /dead-letters' ], [ 'GET /dead-letters/{queue}' ],
    [ 'GET /dead-letters/{queue}/{id}' ],
    [ 'POST /dead-letters/{queue}/replay', { ids => sub { [ $letter ] },
        reason => 'x' } ],
    [ 'POST /dead-letters/{queue}/discard', { all => JSON::XS::true,
        reason => 'x' } ],
    [ 'POST /keys', { name => 'k', scopes => [ 'read' ] } ], [ 'GET /keys' ],
    [ 'POST /keys/{name}/rotate' ],
    [ 'PUT /keys/{name}', { rate_limit => 5 } ], [ 'DELETE /keys/{name}' ],
    [ 'GET /metrics' ], [ 'GET /slo' ], [ 'GET /slo/history' ],
    [ 'DELETE /rules/{id}' ],
);

my %value = (key => 'unhandled_threshold', hostname => 'h', name => 'k',
    queue => 'alerter');

sub path_of {
    my ($path, %with) = @_;

    $path =~ s/\{(\w+)\}/$with{$1}/ge;
    # a stream ends when it is told to
    $path .= '?seconds=1' if $path =~ /stream$/;
    return "$v2$path";
}

for my $case (@good) {
    my ($name, $body, $key) = @$case;
    my ($method, $path) = split ' ', $name;

    $body = { %$body, ids => $body->{ids}->() }
        if ref $body eq 'HASH' && $body->{ids};

    my $r = call($method, path_of($path, %value,
        id => $path =~ /letters/ ? $letter
            : $path =~ /events/ ? $events : $id), $body, $key // $admin);

    like($r->{code}, qr/^2/, "$name is done") or diag($r->{body});
    check($name, 'done', $r);
    $id = $r->{json}{id} if $name eq 'POST /rules';
    $letter = $r->{json}{letters}[0]{id}
        if $name eq 'GET /dead-letters/{queue}';
}

my %done = map { $_->[0] => 1 } @good;

is(join(', ', sort grep { !$done{$_} && !/ending/ } keys %operation), '',
    'every operation was called');

# A rule and a letter that are there, for what is wrong otherwise.
$id = call('POST', "$v2/rules", $rule, $admin)->{json}{id};
call('POST', "$v2/keys", { name => 'two', scopes => [ 'read' ] }, $admin);
call('POST', "$v2/keys/two/rotate", undef, $admin);
call('POST', "$v2/$_->[0]", $_->[1], $admin) for
    [ 'dev-hosts', { hostname => 'h' } ],
    [ 'teams', { hostname => 'h', team_assignment => 'T' } ];
$value{name} = 'two';

for my $name (sort keys %operation) {
    my ($method, $path) = split ' ', $name;
    my $op = $operation{$name};
    my $there = path_of($path, %value, id => $id);
    my $none = path_of($path, key => 'none', hostname => 'none', id => 999999,
        name => 'none', queue => 'none');
    my $good = $name =~ /ingest/ ? $t->key('ingest') : $admin;
    my %bad = map { /(\w+)$/; $1 => 1 } map { $_->{'$ref'} // () }
        @{ $op->{parameters} };

    check($name, 'without a key', call($method, $there, '{', undef));
    check($name, 'with a wrong key', call($method, $there, '{', 'wrong'));
    check($name, 'with a key that may not', call($method, $there, '{',
        $name =~ /ingest/ ? 'the-read-key' : $t->key('ingest')))
        unless $name eq 'DELETE /session';

    check($name, 'of nothing that is there', call($method, $none,
        $op->{requestBody}{required} ? { %$rule, value => 5, all =>
            JSON::XS::true, reason => 'x' } : undef, $good))
        if $path =~ /\{/ && $name ne 'PUT /teams/{hostname}'
        && $name ne 'PUT /rules/{id}' && $name ne 'PUT /config/{key}'
        && $name ne 'PUT /keys/{name}';

    check($name, "with a bad $_", call($method, $there
        . ($there =~ /\?/ ? '&' : '?') . "$_=%ff", undef, $good))
        for grep { $bad{$_} } qw(page hours severity ids);

    next unless $op->{requestBody};
    check($name, 'with half a body', call($method, $there, '{', $good));
    check($name, 'with another type', call($method, $there, 'a=b', $good,
        'Content-Type' => 'image/png'));
    check($name, 'with too much', call($method, $there, '{"x":"'
        . 'x' x ($path =~ /import/ ? 17_000_000 : 9_000_000) . '"}', $good));
}

check('PUT /teams/{hostname}', 'of none', call('PUT', "$v2/teams/none",
    { team_assignment => 'T' }, $admin));
check('PUT /rules/{id}', 'of none', call('PUT', "$v2/rules/999999",
    { priority => 1 }, $admin));
check('PUT /keys/{name}', 'of none', call('PUT', "$v2/keys/none",
    { rate_limit => undef }, $admin));
check('PUT /config/{key}', 'of none', call('PUT', "$v2/config/none",
    { value => 1 }, $admin));
check("$_ /rules/{id}", 'of an old version', call($_, "$v2/rules/$id",
    $_ eq 'PUT' ? { priority => 1 } : undef, $admin, 'If-Match' => '"0"'))
    for qw(PUT DELETE);
check('POST /rules/import', 'of an old version', call('POST',
    "$v2/rules/import", { rules => [], reason => 'x' }, $admin,
    'If-Match' => '"0"'));
check("POST $_->[0]", 'twice', call('POST', "$v2$_->[1]", $_->[2], $admin))
    for [ '/dev-hosts', '/dev-hosts', { hostname => 'h' } ],
    [ '/teams', '/teams', { hostname => 'h', team_assignment => 'T' } ],
    [ '/keys', '/keys', { name => 'two', scopes => [ 'read' ] } ],
    [ '/keys/{name}/rotate', '/keys/two/rotate', undef ];
check('POST /session', 'with a key that may not', call('POST', "$v2/session",
    { api_key => $t->key('ingest') }, undef));
check('POST /session', 'with a wrong key', call('POST', "$v2/session",
    { api_key => 'wrong' }, undef));

my $in = call('POST', "$v2/session", { api_key => $admin }, undef);
my ($cookie) = $in->{header}{'set-cookie'} =~ /^([^;]*)/;

check('DELETE /session', 'without its token', call('DELETE', "$v2/session",
    undef, undef, Cookie => $cookie));

# 429: by the limit of wrong keys, of which each worker hears for itself
$t->setting('auth_failure_limit', 1);

for my $name (sort keys %operation) {
    my ($method, $path) = split ' ', $name;

    next if !$operation{$name}{responses}{429};

    my $r;

    $t->wait_for(sub {
        $r = call($method, path_of($path, %value, id => $id),
            $name eq 'POST /session' ? { api_key => 'wrong' } : undef, 'wrong');
        $r->{code} == 429;
    }, 20);
    check($name, 'too often wrong', $r);
}

# 503: without anything to ask
$t->stop($_) for qw(postgres redis);
$t->wait_for(sub {
    !grep { $_ != 503 } map { call(@$_)->{code} }
        ([ 'GET', "$v2/rules", undef, $admin ],
            [ 'GET', "$v2/ledger", undef, $admin ]) x 4
}, 20, 'without stores');

for my $name (sort keys %operation) {
    my ($method, $path) = split ' ', $name;
    my ($case) = grep { $_->[0] eq $name } @good;
    my $body = $case && $case->[1];

    $body = { all => JSON::XS::true, reason => 'x' } if $name =~ /replay/;
    check($name, 'without stores', call($method, path_of($path, %value,
        id => $path =~ /letters/ ? $letter : $id), $body,
        $name eq 'POST /ingest' ? $t->key('ingest') : $admin));
    check($name, 'with a cookie, without stores', call($method, path_of($path,
        %value, id => $id), $body, undef, Cookie => $cookie))
        if $operation{$name}{responses}{503};
}

###############################################################################

# 504 takes a statement that lasts: t/api_outage.t
for my $name (sort keys %operation) {
    my @missing = grep { !$came{$name}{$_} && $_ != 504 }
        keys %{ $operation{$name}{responses} };

    is("@missing", '', "$name: all that is documented has come");
}

$t->start($_) for qw(redis postgres);

###############################################################################
# the end of a route, which no release has

my $ended = call('GET', "$v2/ending", undef, undef);

is($ended->{code}, 410, 'a removed route is gone');
is_deeply($ended->{json}, { error => 'Endpoint removed',
    code => 'endpoint_removed', message =>
    'Removed in version 2.0; use /api/v2/version', removed_in => '2.0',
    removal_date => '2025-11-10', current_version => '2.5',
    correlation_id => $ended->{header}{'x-correlation-id'} }, 'and says so');
is(call('GET', "$v2/ending", undef, undef, 'Accept-Version' => '2.0')->{code},
    410, 'from that version on');

my $before = call('GET', "$v2/ending", undef, undef,
    'Accept-Version' => '1.0');

is($before->{code}, 200, 'before it, it is there');
is_deeply({ map { $_ => $before->{header}{$_} } qw(deprecation sunset
    x-api-sunset link x-api-deprecated) }, { deprecation => '@1704067200',
    sunset => 'Mon, 10 Nov 2025 00:00:00 GMT', 'x-api-sunset' => '2025-11-10',
    link => '</api/v2/version>; rel="successor-version"',
    'x-api-deprecated' => 'true' }, 'with its end');
is(call('POST', "$v2/ending", undef, undef)->{code}, 405,
    'a method that it never had is none');
is(call('GET', '/api/v1/version', undef, undef)->{header}{deprecation},
    '@1762732800', 'all of v1 has an end of its own');
is(call('GET', "$v2/version", undef, undef)->{header}{deprecation}, undef,
    'v2 has none');

$t->done();
