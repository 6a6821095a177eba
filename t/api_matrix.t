# Every route of the table, in both versions, with every kind of mistake: the
# order of the checks of CONTRACT 1, and what every answer carries.  And the
# manual says what the table says.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $root = "$FindBin::Bin/..";
my $t = Mutt::Test->new()->has(qw(redis postgres nginx));

$t->env(READ_KEY => 'the-read-key', WRITE_KEY => 'the-write-key');
$t->main_conf("env READ_KEY;\nenv WRITE_KEY;");
$t->http_conf("mutt_key reader read env:READ_KEY;\n"
    . "mutt_key writer write env:WRITE_KEY;\n"
    . 'mutt_key ingest ingest env:INGEST_API_KEY;' . "\n"
    . 'mutt_key webui admin env:WEBUI_API_KEY;');
$t->run();

my %key = (none => undef, wrong => 'wrong', ingest => $t->key('ingest'),
    read => 'the-read-key', write => 'the-write-key',
    admin => $t->key('admin'));
my %implied = (read => [ qw(read write admin) ],
    write => [ qw(write admin) ], admin => [ 'admin' ],
    ingest => [ 'ingest' ], any => [ qw(ingest read write admin) ]);

sub text {
    open my $file, '<', $_[0] or die "$_[0]: $!\n";
    local $/;
    return scalar <$file>;
}

# The table's rows: method, path, scope, summary.
sub routes {
    my $table = text("$root/ngx_mutt_module/ngx_mutt_routes.c");
    my @rows;

    $table =~ s/.*?ngx_mutt_routes\[\] = \{//s;
    $table =~ s/\n\};.*//s;
    $table =~ s/^#if \(MUTT_FAILPOINTS\)\n.*?^#endif\n//gms;

    while ($table =~ /(?:NGX_MUTT_RESOURCE\(|\{\s)NGX_(?:HTTP|MUTT)_(\w+),
        \s*"([^"]+)",(.*?)"([^"]+)",\s*(?:\w+\)|NGX_\w+(?:\(\w+\))?\s\}),/gsx)
    {
        my ($method, $path, $middle, $summary) = ($1, $2, $3, $4);
        my ($scope) = $middle =~ /SCOPE_(\w+)/;

        push @rows, { method => $method, path => $path, summary => $summary,
            scope => lc $scope, api => scalar($middle !~ /UNDER_ROOT,/),
            root => scalar($middle =~ /UNDER_ROOT/) };
    }

    return @rows;
}

my @routes = routes();

cmp_ok(scalar @routes, '>', 25, 'the table is read');

###############################################################################
# the manual

my $manual = text("$root/docs/api.md");
my @told = $manual =~ /^\| (\w+) `([^`]+)` \| (\w+) \| ([^|]+) \|/mg;
my @wanted = map { ($_->{method}, $_->{path}, $_->{scope}, $_->{summary}) }
    @routes;

is_deeply(\@told, \@wanted, 'docs/api.md has the rows of the table');

###############################################################################
# every answer

my %seen;

sub request {
    my ($title, $method, $path, $body, %headers) = @_;

    my $r = $t->http($method, $path, $body, %headers);
    my $deprecated = $path =~ m{^/api/v1/} ? 'true' : 'false';
    my @wrong;

    push @wrong, "code $r->{code}" if $r->{code} >= 500 || !$r->{code};
    push @wrong, 'version' if ($r->{header}{'x-api-version'} // '') ne '2.5';
    push @wrong, 'versions' if ($r->{header}{'x-api-supported-versions'} // '')
        ne '2.5, 2.0, 1.0';
    push @wrong, 'deprecated'
        if ($r->{header}{'x-api-deprecated'} // '') ne $deprecated;
    push @wrong, 'sunset'
        if $deprecated eq 'true' && !$r->{header}{'x-api-sunset'};
    push @wrong, 'correlation' if !$r->{header}{'x-correlation-id'};
    push @wrong, 'error body' if $r->{code} >= 400 && $method ne 'HEAD'
        && (!$r->{json}{code} || $r->{json}{correlation_id}
            ne $r->{header}{'x-correlation-id'});
    push @wrong, 'a secret' if $r->{body} =~ /SELECT|pg_|\/tmp\/|\.sock/;

    is("@wrong", '', "$title: $method $path carries what it has to");
    $seen{ $r->{code} }++;
    return $r;
}

$t->wait_for(sub { $t->http('GET', '/api/v2/rules', undef,
    'X-API-KEY' => $key{read})->{code} == 200 }, 10, 'it is there');

# the same by a session, of which each worker asks Redis
my $in;

$t->wait_for(sub {
    $in = $t->http('POST', '/api/v2/session', qq({"api_key":"$key{admin}"}));
    $in->{code} == 200;
}, 10, 'signed in');

my ($cookie) = ($in->{header}{'set-cookie'} // '') =~ /^([^;]*)/;

# A change needs the session's token, whatever it is and whoever asks.
sub session {
    my ($method, $path, $body) = @_;

    for my $token (undef, 'f' x 64) {
        my $r = request($token ? 'a wrong token' : 'no token', $method, $path,
            $body, Cookie => $cookie, $token ? ('X-CSRF-Token' => $token) : ());

        is($r->{code}, 403, 'a cookie alone changes nothing');
        is($r->{json}{code}, 'csrf_failed', 'and why is told');
    }

    my $r = request('a token', $method, $path, $body, Cookie => $cookie,
        'X-CSRF-Token' => $in->{json}{csrf_token});

    isnt($r->{json}{code}, 'csrf_failed', 'with its token it may');
}

for my $prefix ('/api/v1', '/api/v2', '') {
    for my $route (grep { $prefix ? $_->{api} : $_->{root} } @routes) {
        (my $path = "$prefix$route->{path}") =~ s/\{\w+\}/999999/g;
        # a stream ends when it is told to
        $path .= '?seconds=0' if $path =~ m{/stream$};
        my $method = $route->{method};
        my @methods = map { $_->{method} } grep { $_->{path} eq $route->{path}
            && $_->{api} == $route->{api} } @routes;
        my $body = $method =~ /POST|PUT/ ? '{}' : undef;
        my @allowed = @{ $implied{ $route->{scope} } // [ keys %key ] };

        # keys, also with a body that is wrong: it is not looked at
        for my $name (sort keys %key) {
            my $r = request("key $name", $method, $path, $body,
                'X-API-KEY' => $key{$name});
            my $known = $name !~ /none|wrong/;
            my $may = grep { $_ eq $name } @allowed;

            $may ? isnt($r->{code}, 403, 'which may')
                : is($r->{code}, $known ? 403 : 401, 'which may not');
            is($r->{json}{required_scope}, $route->{scope},
                'and what it would take') if !$may && $known;
        }

        session($method, $path, '{"wrong":1}') if $method ne 'GET'
            && $route->{scope} ne 'none' && $path !~ /session/;

        # methods
        for my $other (grep { my $m = $_; !grep { $_ eq $m } @methods }
            qw(GET POST PUT DELETE PATCH))
        {
            my $r = request('method', $other, $path, $body);

            is($r->{code}, 405, 'a wrong method is seen before the key');
            like($r->{header}{allow}, qr/\b$method\b.*OPTIONS/,
                'and the right ones told');
        }

        my $r = request('method', 'OPTIONS', $path);

        is($r->{code}, 204, 'OPTIONS is answered');
        is($r->{body}, '', 'without a body');

        my %admin = ('X-API-KEY' =>
            $route->{scope} eq 'ingest' ? $key{ingest} : $key{admin});

        if ($method eq 'GET') {
            my $get = request('GET', 'GET', $path, undef, %admin);
            my $head = request('HEAD', 'HEAD', $path, undef, %admin);

            is($head->{code}, $get->{code}, 'HEAD is as GET');
            is($get->{code}, 404, 'an unknown id is none')
                if $path =~ /999999/;
            request('a page that is none', 'GET', $path
                . ($path =~ /\?/ ? '&' : '?') . 'page=x&limit=-1',
                undef, %admin);
            request('a body', 'GET', $path, 'x' x 100, %admin);
            next;
        }

        for my $bad ('', '{', '[]', 'null', '"x"', '{"a":"\ud800"}', "\0",
            "{\"a\":\"\xff\"}", '{"a":' x 50 . '1' . '}' x 50,
            '{"hostname":[],"value":{},"priority":{}}')
        {
            next if $method eq 'DELETE' && $bad eq '';

            my $r = request('a wrong body', $method, $path, $bad, %admin);

            like($r->{code}, qr/^4/, 'is a mistake');
        }

        is(request('a type', $method, $path, 'a=b', %admin,
            'Content-Type' => 'application/x-www-form-urlencoded')->{code},
            415, 'a form is no JSON') if $path !~ /config|rules.99/;
        is(request('too much', $method, $path,
            '{"a":"' . 'x' x ($path =~ /import/ ? 17_000_000 : 9_000_000)
            . '"}', %admin)->{code}, 413,
            'too much is too much') if $path !~ /config/;
    }
}

for my $path (qw(/api/v2 /api/v2/ /api/v3/rules /api/v2/rules/ /api/v2/Rules
    /api/v2/rules/1/x /api/v2/rulesx /api/v1/nothing /rules
    /api/v2/%2e%2e/rules /API/V2/rules /api/v2/rules;x))
{
    for my $method (qw(GET POST PATCH)) {
        is(request('no route', $method, $path, undef,
            'X-API-KEY' => $key{admin})->{code}, 404, 'is none');
    }
}

###############################################################################
# each is counted

my %count;
my $metrics = $t->metrics('nginx');

for my $series (grep { /^mutt_webui_api_requests_total/ } keys %$metrics) {
    my ($endpoint, $reason) = $series =~ /endpoint="(\w+)".*reason="(\w*)"/;

    $count{ $reason || 'good' } += $metrics->{$series};
    $count{$endpoint} += $metrics->{$series};
}

my @endpoints = text("$root/lib/conf/mutt_metrics.def")
    =~ /^SERIES\(API_LATENCY, \w+, "endpoint=\\"(\w+)\\""\)$/mg;

cmp_ok(scalar @endpoints, '>', 20, 'routes have names');
is_deeply([ grep { !$count{$_} } 'good', 'client', @endpoints ], [],
    'every route is counted');
is($count{server} // 0, 0, 'and none has failed');
cmp_ok($metrics->{'mutt_webui_api_latency_seconds_count{endpoint="rules"}'},
    '==', $count{rules}, 'and timed');

###############################################################################
# versions, and what may be asked for but is not given

my $v1 = $t->http('GET', '/api/v1/rules/5', undef, 'X-API-KEY' => $key{read});

is($v1->{header}{link}, '</api/v2/rules/5>; rel="successor-version"',
    'v1 leads to v2');
is($t->http('GET', '/api/v1/teams', undef, 'X-API-KEY' => $key{read})->{body},
    $t->http('GET', '/api/v2/teams', undef, 'X-API-KEY' => $key{read})->{body},
    'which says the same');

my $odd = request('hostile headers', 'GET', '/api/v2/rules', undef,
    'X-API-KEY' => $key{read}, Origin => 'http://evil.example',
    'X-HTTP-Method-Override' => 'DELETE', 'If-None-Match' => 'x' x 4000,
    'X-Correlation-ID' => '<script>', 'Accept-Version' => '99; drop');

is($odd->{code}, 200, 'hostile headers are no matter');
is($odd->{header}{'access-control-allow-origin'}, undef,
    'no other origin is let in');
is($odd->{header}{'cache-control'}, 'no-store', 'nothing is cached');
is($t->http('GET', "/api/v2/rules?api_key=$key{admin}")->{code}, 401,
    'a key in the URL is not looked at');
is($t->http('GET', '/api/v2/rules?callback=x', undef,
    'X-API-KEY' => $key{read})->{body} =~ /^\{/, 1, 'there is no JSONP');

$t->done();
