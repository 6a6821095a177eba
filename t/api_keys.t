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

my $t = Mutt::Test->new()->has(qw(redis postgres nginx));

$t->env('nginx.AUTH_FAILURE_LIMIT' => 0)->run();

sub api {
    my ($method, $path, $body, $key) = @_;

    return $t->http($method, "/api/v2/$path",
        ref $body ? encode_json($body) : $body,
        'X-API-KEY' => $key // $t->key('admin'));
}

# Whether a code comes, and then from every worker: they share what they know.
sub agreed {
    my ($code, @request) = @_;

    return $t->wait_for(sub { api(@request)->{code} == $code }, 15)
        && !grep { $_ != $code } map { api(@request)->{code} } 1 .. 12;
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
    [ { name => '' }, 'name' ], [ { name => '..' }, 'name' ], [ { name => 'x' x 65 }, 'name' ],
    [ { scopes => [] }, 'scopes' ], [ { scopes => 'read' }, 'scopes' ],
    [ { scopes => [ 'root' ] }, 'scopes' ],
    [ { scopes => [ 'read', 5 ] }, 'scopes' ],
    [ { expires_at => '2020-01-01T00:00:00Z' }, 'expires_at' ],
    [ { expires_at => 'soon' }, 'expires_at' ],
    [ { key_hash => 'x' }, 'key_hash' ], [ { rate_limit => 0 }, 'rate_limit' ],
    [ { rate_limit => 1000000001 }, 'rate_limit' ],
    [ { rate_limit => 'many' }, 'rate_limit' ])
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
# two at a time

my ($first) = grep { $_->{name} eq 'shipper-1' }
    @{ api('GET', 'keys')->{json}{keys} };

is_deeply([ sort keys %$first ], [ sort qw(id name scopes rate_limit created_at
    expires_at revoked_at last_used_at) ], 'a key is listed without its digest');
$t->wait_for(sub {
    grep { $_->{name} eq 'shipper-1' && $_->{last_used_at} }
        @{ api('GET', 'keys')->{json}{keys} }
}, 20, 'when it was used is known a little later');
is((grep { $_->{name} eq 'writer' } @{ api('GET', 'keys')->{json}{keys} })[0]
    {rate_limit}, undef, 'no limit is null');

$r = api('POST', 'keys/shipper-1/rotate', { reason => 'a year has passed' });

my $second = $r->{json}{key};

is($r->{code}, 201, 'a key is rotated') or diag($r->{body});
is($r->{json}{name}, 'shipper-1', 'under its name');
isnt($r->{json}{id}, $first->{id}, 'with another id');
isnt($second, $key, 'and value');
ok(agreed(403, 'GET', 'rules', undef, $second), 'the new one is good');
is($t->ingest('x', 'X-API-KEY' => $_)->{code}, 200, 'both take events')
    for $key, $second;
is_deeply(api('GET', 'audit')->{json}{logs}[0]{new_values}{scopes}, [ 'ingest' ],
    'it is audited, with the scopes of the first');
is(api('POST', 'keys/shipper-1/rotate')->{code}, 409, 'there is no third');
is(api('POST', 'keys', { name => 'shipper-1', scopes => [ 'read' ] })->{code},
    409, 'the name is not for another');
is(api('POST', 'keys/none/rotate')->{code}, 404, 'none has no next one');

for my $case ([ { expires_at => 'x' }, 'expires_at' ],
    [ { retire_at => 5 }, 'retire_at' ], [ { scopes => [] }, 'scopes' ])
{
    is_deeply([ keys %{ api('POST', 'keys/writer/rotate', $case->[0])
        ->{json}{fields} // {} } ], [ $case->[1] ], 'a field: ' . $case->[1]);
}

is(api('DELETE', 'keys/shipper-1', { id => 'x' })->{code}, 400,
    'an id is a number');
is(api('DELETE', 'keys/shipper-1', { id => 999 })->{code}, 404,
    'of a key of that name');
is(api('DELETE', 'keys/shipper-1', { id => $first->{id} })->{code}, 200,
    'the first is revoked alone');
ok(agreed(401, 'GET', 'rules', undef, $key), 'and is not good');
is($t->ingest('x', 'X-API-KEY' => $second)->{code}, 200, 'the second is');
$key = $second;

my $lives = api('POST', 'keys', { name => 'lives', scopes => [ 'read' ],
    expires_at => '2099-01-01T00:00:00Z' })->{json};
my $next = api('POST', 'keys/lives/rotate', { retire_at =>
    '2098-01-01T00:00:00Z' })->{json};
my %row = map { $_->{id} => $_ } @{ api('GET', 'keys')->{json}{keys} };

is($row{ $lives->{id} }{expires_at}, '2098-01-01T00:00:00.000000Z',
    'the first may be given an end');
like($row{ $next->{id} }{expires_at}, qr/^(?:2098-12-31|2099)/,
    'the next lives as long as the first was to');

my @made = map {
    my $pid = fork() // die "fork: $!\n";
    if (!$pid) {
        my $code = api('POST', 'keys/writer/rotate')->{code};
        require POSIX;
        POSIX::_exit($code == 201 ? 1 : $code == 409 ? 0 : 9);
    }
    $pid;
} 1 .. 6;

is(join(' ', sort map { waitpid $_, 0; $? >> 8 } @made), '0 0 0 0 0 1',
    'of six who rotate at once one does');

###############################################################################
# a limit of its own

sub events { return [ map { $t->event(message => "limited $_") } 1 .. $_[0] ] }
sub rate { return @{ $_[0]{header} }{map { "x-ratelimit-$_" }
    qw(limit remaining)} }
sub minute { return int(($t->redis('time'))[0] / 60) }

my ($limited, @seen);

# again with another key where the minute ended meanwhile
for my $try (1 .. 4) {
    my $began = minute();

    $limited = api('POST', 'keys', { name => "limited-$try",
        scopes => [ 'ingest' ], rate_limit => 20 })->{json};
    agreed(403, 'GET', 'rules', undef, $limited->{key}) or last;

    my $depth = $t->redis('llen', 'mutt:ingest_queue');
    my @r = map { $t->ingest(events($_), 'X-API-KEY' => $limited->{key}) }
        10, 21, 11;
    my @senders = map {
        my $pid = fork() // die "fork: $!\n";
        if (!$pid) {
            my $code = $t->ingest('x', 'X-API-KEY' => $limited->{key})->{code};
            require POSIX;
            POSIX::_exit($code == 200 ? 1 : $code == 429 ? 0 : 9);
        }
        $pid;
    } 1 .. 14;

    @seen = ([ map { $_->{code} } @r ], [ map { [ rate($_) ] } @r ],
        $r[1]{json}{limit}, $r[2]{json}{retry_after},
        join('', sort map { waitpid $_, 0; $? >> 8 } @senders),
        $t->redis('llen', 'mutt:ingest_queue') - $depth);
    last if minute() == $began;
}

is_deeply($seen[0], [ 200, 413, 429 ],
    'a key may send what it is given, not more at a time, nor a minute');
is_deeply($seen[1], [ ([ 20, 10 ]) x 3 ], 'as the headers tell');
is($seen[2], 20, 'what is too much for any minute is told the limit');
like($seen[3], qr/^[1-9]\d?$/, 'and what is for this one, when to come back');
is($seen[4], '0000' . '1' x 10, 'of fourteen at once ten are taken');
is($seen[5], 20, 'and nothing but what was taken is queued');
is($t->redis('hget', "mutt:rate_limit:ingestor:$limited->{id}", 'used'), 20,
    'as the key\'s counter has it');
is($t->ingest('x', 'X-API-KEY' => $key)->{code}, 200, 'others may go on');
is($t->redis('exists', "mutt:rate_limit:ingestor:$first->{id}"), 0,
    'and are not counted one by one');

my $path = "keys/$limited->{name}";

for my $body ({}, { rate_limit => 'x' }, { rate_limit => 0 },
    { rate_limit => 1.5 }, { rate_limit => -1 })
{
    is_deeply([ keys %{ api('PUT', $path, $body)->{json}{fields} // {} } ],
        [ 'rate_limit' ], 'a limit is a number: ' . encode_json($body));
}

is(api('PUT', 'keys/none', { rate_limit => 5 })->{code}, 404, 'of a key');
is(api('PUT', $path, { rate_limit => undef, reason => 'trusted' })->{code}, 200,
    'the limit is taken away');

my $change = api('GET', 'audit')->{json}{logs}[0];

is_deeply([ @$change{qw(operation reason)}, $change->{old_values}{rate_limit},
    $change->{new_values}{rate_limit} ], [ 'UPDATE', 'trusted', 20, undef ],
    'which is audited');

# what every worker says: each was asked often enough
sub all_say {
    my ($wanted) = @_;

    return $t->wait_for(sub { !grep { (rate($t->ingest('x',
        'X-API-KEY' => $limited->{key})))[0] != $wanted } 1 .. 12 }, 15);
}

ok(all_say(600000), 'the limit of all is left, in every worker');
is(api('PUT', $path, { rate_limit => 1000 })->{code}, 200, 'another is set');
ok(all_say(1000), 'and good, in every worker');
$t->setting('ingest_max_rate', 500);
ok(all_say(500), 'the one that leaves less is told');
$t->setting('ingest_max_rate', 600000);
$t->redis('set', "mutt:rate_limit:ingestor:$limited->{id}", 'x');
is($t->ingest('x', 'X-API-KEY' => $limited->{key})->{code}, 200,
    'a limit that can\'t be counted holds nobody up');
$t->redis('del', "mutt:rate_limit:ingestor:$limited->{id}");

###############################################################################
# the end of a key

# a connection that has used it, and stays
my $ask = "GET /api/v2/rules HTTP/1.1\r\nHost: x\r\nX-API-KEY: $writer\r\n\r\n";
my $stays = $t->http_raw($ask);

is(Mutt::Http::read_response($stays, 20, 'GET')->{code}, 200, 'it is good');
is(api('DELETE', 'keys/writer', { reason => 'left' })->{json}{message},
    'Key revoked successfully', 'a key is revoked');
ok(agreed(401, 'GET', 'rules', undef, $writer), 'and refused everywhere');
print {$stays} $ask;
is(Mutt::Http::read_response($stays, 20, 'GET')->{code}, 401,
    'where it was used before too');
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
