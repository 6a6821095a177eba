# Sessions of the dashboard: signed in with a key, kept by a cookie, and over
# with the key, with time, or when signed out: CONTRACT 1.1.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Mutt::Test->new()->has(qw(redis postgres nginx));
my $next = 'the-key-that-will-go';
my $dir = $t->dir();

my $said = join ' ', 'openssl req -x509 -nodes -days 2 -newkey ec -pkeyopt',
    'ec_paramgen_curve:P-256 -subj /CN=localhost',
    "-keyout $dir/tls.key -out $dir/tls.crt 2>&1";

$said = qx($said);
die "openssl: $said\n" if $?;
$t->reserve('tls');
$t->http_conf('server { listen 127.0.0.1:%%tls_PORT%% ssl;'
    . ' ssl_certificate %%DIR%%/tls.crt; ssl_certificate_key %%DIR%%/tls.key;'
    . ' location / { mutt_api; } }');
$t->env('nginx.WEBUI_API_KEY_NEXT' => $next,
    'nginx.AUTH_FAILURE_LIMIT' => 0)->run();

# A worker that is not connected yet says so, and is asked again.
sub call {
    my ($method, $path, $body, %headers) = @_;
    my $r;

    $t->wait_for(sub {
        $r = $t->http($method, "/api/v2/$path",
            ref $body ? encode_json($body) : $body, %headers);
        $r->{code} != 503;
    }, 15);
    return $r;
}

sub sign_in { return call('POST', 'session', { api_key => $_[0] }) }

# The headers of who is signed in, with the token or without.
sub cookie {
    my ($r) = @_;

    my ($cookie) = ($r->{header}{'set-cookie'} // '') =~ /^([^;]*)/;
    return (Cookie => "a=b; $cookie; c=d");
}

sub signed {
    my ($r) = @_;

    return (cookie($r), 'X-CSRF-Token' => $r->{json}{csrf_token});
}

###############################################################################
# in

my $r = sign_in($t->key('admin'));

is($r->{code}, 200, 'a key signs in') or diag($r->{body});
is($r->{json}{name}, 'webui', 'by its name');
is_deeply($r->{json}{scopes}, [ qw(read write admin) ], 'with all it may');
like($r->{json}{csrf_token}, qr/^[0-9a-f]{64}$/, 'and a token for changes');
like($r->{json}{expires_at}, qr/^20..-..-..T.*Z$/, 'until it ends');
like($r->{header}{'set-cookie'}, qr/^mutt_session=[0-9a-f]{64};\ Path=\/;
    \ Max-Age=(?:431\d\d|43200);\ HttpOnly;\ SameSite=Strict$/x, 'as a cookie');

my %in = signed($r);
my ($token) = $r->{header}{'set-cookie'} =~ /=(\w+)/;
my ($stored) = $t->redis('keys', 'mutt:session:*');
my $value = $t->redis('get', $stored);

unlike("$stored $value", qr/$token/, 'the cookie is nowhere in Redis');
unlike($value, qr/${\$t->key('admin')}/, 'nor the key');
unlike($t->log_of('nginx'), qr/$token|${\$t->key('admin')}/, 'nor in a log');

my $who = call('GET', 'session', undef, %in);

is($who->{code}, 200, 'who is signed in is told');
is_deeply($who->{json}, $r->{json}, 'the same');
is($who->{header}{'set-cookie'}, undef, 'the cookie stays');
is(call('HEAD', 'session', undef, cookie($r))->{code}, 200, 'HEAD is as GET');
is(call('GET', 'rules', undef, cookie($r))->{code}, 200,
    'to look takes the cookie alone');
is(call('GET', 'session', undef, 'X-API-KEY' => $t->key('ingest'))->{json}
    ->{name}, 'ingest', 'who comes with a key is told too');
is(call('GET', 'session')->{code}, 401, 'who comes with nothing is not');

my $curl = sub {
    my $port = $t->port('tls');
    open my $pipe, '-|', 'curl', '-ksi', '-m', 20, '-d',
        encode_json({ api_key => $t->key('admin') }), '-H',
        'Content-Type: application/json',
        "https://127.0.0.1:$port/api/v2/session" or die "curl: $!\n";
    local $/;
    return scalar <$pipe>;
};

like($t->wait_for(sub { my $text = $curl->(); $text =~ / 200 / && $text }, 15),
    qr/^set-cookie: mutt_session=.*; Secure\r$/mi, 'under TLS it is Secure');

###############################################################################
# not in

for my $case ([ 401, { api_key => 'wrong' } ], [ 401, { api_key => '' } ],
    [ 401, { api_key => 'x' x 5000 } ], [ 401, { api_key => "\0" } ],
    [ 400, {} ], [ 400, { api_key => undef } ], [ 400, { api_key => 5 } ],
    [ 400, { api_key => $t->key('admin'), more => 1 } ],
    [ 403, { api_key => $t->key('ingest') } ])
{
    my ($code, $body) = @$case;
    my $r = call('POST', 'session', $body);

    is($r->{code}, $code, 'no session: ' . substr encode_json($body), 0, 40);
    is($r->{header}{'set-cookie'}, undef, 'nor a cookie');
}

is(call('POST', 'session?api_key=' . $t->key('admin'), {})->{code}, 400,
    'a key in the URL is not looked at');

for my $bad ('', 'x', '0' x 64, substr($token, 1), "${token}0", "\xff" x 64,
    uc($token) ne $token ? uc $token : '1' x 64)
{
    my $r = call('GET', 'rules', undef, Cookie => "mutt_session=$bad");

    is($r->{code}, 401, "a cookie that is none: $bad");
    is($r->{header}{'www-authenticate'}, 'MUTT-Key', 'as without a key');
}

is(call('GET', 'rules', undef, %in, 'X-API-KEY' => 'wrong')->{code}, 401,
    'a key counts before a cookie');

###############################################################################
# changes

my $host = { hostname => 'h1', reason => 'seen' };

is(call('POST', 'dev-hosts', $host, %in)->{code}, 201,
    'a change takes the token');
is(call('GET', 'audit', undef, %in)->{json}{logs}[0]{changed_by}, 'webui',
    'and is made by who signed in');

for my $case ([ 'none', cookie($r) ], [ 'another', %in,
        'X-CSRF-Token' => '0' x 64 ], [ 'a part', %in,
        'X-CSRF-Token' => substr $r->{json}{csrf_token}, 0, 63 ],
    [ 'an empty one', %in, 'X-CSRF-Token' => '' ],
    [ 'another origin', %in, Origin => 'http://evil.example' ],
    [ 'no origin', %in, Origin => 'null' ],
    [ 'an origin with ours in front', %in, Origin => 'http://localhost.x' ])
{
    my ($title, %headers) = @$case;

    for my $request ([ 'POST', 'dev-hosts', $host ], [ 'DELETE', 'session', undef ],
        [ 'PUT', 'teams/x', { team_assignment => 'T' } ])
    {
        my $r = call(@$request, %headers);

        is($r->{json}{code}, 'csrf_failed', "$request->[0] with $title");
        is($r->{code}, 403, 'is forbidden');
    }
}

is(call('DELETE', 'dev-hosts/h1', undef, %in, Origin => 'http://localhost')
    ->{code}, 200, 'a page of ours may');
is(call('POST', 'session', { api_key => $t->key('admin') },
    Origin => 'http://evil.example')->{code}, 403,
    'nobody is signed in by another page');
is(call('POST', 'session', 'api_key=x', 'Content-Type' => 'text/plain')
    ->{code}, 415, 'nor by a form');
is(call('GET', 'session', undef, %in)->{code}, 200, 'and all that ends nothing');

###############################################################################
# time

$t->redis('expire', $stored, 100);
call('GET', 'session', undef, %in);
cmp_ok($t->redis('ttl', $stored), '>', 7000, 'a request keeps a session alive');
cmp_ok($t->redis('ttl', $stored), '<=', 7200, 'for two hours');

my $end = time() + 43200;

cmp_ok(abs(($value =~ /^(\d+) /)[0] - $end), '<', 120, 'twelve in all');
$t->redis('set', $stored, $value =~ s/^\d+/int time() - 1/er);
is(call('GET', 'session', undef, %in)->{code}, 401, 'then it is over');

for my $bad ('', 'x', '9' x 30, "$value" =~ s/^\d+ ./9999999999 x/r,
    ($value =~ s/^(\d+ \w+) \w/$1 0/r) . '')
{
    next if $bad eq $value;
    $t->redis('set', $stored, $bad);
    isnt(call('POST', 'dev-hosts', $host, %in)->{code}, 201,
        'what is stored is not believed: ' . substr $bad, 0, 20);
}

###############################################################################
# out, and the end of a key

$r = sign_in($t->key('admin'));
%in = signed($r);

my $out = call('DELETE', 'session', undef, %in);

is($out->{code}, 204, 'who signs out');
like($out->{header}{'set-cookie'}, qr/^mutt_session=; .*Max-Age=0/,
    'gives the cookie back');
is(call('GET', 'session', undef, %in)->{code}, 401, 'and is out');
is(call('DELETE', 'session', undef, 'X-API-KEY' => $t->key('admin'))->{code},
    204, 'who was not in is out too');

my $made = call('POST', 'keys', { name => 'guest', scopes => [ 'read' ] },
    'X-API-KEY' => $t->key('admin'))->{json};
my $guest;

$t->wait_for(sub { ($guest = sign_in($made->{key}))->{code} == 200 }, 15,
    'a named key signs in');
is_deeply($guest->{json}{scopes}, [ 'read' ], 'with what it may');
$t->wait_for(sub { call('GET', 'rules', undef, cookie($guest))->{code} == 200 },
    15, 'its session is good');
is(call('POST', 'dev-hosts', $host, signed($guest))->{json}{required_scope},
    'write', 'for no more than the key');
call('DELETE', 'keys/guest', undef, 'X-API-KEY' => $t->key('admin'));

$t->wait_for(sub { call('GET', 'rules', undef, cookie($guest))->{code} == 401 },
    15, 'and ends with the key');
is(scalar(grep { call('GET', 'rules', undef, cookie($guest))->{code} != 401 }
    1 .. 12), 0, 'in every worker');

my $going = sign_in($next);
my $staying = sign_in($t->key('admin'));

is($going->{code}, 200, 'the next key signs in as well');
$t->env('nginx.WEBUI_API_KEY_NEXT' => '')->restart('nginx');
is(call('GET', 'session', undef, signed($going))->{code}, 401,
    'its session ends when it goes');
is(call('GET', 'session', undef, signed($staying))->{code}, 200,
    'others outlive a restart');

###############################################################################
# without Redis

$t->stop('redis');
$t->wait_for(sub { $t->http('GET', '/api/v2/session', undef,
    signed($staying))->{code} == 503 }, 10, 'without Redis no session is known');
$r = $t->http('GET', '/api/v2/rules', undef, signed($staying));
is($r->{json}{code}, 'redis_unavailable', 'and that is said');
ok($r->{header}{'retry-after'}, 'with when to come back');
is($t->http('POST', '/api/v2/session',
    encode_json({ api_key => $t->key('admin') }))->{code}, 503,
    'nobody signs in');
is($t->http('GET', '/api/v2/session', undef, 'X-API-KEY' => $t->key('admin'))
    ->{code}, 200, 'a key is good as ever');

$t->done();
