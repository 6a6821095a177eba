# Rules over the API: CONTRACT 3 and 3.1, and what a change does to a running
# alerter and to the audit.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));
my %rule = (match_string => 'link down', prod_handling => 'page_AND_ticket',
    dev_handling => 'Log_only', team_assignment => 'NETO');

$t->run();

sub api {
    my ($method, $path, $body, %headers) = @_;

    return $t->http($method, "/api/v2/$path",
        ref $body ? encode_json($body) : $body,
        'X-API-KEY' => $t->key('admin'),
        'Content-Type' => 'application/json', %headers);
}

sub audit {
    return map { { changed_by => $_->[0], operation => $_->[1],
        old => $_->[2] && decode_json($_->[2]),
        new => $_->[3] && decode_json($_->[3]), reason => $_->[4],
        correlation_id => $_->[5], record => "$_->[6]:$_->[7]" } }
        $t->sql('SELECT changed_by, operation, old_values, new_values,'
        . ' reason, correlation_id, record_id, record_key'
        . " FROM config_audit_log WHERE table_name = 'alert_rules'"
        . ' ORDER BY id');
}

$t->wait_for(sub { api('GET', 'rules')->{code} == 200 }, 10, 'it is there');

###############################################################################
# create, show, list

my $r = api('POST', 'rules', { %rule, reason => 'because <b>' },
    'X-Correlation-ID' => 'one');

is($r->{code}, 201, 'a rule is created') or diag($r->{body});
is($r->{json}{message}, 'Rule created successfully', 'and it is said');

my $id = $r->{json}{id};

is($r->{header}{location}, "/api/v2/rules/$id", 'and where it is');

$r = api('GET', "rules/$id");
is($r->{code}, 200, 'it is shown');
ok($r->{header}{etag}, 'with its version');

my %shown = %{ $r->{json} };

is($shown{prod_handling}, 'Page_and_ticket', 'handling has its spelling');
is($shown{match_type}, 'contains', 'defaults are there');
is($shown{priority}, 100, 'of their types');
is($shown{is_active}, JSON::XS::true, 'booleans too');
is($shown{trap_oid}, undef, 'what is absent is null');
like($shown{created_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/,
    'times are RFC 3339');

my ($row) = audit();

is_deeply([ @$row{qw(changed_by operation reason correlation_id record old)} ],
    [ 'webui', 'CREATE', 'because <b>', 'one', "$id:$id", undef ],
    'who, what and why are audited');
is($row->{new}{match_string}, 'link down', 'with the new values');

$r = api('POST', 'rules', { %rule, match_string => undef, priority => 5,
    match_type => 'oid_prefix', trap_oid => '.1.3.6.1.4.*',
    syslog_severity => 'critical' });
is($r->{code}, 201, 'a trap rule is created') or diag($r->{body});

my $trap = $r->{json}{id};

is(api('GET', "rules/$trap")->{json}{trap_oid}, '1.3.6.1.4',
    'its OID is stored plain');
is(api('GET', "rules/$trap")->{json}{syslog_severity}, 2, 'severity too');

$r = api('GET', 'rules');
is_deeply([ map { $_->{id} } @{ $r->{json}{rules} } ], [ $trap, $id ],
    'the list is by priority');
is_deeply($r->{json}{pagination},
    { page => 1, limit => 1000, total => 2, pages => 1 }, 'and counted');

$r = api('GET', 'rules?limit=1&page=2');
is_deeply([ map { $_->{id} } @{ $r->{json}{rules} } ], [ $id ], 'by pages');
is($r->{json}{pagination}{pages}, 2, 'of which there are two');
is_deeply(api('GET', 'rules?page=9')->{json}{rules}, [], 'the rest is empty');
is_deeply(api('GET', 'rules?is_active=false')->{json}{rules}, [],
    'the inactive are none');

for my $bad ('limit=0', 'limit=1001', 'limit=1e9', 'page=-1', 'page=0',
    'limit=', 'is_active=maybe', 'include_deleted=2', 'page=%00')
{
    my ($name) = $bad =~ /^(\w+)/;
    my $r = api('GET', "rules?$bad");

    is($r->{code}, 400, "$bad is refused");
    ok($r->{json}{fields}{$name}, 'by its name');
}

is(api('GET', 'rules?nothing=1')->{code}, 200, 'the unknown is ignored');

###############################################################################
# what is wrong is named

for my $case (
    [ { match_string => undef }, 'match_string' ],
    [ { match_string => '' }, 'match_string' ],
    [ { match_string => 'x' x 1025 }, 'match_string' ],
    [ { match_string => 5 }, 'match_string' ],
    [ { match_string => "a\0b" }, 'match_string' ],
    [ { match_type => 'regex', match_string => '(a' }, 'match_string' ],
    [ { match_type => 'regex', match_string => 'a{9999999}' },
        'match_string' ],
    [ { match_type => 'glob' }, 'match_type' ],
    [ { match_type => undef }, 'match_type' ],
    [ { match_type => 'oid_prefix' }, 'trap_oid' ],
    [ { trap_oid => '1.3.x' }, 'trap_oid' ],
    [ { trap_oid => [ 1 ] }, 'trap_oid' ],
    [ { syslog_severity => 8 }, 'syslog_severity' ],
    [ { syslog_severity => 'loud' }, 'syslog_severity' ],
    [ { priority => -1 }, 'priority' ],
    [ { priority => 1000001 }, 'priority' ],
    [ { priority => 1.5 }, 'priority' ],
    [ { priority => '5' }, 'priority' ],
    [ { prod_handling => 'Shout' }, 'prod_handling' ],
    [ { dev_handling => {} }, 'dev_handling' ],
    [ { team_assignment => '' }, 'team_assignment' ],
    [ { team_assignment => 'x' x 101 }, 'team_assignment' ],
    [ { is_active => 1 }, 'is_active' ],
    [ { reason => 'x' x 1001 }, 'reason' ],
    [ { webhook => 'http://169.254.169.254/' }, 'webhook' ])
{
    my ($change, $name) = @$case;
    my $r = api('POST', 'rules', { %rule, %$change });

    is($r->{code}, 400, 'refused: ' . substr encode_json($change), 0, 60);
    is(join(' ', keys %{ $r->{json}{fields} // {} }), $name, 'by its name');
}

$r = api('POST', 'rules', {});
is_deeply([ sort @{ $r->{json}{missing_fields} } ],
    [ qw(dev_handling prod_handling team_assignment) ],
    'what is missing is listed');
like(api('POST', 'rules', { %rule, match_type => 'regex',
    match_string => 'ab(c' })->{json}{fields}{match_string}, qr/offset \d/,
    'a pattern is refused at an offset');

for my $case ([ '{', 'invalid_json' ], [ '', 'invalid_json' ],
    [ '[]', 'not_an_object' ], [ '{"a":1,"a":2}', 'invalid_json' ],
    [ '{} {}', 'invalid_json' ], [ '{"a":NaN}', 'invalid_json' ],
    [ "{\"a\":\"\xff\"}", 'invalid_utf8' ],
    [ '{"a":' . '[' x 99 . ']' x 99 . '}', 'too_deep' ])
{
    my $r = api('POST', 'rules', $case->[0]);

    is($r->{code}, 400, 'refused: ' . substr $case->[0], 0, 20);
    is($r->{json}{code}, $case->[1], "as $case->[1]");
}

is(api('POST', 'rules', { %rule }, 'Content-Type' => 'text/plain')->{code},
    415, 'text is no JSON');
is(api('POST', 'rules', { %rule }, 'Content-Encoding' => 'gzip')->{code},
    415, 'nothing is inflated');
$r = api('POST', 'rules', { %rule, match_string => 'x' x 70000 });
is($r->{code}, 413, 'too much is too much');
is($r->{json}{limit}, 65536, 'and the limit is told');
is(scalar(my @rows = audit()), 2, 'none of it is audited');

###############################################################################
# change

my $etag = api('GET', "rules/$id")->{header}{etag};

$r = api('PUT', "rules/$id", { priority => 7, reason => 'sooner' },
    'If-Match' => $etag);
is($r->{code}, 200, 'a rule is changed') or diag($r->{body});
is($r->{json}{message}, 'Rule updated successfully', 'and it is said');
is($r->{header}{etag}, api('GET', "rules/$id")->{header}{etag},
    'with the new version');
is(api('GET', "rules/$id")->{json}{match_string}, 'link down',
    'what is not named stays');

$row = (audit())[-1];
is_deeply([ $row->{operation}, $row->{old}{priority}, $row->{new}{priority},
    $row->{reason} ], [ 'UPDATE', 100, 7, 'sooner' ],
    'old and new values are audited');

$r = api('PUT', "rules/$id", { priority => 8 }, 'If-Match' => $etag);
is($r->{code}, 412, 'who comes second is told');
is($r->{header}{etag}, api('GET', "rules/$id")->{header}{etag},
    'with the present version');
is(api('PUT', "rules/$id", { priority => 8 },
    'If-Match' => "\"x\", $r->{header}{etag}")->{code}, 200,
    'a list of versions is good');
is(api('PUT', "rules/$id", { priority => 9 }, 'If-Match' => '*')->{code}, 200,
    'and so is any');
is(api('PUT', "rules/$id", {})->{json}{error}, 'No fields to update',
    'a change has to change something');
is(api('PUT', "rules/$id", { reason => 'x' })->{code}, 400,
    'which a reason is not');
ok(api('PUT', "rules/$id", { match_string => undef })
    ->{json}{fields}{match_string}, 'the whole is checked');
is(api('PUT', "rules/$id", { match_string => '(',
    match_type => 'regex' })->{code}, 400, 'as the alerter compiles it');
is(api('PUT', "rules/$id", api('GET', "rules/$id")->{json})->{code}, 200,
    'what was read may be sent back');

###############################################################################
# many editors of one rule: no change is lost

my $before = scalar(@rows = audit());
my @pids;

for my $n (1 .. 24) {
    my $pid = fork() // die "fork: $!\n";

    push @pids, $pid;
    next if $pid;

    my $r = api('PUT', "rules/$id",
        $n % 2 ? { priority => $n } : { team_assignment => "T$n" });
    require POSIX;
    diag("editor $n: $r->{code} $r->{body}") if $r->{code} != 200;
    POSIX::_exit($r->{code} == 200 ? 0 : 1);
}

is(scalar(grep { waitpid($_, 0); $? != 0 } @pids), 0, 'all get through');

@rows = (audit())[$before .. $before + 23];
is(scalar(grep { defined } @rows), 24, 'and each is audited');
is_deeply([ map { $_->{old} } @rows[1 .. 23] ],
    [ map { $_->{new} } @rows[0 .. 22] ], 'each on what the one before left');
is(scalar(grep { $_->{old}{priority} != $_->{new}{priority}
    && $_->{old}{team_assignment} ne $_->{new}{team_assignment} } @rows), 0,
    'and none takes back what another has said');

###############################################################################
# a running alerter

$t->sql('DELETE FROM alert_rules');
$r = api('POST', 'rules', { %rule, match_string => 'fan' });
$id = $r->{json}{id};

sub decided {
    my ($decision, $title) = @_;

    ok($t->wait_for(sub {
        $t->ingest('fan failure');
        $t->wait_for(sub { !$t->redis('llen', 'mutt:ingest_queue') }, 5);
        ($t->sql('SELECT handling_decision FROM event_audit_log'
            . ' ORDER BY id DESC LIMIT 1') // '') eq $decision;
    }, 10), $title);
}

decided('Page_and_ticket', 'a new rule is in force');
api('PUT', "rules/$id", { prod_handling => 'Log_only' });
decided('Log_only', 'a change is');

$r = api('DELETE', "rules/$id", { reason => 'gone' });
is($r->{code}, 200, 'a rule that has matched is deleted') or diag($r->{body});
is($r->{json}{message}, 'Rule deleted successfully', 'and it is said');
ok($t->wait_for(sub {
    ($t->metrics('alerter')->{mutt_alerter_cache_rules_count} // 1) == 0
}, 10), 'a deleted rule is out of force');

is(api('GET', "rules/$id")->{code}, 404, 'it is not there any more');
is(api('PUT', "rules/$id", { priority => 1 })->{code}, 404, 'nor to change');
is(api('DELETE', "rules/$id")->{code}, 404, 'nor to delete');
is_deeply([ map { $_->{id} } @{ api('GET', 'rules?include_deleted=true')
    ->{json}{rules} } ], [ $id ], 'but it is kept');

$row = (audit())[-1];
is_deeply([ $row->{operation}, $row->{reason}, $row->{new}{is_active} ],
    [ 'DELETE', 'gone', JSON::XS::false ], 'and its end is audited');

for my $bad (qw(x -1 0 99999999999 1.5 %ff 2147483648)) {
    is(api('GET', "rules/$bad")->{code}, 404, "rule $bad is none");
}

is(api('GET', 'rules/1/2')->{code}, 404, 'and nothing is below a rule');

###############################################################################
# the change and its audit row, or neither

$id = api('POST', 'rules', { %rule })->{json}{id};
$t->sql('CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS'
    . " \$\$ BEGIN RAISE 'the disk of host db7 is full'; END \$\$");
$t->sql('CREATE TRIGGER refuse BEFORE INSERT ON config_audit_log'
    . ' EXECUTE FUNCTION refuse()');
$before = scalar(@rows = audit());

for my $case ([ 'POST', 'rules', { %rule } ],
    [ 'PUT', "rules/$id", { priority => 3 } ], [ 'DELETE', "rules/$id" ])
{
    my $r = api(@$case);

    is($r->{code}, 500, "$case->[0] fails with its audit row");
    unlike($r->{body}, qr/db7|refuse|SQL/i, 'and does not tell of it');
}

is($t->sql('SELECT count(*) FROM alert_rules WHERE deleted_at IS NULL'), 1,
    'nothing is created or deleted');
is(api('GET', "rules/$id")->{json}{priority}, 100, 'nothing is changed');
is(scalar(@rows = audit()), $before, 'nothing is audited');
$t->sql('DROP TRIGGER refuse ON config_audit_log');

$t->done();
