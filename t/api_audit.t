# The lists of events and of changes: filters, pages and cursors, CONTRACT 3.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use POSIX qw(strftime);
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx));

$t->run();

sub api {
    my ($path, %headers) = @_;

    return $t->http('GET', "/api/v2/$path", undef,
        'X-API-KEY' => $t->key('admin'), %headers);
}

# All pages of a list by its cursor: the ids, and how many pages it took.
sub walk {
    my ($path, $name) = @_;
    my ($cursor, @ids, $pages) = ('');

    do {
        my $r = api($path . ($cursor && "&cursor=$cursor"));

        push @ids, map { $_->{id} } @{ $r->{json}{$name} };
        $cursor = $r->{json}{next_cursor};
        $pages++;
    } while (defined $cursor && $pages < 100);

    return ($pages, @ids);
}

$t->wait_for(sub { api('audit')->{code} == 200 }, 10, 'it is there');

###############################################################################
# events

$t->sql("SELECT create_audit_partition('2026-01-15')");
$t->sql("SELECT create_audit_partition('2026-02-15')");
$t->sql(<<'EOS');
INSERT INTO event_audit_log (event_id, received_at, event_timestamp, hostname,
    matched_rule_id, handling_decision, forwarded_to_moog, raw_message)
SELECT gen_random_uuid(), at, at, 'r' || n % 3, n % 5, 'Log_only', n % 2 = 0,
    '{"message":"<script>' || n || '"}'
FROM (SELECT n, timestamptz '2026-01-31T23:00:00Z'
    + (n / 2) * interval '1 minute' AS at FROM generate_series(1, 250) AS n)
    AS x
EOS

my $r = api('audit-logs?limit=2');
my $log = $r->{json}{logs}[0];

is_deeply([ sort keys %$log ], [ sort qw(id event_id received_at
    event_timestamp hostname matched_rule_id handling_decision
    forwarded_to_moog raw_message) ], 'an event has its fields');
is($log->{event_timestamp}, '2026-02-01T01:05:00.000000Z',
    'the newest is the first');
is($log->{forwarded_to_moog}, JSON::XS::true, 'values have their types');
is($log->{raw_message}, '{"message":"<script>250"}', 'the text is as it came');
unlike($r->{body}, qr/</, 'and inert in a page');
is_deeply($r->{json}{pagination}, { page => 1, limit => 2, total => 250,
    pages => 125, total_capped => JSON::XS::false }, 'pages are counted');

my @all = map { $_->[0] } $t->sql('SELECT id FROM event_audit_log'
    . ' ORDER BY event_timestamp DESC, id DESC');
my ($pages, @ids) = walk('audit-logs?limit=30', 'logs');

is($pages, 9, 'a cursor leads through all pages');
is_deeply(\@ids, \@all, 'to each event once, also where times are equal');
is_deeply([ map { my $p = $_; map { $_->{id} }
    @{ api("audit-logs?limit=100&page=$p")->{json}{logs} } } 1 .. 4 ], \@all,
    'so do pages');
is(api('audit-logs?limit=50&page=5')->{json}{next_cursor}, undef,
    'the end has no cursor');

for my $case ([ 'hostname=r1', "hostname = 'r1'" ],
    [ 'hostname=R1', 'false' ],
    [ 'rule_id=3', 'matched_rule_id = 3' ],
    [ 'start_date=2026-02-01', "event_timestamp >= '2026-02-01T00:00:00Z'" ],
    [ 'end_date=2026-01-31', "event_timestamp < '2026-02-01T00:00:00Z'" ],
    [ 'start_date=2026-01-31T23:10:00Z&end_date=2026-02-01T00:20:00%2B01:00',
        "event_timestamp BETWEEN '2026-01-31T23:10Z' AND '2026-01-31T23:20Z'"
    ],
    [ 'hostname=r2&rule_id=1', "hostname = 'r2' AND matched_rule_id = 1" ])
{
    my ($query, $where) = @$case;
    my @wanted = map { $_->[0] } $t->sql('SELECT id FROM event_audit_log'
        . " WHERE $where ORDER BY event_timestamp DESC, id DESC");

    is_deeply([ (walk("audit-logs?limit=200&$query", 'logs'))[1 .. 250] ],
        [ @wanted[0 .. 249] ], "filter: $query");
    is(api("audit-logs?$query")->{json}{pagination}{total}, scalar @wanted,
        'which is counted');
}

for my $bad ('rule_id=x', 'rule_id=-1', 'start_date=yesterday',
    'end_date=2026-13-01', 'limit=201', 'limit=NaN', 'page=9999999999999',
    'cursor=x', 'cursor=1', 'cursor=1.', 'cursor=1.1.1', 'hostname=%ff',
    "cursor=1.1;drop", 'start_date=')
{
    my ($name) = $bad =~ /^(\w+)/;
    my $r = api("audit-logs?$bad");

    is($r->{code}, 400, "$bad is refused");
    is($r->{json}{code}, 'invalid_parameter', 'as a parameter');
    ok($r->{json}{fields}{$name}, 'by its name');
}

# What has no index of its own is looked for in so many rows at a time, and a
# cursor goes on behind them: one of 3,000 rows has the text, one the rule.
$t->sql("SELECT create_audit_partition('2026-03-15')");
$t->sql(<<'EOS');
INSERT INTO event_audit_log (event_id, received_at, event_timestamp, hostname,
    matched_rule_id, handling_decision, forwarded_to_moog, raw_message)
SELECT gen_random_uuid(), at, at, 'flood', CASE n % 3000 WHEN 7 THEN 71
    ELSE 70 END, CASE n WHEN 5 THEN 'Ignore' ELSE 'Page_only' END, true,
    CASE n % 3000 WHEN 8 THEN 'A Rare <one>' ELSE 'many' END
FROM (SELECT n, timestamptz '2026-03-01T00:00:00Z' + (n / 2)
    * interval '1 second' AS at FROM generate_series(1, 24000) AS n) AS x
EOS

sub rows {
    my ($where) = @_;

    return map { $_->[0] } $t->sql('SELECT id FROM event_audit_log'
        . " WHERE $where ORDER BY event_timestamp DESC, id DESC");
}

for my $case ([ 'text=a%20rare', "raw_message LIKE 'A Rare%'", 1 ],
    [ 'text=a%20rare&limit=1', "raw_message LIKE 'A Rare%'", 1 ],
    [ 'text=nowhere', 'false', 1 ],
    [ 'text=a%20rare&hostname=flood', "raw_message LIKE 'A Rare%'", 1 ],
    [ 'text=a%20rare&start_date=2026-03-01T02:00:00Z',
        "raw_message LIKE 'A Rare%' AND event_timestamp >="
        . " '2026-03-01T02:00:00Z'", 1 ],
    [ 'hostname=flood&rule_id=71', 'matched_rule_id = 71', 1 ],
    [ 'hostname=flood&handling_decision=Ignore',
        "handling_decision = 'Ignore'", 1 ],
    [ 'rule_id=70&handling_decision=Ignore', "handling_decision = 'Ignore'",
        1 ],
    [ 'hostname=r1&rule_id=71', 'false', 0 ],
    [ 'rule_id=71', 'matched_rule_id = 71', 0 ],
    [ 'handling_decision=Ignore', "handling_decision = 'Ignore'", 0 ])
{
    my ($query, $where, $more) = @$case;
    my $first = api("audit-logs?$query")->{json};
    my ($pages, @ids) = walk("audit-logs?$query", 'logs');

    is_deeply(\@ids, [ rows($where) ], "each once by cursor: $query");
    is($first->{pagination}{total_capped}, $more ? JSON::XS::true
        : JSON::XS::false, 'and it is said whether there may be more');
    cmp_ok($pages, $more ? '>' : '==', 1, 'where a look does not reach');
}

my $cursor = api('audit-logs?limit=1')->{json}{next_cursor};

is_deeply([ map { $_->{id} } @{ api('audit-logs?limit=5&end_date='
    . "2026-01-31T23:30:00Z&cursor=$cursor")->{json}{logs} } ],
    [ (rows("event_timestamp <= '2026-01-31T23:30:00Z'"))[0 .. 4] ],
    'a cursor is no way past a filter');

my ($event) = @{ api('audit-logs?rule_id=71&limit=1')->{json}{logs} };

is_deeply([ map { $_->{id} } @{ api("audit-logs?event_id=$event->{event_id}")
    ->{json}{logs} } ], [ $event->{id} ], 'an event is found by its id');
is_deeply(api("audit-logs?event_id=$event->{event_id}&rule_id=70")
    ->{json}{logs}, [], 'if the other filters fit');

###############################################################################
# changes

$t->sql(<<'EOS');
INSERT INTO config_audit_log (changed_by, operation, table_name, record_id,
    record_key, old_values, new_values, reason, correlation_id)
SELECT CASE WHEN n % 2 = 0 THEN 'Alice_%' ELSE 'bob' END,
    (ARRAY['CREATE', 'UPDATE', 'DELETE'])[n % 3 + 1],
    CASE WHEN n % 4 = 0 THEN 'alert_rules' ELSE 'device_teams' END,
    CASE WHEN n % 4 = 0 THEN n END, 'k' || n,
    (ARRAY['null', '1', '"<b>"', '[1,{"a":null}]', '{"x":1.5}', 'true'])
    [n % 6 + 1]::jsonb, NULL, '<i>', 'c' FROM generate_series(1, 60) AS n
EOS

for my $list ([ 'audit', 'logs' ], [ 'config-audit', 'changes' ]) {
    my ($path, $name) = @$list;
    my $r = api("$path?limit=6");

    is($r->{code}, 200, "$path lists values of every type");
    is_deeply([ sort keys %{ $r->{json}{$name}[0] } ], [ sort qw(id changed_at
        changed_by operation table_name record_id record_key old_values
        new_values reason correlation_id) ], 'with their fields');
    unlike($r->{body}, qr/</, 'inert in a page');
    is($r->{json}{pagination}{total}, 60, 'and counted');
    ($pages, @ids) = walk("$path?limit=25", $name);
    is_deeply(\@ids, [ reverse map { $_->[0] } $t->sql(
        'SELECT id FROM config_audit_log ORDER BY id') ],
        'a cursor leads to each');
}

for my $case ([ 'changed_by=ALICE', 30 ], [ 'changed_by=_%25', 30 ],
    [ 'changed_by=%25b', 0 ], [ 'operation=update', 20 ],
    [ 'table_name=alert_rules', 15 ], [ 'record_id=8', 1 ],
    [ 'record_key=k9', 1 ], [ 'start_date=2100-01-01', 0 ],
    [ 'end_date=2100-01-01', 60 ], [ 'changed_by=bob&operation=CREATE', 10 ])
{
    is(api("audit?$case->[0]")->{json}{pagination}{total}, $case->[1],
        "filter: $case->[0]");
}

for my $bad ('operation=TRUNCATE', 'record_id=x', 'start_date=0') {
    is(api("config-audit?$bad")->{code}, 400, "$bad is refused");
}

###############################################################################
# rates and objectives

my $now = time();

sub counter {
    my ($fmt, $at, $n) = @_;

    $t->redis('set', 'mutt:metrics:' . strftime($fmt, gmtime $at), $n);
}

# not at the turn of a minute
$t->wait_for(sub { time() % 60 < 50 }, 15);
$now = time();
counter('1m:%Y-%m-%dT%H:%M', $now, 1000);
counter('1m:%Y-%m-%dT%H:%M', $now - 60, 30);
counter('1m:%Y-%m-%dT%H:%M', $now - 14 * 60, 15);
counter('1m:%Y-%m-%dT%H:%M', $now - 60 * 60, 60);
counter('1h:%Y-%m-%dT%H', $now, 90);
counter('1h:%Y-%m-%dT%H', $now - 23 * 3600, 6);
counter('1h:%Y-%m-%dT%H', $now - 24 * 3600, 7777);

$r = api('metrics');
is_deeply($r->{json}{summary}, { current_rate_1m => 30, avg_rate_15m => 3,
    avg_rate_1h => 1.75 }, 'rates are of complete minutes');
like($r->{body}, qr/"current_rate_1m":30\.00,/, 'with two decimals');
is(scalar @{ $r->{json}{chart_24h}{labels} }, 24, 'the chart has a day');
is($r->{json}{chart_24h}{labels}[-1], strftime('%H:00', gmtime $now),
    'which ends now');
is_deeply($r->{json}{chart_24h}{data}, [ 0.1, (0) x 22, 1.5 ],
    'and where nothing came it is zero');

$r = api('slo');
is($r->{code}, 200, 'objectives are shown');
is(scalar @{ $r->{json}{slos} }, 6, 'all six');
is_deeply([ grep { $_->{state} ne 'unknown' || defined $_->{actual_value} }
    @{ $r->{json}{slos} }, values %{ $r->{json}{components} } ], [],
    'as not known');

for my $case ([ 10, JSON::XS::false, 'the last evaluation is shown' ],
    [ 89, JSON::XS::false, 'also when it is late' ],
    [ 100, JSON::XS::true, 'and when it is an old one that is said' ])
{
    my ($age, $stale, $title) = @$case;

    $t->redis('set', 'mutt:slo:latest', '{"window_hours":24,"evaluated_at":"'
        . strftime('%Y-%m-%dT%H:%M:%S.000000Z', gmtime time() - $age)
        . '","stale":false,"components":{"x":1},"slos":[]}');
    $r = api('slo');
    is($r->{json}{stale}, $stale, $title);
    is_deeply($r->{json}{components}, { x => 1 }, 'with what it found');
}

$t->stop('redis');
ok($t->wait_for(sub { $r = api('slo'); $r->{code} == 200
    && $r->{json}{components}{ingestor}
    && $r->{json}{components}{ingestor}{state} eq 'unknown' }, 10),
    'without Redis they are not known');
ok($t->wait_for(sub { api('metrics')->{code} == 503 }, 15),
    'and no rates, when those that were reused are too old');

$t->done();
