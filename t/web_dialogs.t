# The dashboard's dialogs in a browser, in both themes; objectives that are not
# met, with how they came to that.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Browser;
use Mutt::Test;
use POSIX qw(strftime);
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx));
my $json = JSON::XS->new->utf8->canonical;

sub api {
    my ($method, $path, $body) = @_;

    return $t->http($method, "/api/v2/$path", $body && $json->encode($body),
        'X-API-KEY' => $t->key('admin'), 'Content-Type' => 'application/json');
}

$t->run();
$t->wait_for(sub { $t->http('GET', '/health')->{json}{status} eq 'healthy' },
    30, 'the server is healthy');
$t->linked();

###############################################################################
# objectives: ingest has used its budget up, the forwarder half of it

my $slo = api('GET', 'slo')->{json};
my %of = (
    ingestor => { availability => 0.9, error_budget_remaining => -1.5,
        burn_rate => 20, state => 'critical',
        burn_rates => { '5m' => 30, '1h' => 20, '6h' => 8, '24h' => 2.5 } },
    forwarder => { availability => 0.9951, error_budget_remaining => 0.41,
        burn_rate => 2, state => 'warn',
        burn_rates => { '5m' => 0.5, '1h' => 2, '6h' => 1.5, '24h' => 0.59 } });

$slo->{evaluated_at} = strftime('%Y-%m-%dT%H:%M:%S.000000Z', gmtime);
$slo->{stale} = JSON::XS::false;

for my $name (sort keys %of) {
    my $component = $slo->{components}{$name};
    my ($objective) = grep { $_->{slo_name} eq "${name}_availability" }
        @{ $slo->{slos} };

    ok($component && $objective, "there is an objective of the $name");
    %$component = (%$component, %{ $of{$name} });
    $objective->{actual_value} = $of{$name}{availability};
    $objective->{$_} = $of{$name}{$_}
        for qw(error_budget_remaining burn_rate state);
}

$t->redis('set', 'mutt:slo:latest', $json->encode($slo));

# Two hours of points, from nothing lost to ten times what may be.
for my $n (0 .. 24) {
    my $at = time() - 300 * (24 - $n);
    my $actual = 1 - 0.1 * $n / 24;

    $t->redis('zadd', 'mutt:slo:5m', $at, "$at $actual 0.995 0.2 1 0.9951 0.99"
        . ' nan 5 1 0.999 nan 0.99');
}

###############################################################################
# what the dialogs are about

$t->rule(match_string => 'link down', prod_handling => 'Ticket_only');
is(api('POST', 'dev-hosts', { hostname => 'lab-1' })->{code}, 201, 'a host');
is(api('PUT', 'rules/1', { priority => 7, reason => 'sooner' })->{code}, 200,
    'a change of a rule');

# and of what was long before all that a page has
$t->sql('INSERT INTO config_audit_log (changed_at, changed_by, operation,'
    . " table_name, record_key, reason) SELECT now() - interval '1 year'"
    . " - i * interval '1 minute', 'somebody', 'UPDATE', 'dynamic_config',"
    . " 'key ' || i, 'of old' FROM generate_series(1, 900) AS i");

my $old = $t->sql('SELECT json_build_object(?::text, id, ?::text, changed_at)'
    . " FROM config_audit_log WHERE record_key = 'key 850'", 'id', 'at');

$t->sql('SELECT create_audit_partition(now())');
$t->sql('INSERT INTO event_audit_log (event_id, received_at, event_timestamp,'
    . ' hostname, matched_rule_id, handling_decision, forwarded_to_moog,'
    . " raw_message) VALUES (gen_random_uuid(), now(), now(), 'edge-r7', 1,"
    . " 'Ticket_only', true, '{\"hostname\":\"edge-r7\",\"message\":\"link"
    . " down\",\"trap_oid\":\"1.3.6.1.4\"}')");
$t->redis('lpush', 'mutt:dlq:moog', $json->encode({ _attempts => 5,
    _replays => 0, _failed_reason => 'http_500', hostname => 'edge-r7',
    _failed_at => '2026-01-01T00:00:00.000000Z', _correlation_id => 'c1',
    _event_id => '01930000-0000-7000-8000-000000000001', _source => '1',
    _received_at => '2026-01-01T00:00:00.000000Z', rule_id => 1,
    message_body => 'link down', severity => 'Major', team_assignment => 'x',
    handling => 'Page_only', raw_json => {} }));

Mutt::Browser->new($t, 'dialogs')->can_do('end sessions' => sub {
    $t->redis('del', $t->redis('keys', 'mutt:session:*'));
})->run($old);

$t->done();
