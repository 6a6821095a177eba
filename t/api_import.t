# Rules, hosts and teams as a file: out and in again, all or nothing, with a
# look before, and while everything else goes on.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));

$t->env(READ_KEY => 'the-read-key');
$t->main_conf('env READ_KEY;');
$t->http_conf("mutt_key reader read env:READ_KEY;\n"
    . 'mutt_key ingest ingest env:INGEST_API_KEY;' . "\n"
    . 'mutt_key webui admin env:WEBUI_API_KEY;');
$t->run();
$t->linked('nginx is there');

my $json = JSON::XS->new->utf8->canonical;
my %admin = ('X-API-KEY' => $t->key('admin'),
    'Content-Type' => 'application/json');

# What is busy or not there yet is asked again, as senders do.
sub call {
    my ($method, $path, $body, %headers) = @_;
    my $r;

    $t->wait_for(sub {
        $r = $t->http($method, "/api/v2/rules/$path",
            ref $body ? $json->encode($body) : $body, %admin, %headers);
        $r->{code} != 503;
    }, 30);
    return $r;
}

sub import { return call('POST', 'import', @_) }
sub export { return call('GET', $_[0] // 'export') }
sub audited { return $t->sql('SELECT count(*) FROM config_audit_log') }
sub file { return { %{ decode_json(export()->{body}) }, @_ } }

sub rule {
    my ($text, %more) = @_;

    return { match_string => $text, prod_handling => 'Page_and_ticket',
        dev_handling => 'Log_only', team_assignment => 'NETO', %more };
}

###############################################################################
# in, and out again

my $r = import({ mode => 'replace', reason => 'the first set', rules => [
    rule('fan'), rule('p<ow>er \\d+', match_type => 'regex', priority => 5),
    { trap_oid => '.1.3.6.1', match_type => 'oid_prefix',
        prod_handling => 'page_ONLY', dev_handling => 'Suppress',
        team_assignment => "T\x{e4}m", syslog_severity => 'warning',
        is_active => JSON::XS::false } ],
    dev_hosts => [ map { { hostname => $_ } } qw(lab-b LAB-A) ],
    teams => [ { hostname => 'core1', team_assignment => 'NETO' } ] });

is($r->{code}, 200, 'a set is imported') or diag($r->{body});
is_deeply([ map { scalar @{ $r->{json}{$_}{added} } } qw(rules dev_hosts
    teams) ], [ 3, 2, 1 ], 'all of it is new');

my @ids = map { $_->{id} } @{ $r->{json}{rules}{added} };

ok($t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 2 }, 20),
    'alerters have the active ones');
is(audited(), 6, 'each change has its audit row');
is_deeply([ $t->sql('SELECT DISTINCT changed_by, reason, correlation_id,'
    . ' operation FROM config_audit_log') ], [ [ 'webui', 'the first set',
    $r->{header}{'x-correlation-id'}, 'CREATE' ] ], 'with who and why');

my $out = export();
my $etag = $out->{header}{etag};

is($out->{code}, 200, 'it is exported');
is($etag, $r->{header}{etag}, 'in the version that the import answered');
is(export()->{body}, $out->{body}, 'the same each time');
like($out->{body}, qr/^\{"id":$ids[0],"match_string":"fan",.*\},$/m,
    'a rule to a line');
is_deeply($out->{json}{rules}[2], { id => $ids[2], match_string => undef,
    trap_oid => '1.3.6.1', syslog_severity => 4, match_type => 'oid_prefix',
    priority => 100, prod_handling => 'Page_only', dev_handling => 'Suppress',
    team_assignment => "T\x{e4}m", is_active => JSON::XS::false },
    'as it is stored');
is_deeply([ map { $_->{hostname} } @{ $out->{json}{dev_hosts} } ],
    [ sort qw(lab-b LAB-A) ], 'hosts in order')
    if $t->sql("SELECT 'L' < 'l'") eq 't';
unlike(export('export?ids=false')->{body}, qr/"id"/, 'or without ids');

for my $body ($out->{body}, export('export?ids=false')->{body}) {
    for my $dry (JSON::XS::false, JSON::XS::true) {
        $r = import({ %{ decode_json($body) }, mode => 'replace',
            reason => 'again', dry_run => $dry });
        is_deeply([ map { my $l = $r->{json}{$_}; (map { scalar @{ $l->{$_} } }
            qw(added changed removed)), $l->{unchanged} } qw(rules dev_hosts
            teams) ], [ 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1 ],
            'what was exported is no difference') or diag($r->{body});
        is($r->{header}{etag}, $etag, 'nor another version');
    }
}

is(audited(), 6, 'and nothing to audit');

###############################################################################
# the difference

my $next = file(mode => 'replace', reason => 'the second set');

$next->{rules}[0]{priority} = 7;
$next->{rules}[1] = rule('brand new', id => 999999);
$next->{dev_hosts} = [ { hostname => 'lab-a' }, { hostname => 'lab-c' } ];
$next->{teams}[0]{team_assignment} = 'DC';

$r = import({ %$next, dry_run => JSON::XS::true });
is($r->{code}, 200, 'a look at another set') or diag($r->{body});
is_deeply($r->{json}{rules}{changed}, [ { index => 0, id => $ids[0],
    changes => { priority => { old => 100, new => 7 } } } ], 'what changes');
is_deeply([ map { [ @$_{qw(index id)}, $_->{rule}{match_string} ] }
    @{ $r->{json}{rules}{added} } ], [ [ 1, undef, 'brand new' ] ],
    'what is new');
is_deeply([ map { [ $_->{id}, $_->{rule}{match_string} ] }
    @{ $r->{json}{rules}{removed} } ], [ [ $ids[1], 'p<ow>er \\d+' ] ],
    'what goes');
is_deeply([ $r->{json}{rules}{unchanged}, $r->{json}{dev_hosts},
    $r->{json}{teams} ], [ 1,
    { added => [ { index => 1, hostname => 'lab-c' } ], changed => [],
        removed => [ { hostname => 'lab-b' } ], unchanged => 1 },
    { added => [], changed => [ { index => 0, hostname => 'core1',
        changes => { team_assignment => { old => 'NETO', new => 'DC' } } } ],
        removed => [], unchanged => 0 } ], 'and what of the rest');
is($r->{header}{etag}, $etag, 'of the version there is');
is(export()->{body}, $out->{body}, 'a look changes nothing');
is(audited(), 6, 'nor says that it did');

# somebody comes in between
is($t->http('POST', '/api/v2/dev-hosts', $json->encode({ hostname => 'lab-z' }),
    %admin)->{code}, 201, 'somebody else changes the set');
$r = import($next, 'If-Match' => $etag);
is($r->{code}, 412, 'then it is not the set that was looked at');
isnt($r->{header}{etag}, $etag, 'but another one, whose version is told');
is(audited(), 7, 'and nothing is changed');
$r = import($next, 'If-Match' => $r->{header}{etag});
is($r->{code}, 200, 'with that version it is taken') or diag($r->{body});
is_deeply([ map { [ @$_{qw(hostname)} ] } @{ $r->{json}{dev_hosts}{removed} } ],
    [ [ 'lab-b' ], [ 'lab-z' ] ], 'the difference is that of now');

my ($made) = map { $_->{id} } @{ $r->{json}{rules}{added} };

isnt($made, 999999, 'an id that is none is not kept');
is(audited(), 7 + 3 + 3 + 1, 'an audit row each');
is_deeply([ $t->sql('SELECT operation, old_values->>?, new_values->>?,'
    . ' new_values->>? FROM config_audit_log WHERE record_key = ?'
    . " AND reason = 'the second set'", 'priority', 'priority', 'match_string',
    $ids[0]) ], [ [ 'UPDATE', 100, 7, 'fan' ] ], 'with old and new values');
is_deeply([ $t->sql('SELECT operation, old_values->>?, new_values->>?'
    . " FROM config_audit_log WHERE record_key = 'core1' AND operation ="
    . " 'UPDATE'", 'team_assignment', 'team_assignment') ],
    [ [ 'UPDATE', 'NETO', 'DC' ] ], 'of teams too');
is($t->sql('SELECT count(*) FROM alert_rules WHERE deleted_at IS NOT NULL'), 1,
    'a rule that goes is kept as deleted');

# merge, and lists that are not sent
$r = import({ rules => [ rule('merged') ], reason => 'x' });
is_deeply([ $r->{json}{mode}, scalar @{ $r->{json}{rules}{removed} },
    $r->{json}{teams} ], [ 'merge', 0, undef ], 'a merge removes nothing');
$r = import({ rules => [], mode => 'replace', reason => 'x',
    dry_run => JSON::XS::true });
is(scalar @{ $r->{json}{rules}{removed} }, 4, 'a replace all that is not there');
is($r->{json}{dev_hosts}, undef, 'of what was sent');

###############################################################################
# mistakes

sub fields {
    my ($body, %headers) = @_;
    my $r = import($body, %headers);

    return ($r->{code}, $r->{json}{fields});
}

my $before = export()->{body};
my @rules = map { rule("rule $_") } 1 .. 20;

$rules[9]{prod_handling} = 'Shout';
$rules[9]{wrong} = 1;
$rules[12] = rule('((a+)+)+$', match_type => 'regex');
$rules[13] = 5;
$rules[15]{id} = 'x';
delete $rules[17]{team_assignment};
$rules[18]{reason} = 'mine';

my ($code, $fields) = fields({ rules => \@rules, reason => 'x', teams =>
    [ { hostname => 'a/b', team_assignment => 'x' } ] });

is($code, 400, 'a set with faults is refused');
is_deeply([ sort keys %$fields ], [ sort 'rules[9].prod_handling',
    'rules[9].wrong', (grep { /12/ } keys %$fields), 'rules[13]',
    'rules[15].id', 'rules[17].team_assignment', 'rules[18].reason',
    'teams[0].hostname' ], 'each by its place') or diag explain $fields;
is(export()->{body}, $before, 'as a whole');
is_deeply([ fields({ rules => [ map { rule("r $_", id => 0 + $ids[0]) } 1, 2 ],
    teams => [ map { { hostname => $_, team_assignment => 'x' } } 'n', 'N' ],
    reason => 'x' }) ], [ 400, { 'rules[1].id' => 'is that of rules[0] too',
    'teams[1].hostname' => 'is that of teams[0] too' } ], 'nothing twice');
is(export()->{body}, $before, 'else nothing at all');

for my $bad ([ 'reason', { rules => [] } ], [ 'rules', { reason => 'x' } ],
    [ 'mode', { rules => [], reason => 'x', mode => 'all' } ],
    [ 'dry_run', { rules => [], reason => 'x', dry_run => 1 } ],
    [ 'teams', { teams => {}, reason => 'x' } ],
    [ 'else', { rules => [], reason => 'x', else => 1 } ],
    [ 'rules', { rules => [ (rule('x')) x 10001 ], reason => 'x' } ])
{
    ($code, $fields) = fields($bad->[1]);
    is($code, 400, "a bad $bad->[0] is refused");
    ok($fields->{ $bad->[0] }, 'by its name') or diag explain $fields;
}

is_deeply([ import({ rules => [ map { {} } 1 .. 500 ], reason => 'x' })->{json}
    {faults} ], [ 1500 ], 'all faults are counted');
is(import($_)->{code}, 400, "$_ is refused") for '{"rules":',
    map { qq({"reason":"x","dry_run":true,"rules":$_}) } '[', '[{}', '[{},]',
    '[,]', '[{}}', '[{}{}]', '[nonsense]', '[{"x":tru}]', '[{"a":1,"a":1}]',
    '[["x"]', '{"x":nonsense}', 'nul';
is(import(qq({"rules":["\xff"]}))->{code}, 400, 'and what is no UTF-8');
is(import('{' . join(',', map { qq("a$_":1) } 1 .. 100) . '}')->{code}, 400,
    'and what is none');
is($t->http('POST', '/api/v2/rules/import', $json->encode({ rules => [],
    reason => 'x' }), 'X-API-KEY' => 'the-read-key')->{code}, 403,
    'who reads imports nothing');
is($t->http('POST', '/api/v2/rules/import', $json->encode({ rules => [],
    reason => 'x' . ' ' x (16 << 20) }), %admin)->{code}, 413,
    'there is an end to files');
is(import({ rules => [ rule('x' x 70000) ], reason => 'x' })->{code}, 413,
    'to one of their elements');
is(import({ rules => [], reason => 'x' x 70000 })->{code}, 413,
    'and to what is beside them');
is(import('{"rules":[{},{}],"x":01}')->{json}{offset},
    length('{"rules":[{},{}],"x":'), 'a fault is where it was sent');
is($t->http('GET', '/api/v2/rules/export', undef, 'X-API-KEY' =>
    'the-read-key')->{code}, 200, 'who reads exports');

###############################################################################
# all or nothing, whatever happens

$t->sql('CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN'
    . " RAISE EXCEPTION 'no'; END \$\$");
$t->sql('CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON config_audit_log'
    . ' DEFERRABLE INITIALLY DEFERRED FOR EACH ROW'
    . " WHEN (NEW.reason = 'doomed') EXECUTE FUNCTION refuse()");
is(import(file(rules => [ rule('doomed') ], mode => 'replace',
    reason => 'doomed'))->{code}, 500, 'an end that fails');
is(export()->{body}, $before, 'ends with nothing');
$t->sql('DROP TRIGGER refuse ON config_audit_log');

# the connection is lost when all was written and nothing committed
$t->sql('CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN'
    . ' PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$'
    . ' SECURITY DEFINER');
$t->sql('CREATE CONSTRAINT TRIGGER leave AFTER INSERT ON config_audit_log'
    . ' DEFERRABLE INITIALLY DEFERRED FOR EACH ROW'
    . " WHEN (NEW.reason = 'cut') EXECUTE FUNCTION leave()");
is($t->http('POST', '/api/v2/rules/import', $json->encode({ rules =>
    [ rule('cut') ], mode => 'replace', reason => 'cut' }), %admin)->{code},
    503, 'a connection that is lost');
is(export()->{body}, $before, 'leaves nothing');
$t->sql('DROP TRIGGER leave ON config_audit_log');

###############################################################################
# many, while events go on

my @many = map { rule("pattern $_ x", match_type => $_ % 100 ? 'contains'
    : 'regex', priority => $_ % 100) } 1 .. 10_000;
my $body = $json->encode({ rules => \@many, mode => 'replace',
    reason => 'many' });
my $host = "Host: localhost\r\nX-API-KEY: " . $t->key('admin') . "\r\n"
    . "Content-Type: application/json\r\nConnection: close\r\n";
my $socket = $t->http_raw("POST /api/v2/rules/import HTTP/1.1\r\n$host"
    . 'Content-Length: ' . length($body) . "\r\n\r\n$body");
my ($answer, $events) = ('', 0);

ok($t->wait_for(sub {
    $events += ($t->ingest("event $events")->{code} // 0) == 200;

    my $ready = '';

    vec($ready, fileno $socket, 1) = 1;
    return 0 if !select $ready, undef, undef, 0;

    my $n = sysread $socket, my $more, 1 << 20;

    $answer .= $more if $n;
    !$n;
}, 120), '10,000 rules are answered');
like($answer, qr{^HTTP/1\.1 200 }, 'and taken') or diag(substr $answer, 0, 500);
cmp_ok($events, '>', 0, 'while events were');
is($t->sql('SELECT count(*) FROM alert_rules WHERE deleted_at IS NULL'),
    10_000, 'they are there');
ok($t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 10_000 }, 60),
    'alerters have them, all at once');

# a rule that is changed again and again while somebody wants to
my $id = $t->sql('SELECT min(id) FROM alert_rules WHERE deleted_at IS NULL');

$t->sql('CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS'
    . ' $$ BEGIN RETURN NULL; END $$');
$t->sql('CREATE TRIGGER skip BEFORE UPDATE ON alert_rules FOR EACH ROW'
    . ' EXECUTE FUNCTION skip()');
$r = $t->http('PUT', "/api/v2/rules/$id", '{"priority":3}', %admin);
is($r->{code}, 503, 'a change that never gets through may come later');
ok($r->{header}{'retry-after'}, 'and when is told');

$t->done();
