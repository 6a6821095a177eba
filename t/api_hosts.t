# Development hosts and teams over the API, and what a change does to a
# running alerter and to the audit: CONTRACT 3.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Http;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));

$t->run();

sub api {
    my ($method, $path, $body, %headers) = @_;

    return $t->http($method, "/api/v2/$path",
        ref $body ? encode_json($body) : $body,
        'X-API-KEY' => $t->key('admin'), %headers);
}

sub audit {
    return $t->sql('SELECT operation, table_name, record_key,'
        . " old_values->>'team_assignment', new_values->>'team_assignment',"
        . ' reason, changed_by FROM config_audit_log ORDER BY id');
}

$t->wait_for(sub { api('GET', 'teams')->{code} == 200 }, 10, 'it is there');

###############################################################################
# development hosts

my $r = api('POST', 'dev-hosts', { hostname => ' Lab-1 ', reason => 'new' });

is($r->{code}, 201, 'a host is added') or diag($r->{body});
is($r->{json}{message}, 'Dev host added successfully', 'and it is said');

$r = api('POST', 'dev-hosts', { hostname => 'lab-1' });
is($r->{code}, 409, 'it is the same in any case');
is($r->{json}{error}, 'Hostname already exists', 'and that is said');
is($r->{json}{code}, 'conflict', 'as a conflict');

api('POST', 'dev-hosts', { hostname => $_ }) for qw(zz a%b <x>);
$r = api('GET', 'dev-hosts?limit=3');
is(scalar @{ $r->{json}{hosts} }, 3, 'hosts are listed by pages');
is_deeply($r->{json}{pagination},
    { page => 1, limit => 3, total => 4, pages => 2 }, 'and counted');
is_deeply([ sort map { $_->{hostname} }
    @{ api('GET', 'dev-hosts')->{json}{hosts} } ], [ qw(<x> Lab-1 a%b zz) ],
    'by their names');
unlike(api('GET', 'dev-hosts')->{body}, qr/</, 'which are inert in a page');

# a path can't end in a dot or two: such a host could not be deleted again
for my $bad ('', ' ', 'a/b', '.', ' ..', "a\nb", 'x' x 256, 5, undef, [ 'x' ]) {
    my $r = api('POST', 'dev-hosts', { hostname => $bad });

    is($r->{code}, 400, 'refused: ' . substr encode_json([ $bad ]), 0, 20);
    ok($r->{json}{fields}{hostname}, 'by its name');
}

is_deeply(api('POST', 'dev-hosts', {})->{json}{missing_fields}, [ 'hostname' ],
    'a missing one is listed');
ok(api('POST', 'dev-hosts', { hostname => 'x', team => 1 })
    ->{json}{fields}{team}, 'an unknown field is named');

is(api('DELETE', 'dev-hosts/LAB-1')->{json}{message},
    'Dev host deleted successfully', 'a host is deleted in any case');
is(api('DELETE', 'dev-hosts/Lab-1')->{code}, 404, 'once');
is(api('DELETE', 'dev-hosts/a%25b', { reason => 'gone' })->{code}, 200,
    'with a reason');
is(api('DELETE', 'dev-hosts/%ff')->{code}, 404, 'bytes are no host');
is(api('DELETE', 'dev-hosts/zz', { nothing => 1 })->{code}, 400,
    'nothing else may be said');

# a body that need not be there may come as none in chunks
my $chunked = $t->http_raw("DELETE /api/v2/dev-hosts/zz HTTP/1.1\r\nHost: x\r\n"
    . 'X-API-KEY: ' . $t->key('admin') . "\r\nTransfer-Encoding: chunked\r\n"
    . "\r\n0\r\n\r\n");

is(Mutt::Http::read_response($chunked, 20)->{code}, 200,
    'a body of nothing is none');

###############################################################################
# teams

is(api('POST', 'teams', { hostname => 'r1', team_assignment => 'Core' })
    ->{json}{message}, 'Team mapping added successfully', 'a team is added');
is(api('POST', 'teams', { hostname => 'R1', team_assignment => 'X' })
    ->{code}, 409, 'once');
is(api('PUT', 'teams/R1', { team_assignment => 'Edge', reason => 'moved' })
    ->{json}{message}, 'Team mapping updated successfully', 'changed');
is_deeply(api('GET', 'teams')->{json}{teams},
    [ { hostname => 'r1', team_assignment => 'Edge' } ], 'and listed');
is(api('PUT', 'teams/none', { team_assignment => 'Edge' })->{code}, 404,
    'none is no team');
is_deeply([ sort @{ api('POST', 'teams', {})->{json}{missing_fields} } ],
    [ qw(hostname team_assignment) ], 'what is missing is listed');
ok(api('PUT', 'teams/r1', { team_assignment => '' })
    ->{json}{fields}{team_assignment}, 'an empty team is refused');
is(api('DELETE', 'teams/r1')->{json}{message},
    'Team mapping deleted successfully', 'and deleted');
is(api('DELETE', 'teams/r1')->{code}, 404, 'once');

is_deeply([ grep { $_->[1] eq 'device_teams' } audit() ], [
    [ 'CREATE', 'device_teams', 'r1', undef, 'Core', undef, 'webui' ],
    [ 'UPDATE', 'device_teams', 'r1', 'Core', 'Edge', 'moved', 'webui' ],
    [ 'DELETE', 'device_teams', 'r1', 'Edge', undef, undef, 'webui' ] ],
    'each change of a team is audited');
is_deeply([ map { "$_->[0] $_->[2] " . ($_->[5] // '') }
    grep { $_->[1] eq 'development_hosts' } audit() ], [
    'CREATE Lab-1 new', 'CREATE zz ', 'CREATE a%b ', 'CREATE <x> ',
    'DELETE Lab-1 ', 'DELETE a%b gone', 'DELETE zz ' ], 'and of a host');

###############################################################################
# a running alerter

api('POST', 'rules', { match_string => 'fan', prod_handling => 'Log_only',
    dev_handling => 'Suppress', team_assignment => 'NETO' });

sub decided {
    my ($decision, $title) = @_;

    ok($t->wait_for(sub {
        $t->ingest('fan failure');
        $t->wait_for(sub { !$t->redis('llen', 'mutt:ingest_queue') }, 5);
        ($t->sql('SELECT handling_decision FROM event_audit_log'
            . ' ORDER BY id DESC LIMIT 1') // '') eq $decision;
    }, 10), $title);
}

decided('Log_only', 'a host is of production');
api('POST', 'dev-hosts', { hostname => 'R1' });
decided('Suppress', 'until it is added');
api('DELETE', 'dev-hosts/r1');
decided('Log_only', 'and again when it is deleted');

$t->done();
