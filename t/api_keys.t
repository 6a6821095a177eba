# Named keys: made, used, revoked, expired, and good while PostgreSQL is away:
# CONTRACT 1.1.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw(sha256_hex);
use JSON::XS;
use Mutt::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Mutt::Test->new()->has(qw(redis postgres nginx));

$t->run();

sub api {
    my ($method, $path, $body, $key) = @_;

    return $t->http($method, "/api/v2/$path",
        ref $body ? encode_json($body) : $body,
        'X-API-KEY' => $key // $t->key('admin'));
}

# Whether every worker gives a code; one may not be asked for a while.
sub agreed {
    my ($code, @request) = @_;
    my $since = time();

    return $t->wait_for(sub {
        $since = time() if grep { $_ != $code } map { api(@request)->{code} }
            1 .. 12;
        time() - $since >= 2;
    }, 15);
}

$t->wait_for(sub { api('GET', 'keys')->{code} == 200 }, 10, 'it is there');

my $r = api('POST', 'keys', { name => 'shipper-1', scopes => [ 'ingest' ],
    reason => 'a new site' });
my $key = $r->{json}{key};

is($r->{code}, 201, 'a key is made') or diag($r->{body});
like($key, qr/^mutt_[0-9a-f]{64}$/, 'and shown');
ok(agreed(403, 'GET', 'rules', undef, $key), 'it is known in every worker');
is($t->ingest('x', 'X-API-KEY' => $key)->{code}, 200, 'it is good');
like($t->redis('lindex', 'mutt:ingest_queue', 0),
    qr/"_source":"$r->{json}{id}"/, 'its id goes with the event');

is($t->sql("SELECT encode(key_hash, 'hex') FROM api_keys"), sha256_hex($key),
    'only its digest is kept');
unlike(api('GET', 'keys')->{body}, qr/hash|$key/, 'which is not shown');
unlike(api('GET', 'audit')->{body}, qr/hash|$key/, 'nor audited');
unlike($t->log_of('nginx'), qr/$key/, 'nor logged');
is(api('GET', 'audit')->{json}{logs}[0]{reason}, 'a new site',
    'that it was made is');

my $writer = api('POST', 'keys', { name => 'writer',
    scopes => [ 'read', 'write' ] })->{json}{key};

ok(agreed(200, 'GET', 'rules', undef, $writer), 'another is good');
is(api('POST', 'dev-hosts', { hostname => 'h' }, $writer)->{code}, 201,
    'to write');
is(api('GET', 'audit')->{json}{logs}[0]{changed_by}, 'writer',
    'under its name');
is(api('PUT', 'config/log_level', { value => 'DEBUG' }, $writer)
    ->{json}{required_scope}, 'admin', 'not more');
is(api('GET', 'keys', undef, $writer)->{code}, 403, 'least of all keys');

for my $case ([ {}, 'name scopes' ], [ { name => 'a b' }, 'name' ],
    [ { name => '' }, 'name' ], [ { name => 'x' x 65 }, 'name' ],
    [ { scopes => [] }, 'scopes' ], [ { scopes => 'read' }, 'scopes' ],
    [ { scopes => [ 'root' ] }, 'scopes' ],
    [ { scopes => [ 'read', 5 ] }, 'scopes' ],
    [ { expires_at => '2020-01-01T00:00:00Z' }, 'expires_at' ],
    [ { expires_at => 'soon' }, 'expires_at' ],
    [ { key_hash => 'x' }, 'key_hash' ])
{
    my ($change, $fields) = @$case;
    my $body = %$change ? { name => 'n', scopes => [ 'read' ], %$change } : {};
    my $r = api('POST', 'keys', $body);

    is($r->{code}, 400, 'refused: ' . substr encode_json($body), 0, 60);
    is(join(' ', sort keys %{ $r->{json}{fields} // {} }), $fields,
        'by its name');
}

is(api('POST', 'keys', { name => $_, scopes => [ 'read' ] })->{code}, 409,
    "the name $_ is taken") for qw(writer webui);

###############################################################################
# the end of a key

is(api('DELETE', 'keys/writer', { reason => 'left' })->{json}{message},
    'Key revoked successfully', 'a key is revoked');
ok(agreed(401, 'GET', 'rules', undef, $writer), 'and refused everywhere');
is(api('DELETE', 'keys/writer')->{code}, 404, 'once');
is(api('DELETE', 'keys/none')->{code}, 404, 'none is no key');
ok((grep { $_->{name} eq 'writer' && $_->{revoked_at} }
    @{ api('GET', 'keys')->{json}{keys} }), 'it is listed as revoked');

my $short = api('POST', 'keys', { name => 'short', scopes => [ 'read' ],
    expires_at => '2099-01-01T00:00:00Z' })->{json}{key};

ok(agreed(200, 'GET', 'rules', undef, $short), 'a key that expires is good');
$t->sql("UPDATE api_keys SET expires_at = now() WHERE name = 'short'");
ok(agreed(401, 'GET', 'rules', undef, $short), 'until it does');

$t->stop('postgres');
ok($t->wait_for(sub { $t->health('nginx')->{json}{status} eq 'degraded' }, 10),
    'while PostgreSQL is away');
is(scalar(grep { $t->ingest('x', 'X-API-KEY' => $key)->{code} != 200 }
    1 .. 12), 0, 'a key stays good');
$t->start('postgres');

$t->done();
