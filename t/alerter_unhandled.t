# Unmatched events are counted by host and kind of message.  At the threshold
# one meta-alert is raised, then there is quiet until the window ends.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter))->plan(29);

$t->env(UNHANDLED_THRESHOLD => 5, UNHANDLED_EXPIRY_SECONDS => 3600,
    UNHANDLED_DEFAULT_TEAM => 'Nobody');
$t->run();
$t->sql("INSERT INTO device_teams VALUES ('Core-R1', 'Backbone')");
$t->sql("INSERT INTO development_hosts VALUES ('lab1')");
$t->rule(match_string => 'known', prod_handling => 'Log_only');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_teams_count} // 0) == 1 }, 10);

my $sent = 0;

# sends events and waits until they are settled
sub events {
    my ($host, @messages) = @_;

    $t->ingest([ map { $t->event(hostname => $host, message => $_) }
        @messages ]);
    $sent += @messages;
    $t->wait_for(sub { $t->ledger()->{unhandled} == $sent }, 10)
        or diag('not settled');
}

sub alerts {
    return map { decode_json($_) } reverse $t->redis('lrange',
        'mutt:alert_queue', 0, -1);
}

sub live {
    my ($key, $value) = @_;
    my $before = $t->metrics('alerter')->{mutt_config_generation} // 0;

    $t->setting($key, $value);
    $t->wait_for(sub { ($t->metrics('alerter')->{mutt_config_generation}
        // 0) > $before }, 10);
}

###############################################################################

events('core-r1', map { "Port $_ on 10.0.0.$_ flaps" } 1 .. 4);
is(scalar alerts(), 0, 'below the threshold nothing is raised');

my ($key) = grep { !/triggered/ } $t->redis('keys', 'mutt:unhandled:*');

like($key, qr/^mutt:unhandled:core-r1:[0-9a-f]{16}$/,
    'numbers and addresses make no kinds of their own');
is($t->redis('get', $key), 4, 'they are counted together');
ok($t->redis('ttl', $key) > 3500, 'within their window');

events('CORE-R1', 'Port 5 on 10.0.0.5 flaps');

my ($meta) = alerts();

is(scalar alerts(), 1, 'the threshold raises one');
is($meta->{hostname}, 'MUTT_Alerter', 'from MUTT itself');
is($meta->{severity}, 'Warning', 'as a warning');
is($meta->{team_assignment}, 'Backbone', 'for the team of the host');
is($meta->{rule_id}, undef, 'of no rule');
is($meta->{message_body}, "[MUTT] Detected 5 unhandled messages in 3600s from "
    . "'CORE-R1'. Sample message: Port 5 on 10.0.0.5 flaps",
    'telling how many, from where and an example');
like($meta->{_event_id}, qr/^[0-9a-f]{8}-[0-9a-f]{4}-7/, 'with its own id');
is($meta->{_attempts}, 0, 'and an envelope like any alert');
is($t->metrics('alerter')->{mutt_alerter_unhandled_meta_alerts_total}, 1,
    'and counted');

events('core-r1', map { "Port $_ on 10.0.0.$_ flaps" } 6 .. 30);
is(scalar alerts(), 1, 'then there is quiet');

events('lab1', map { "something odd $_" } 1 .. 6);
is((alerts())[1]{team_assignment}, 'Nobody',
    'hosts without a team go to the default one');
like((alerts())[1]{message_body}, qr/Detected 6 .* from 'lab1'/,
    'development hosts count too, and a batch at once');

###############################################################################
# a threshold that is lowered below the count

events('r9', ("late one") x 4);
is(scalar alerts(), 2, 'four are below five');
live(unhandled_threshold => 3);
events('r9', 'late one');
is(scalar alerts(), 3, 'five are above three');

# the window ends
$t->redis('del', $t->redis('keys', 'mutt:unhandled:*'));
events('r9', ('late one') x 2);
is(scalar alerts(), 3, 'a new window counts anew');
events('r9', 'late one');
is(scalar alerts(), 4, 'up to the threshold');

is($t->sql('SELECT count(*) FROM event_audit_log'), 0,
    'unmatched events have no audit row');

###############################################################################
# unless they shall

live(audit_unhandled => 'true');
events('r8', 'one to audit');

my ($row) = $t->sql('SELECT matched_rule_id, handling_decision,
    forwarded_to_moog, hostname FROM event_audit_log');

is_deeply($row, [ undef, 'Unhandled', 0, 'r8' ], 'with audit_unhandled');

# a row that PostgreSQL refuses is not counted with its kind
$t->stop('alerter');
$t->ingest([ map { $t->event(hostname => 'r7', message => "odd $_") } 1 .. 3 ]);

my $bad = $t->redis('lindex', 'mutt:ingest_queue', 1);

$bad =~ s/"hostname":"r7"/"hostname":"r7\\u0000"/;
$t->redis('lset', 'mutt:ingest_queue', 1, $bad);
$t->start('alerter');
ok($t->wait_for(sub { $t->ledger()->{unhandled} == $sent + 2 }, 10),
    'two of three are unhandled');
is($t->ledger()->{dead}, 1, 'the third is dead');
is($t->redis('get', grep { /:r7:/ && !/triggered/ }
    $t->redis('keys', 'mutt:unhandled:*')), 2, 'and not counted');

my $ledger = $t->ledger();

is($ledger->{meta_created}, 4, 'meta-alerts are units of their own');
is($ledger->{alert_queue}, 4, 'all in the queue');
is($ledger->{difference}, 0, 'and the ledger balances');
is($t->metrics('alerter')
    ->{'mutt_alerter_events_processed_total{status="unhandled"}'}, 2,
    'metrics count the unhandled of this process');
