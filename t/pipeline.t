# The whole path on real parts: a POST is answered 2xx, its alert reaches the
# webhook, its audit row PostgreSQL, and the ledger balances.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()
    ->has(qw(redis postgres nginx sink alerter forwarder))->plan(24);

$t->run();

# the alert that the webhook took last
sub newest {
    return JSON::XS->new->decode($t->sink_stats()->{last}[-1]);
}

my $rule = $t->rule(match_string => 'link down', priority => 10);
$t->rule(match_string => 'noted', prod_handling => 'Log_only');
$t->rule(match_string => 'hush', prod_handling => 'Suppress');
my $trap = $t->rule(trap_oid => '1.3.6.1.4', match_type => 'oid_prefix',
    prod_handling => 'Page_only');
$t->sql("INSERT INTO device_teams VALUES ('r1', 'Backbone')");
$t->sql("INSERT INTO development_hosts VALUES ('lab1')");
$t->redis('publish', 'mutt:config:updates', 'rules');

###############################################################################

$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 4 }, 10,
    'the rules are in use');

my $text = "Link DOWN \"a\\b\" \x{e9}\n2";
my $r = $t->ingest({ message => $text, syslog_severity => 'err',
    timestamp => '2026-11-20T10:00:00.5Z' });

is($r->{code}, 200, 'an event is accepted');
is($r->{json}{status}, 'queued', 'and queued');

ok($t->wait_for(sub { $t->sink_stats()->{count} == 1 }, 5),
    'its alert is at the webhook');

my $alert = newest();

is($alert->{source_id}, 'r1', 'with its host');
is($alert->{severity}, 4, 'with its severity');
is($alert->{class}, 'NETO', 'with the team of the rule');
is($alert->{description}, $text, 'with its message intact');
is($alert->{agent_time}, 1795168800, 'with its own time');
is($alert->{external_id}, $r->{json}{event_id}, 'with its id');
is($alert->{custom_info}{rule_id}, $rule, 'with the rule that raised it');

my ($row) = $t->sql('SELECT event_id, hostname, matched_rule_id,
    handling_decision, forwarded_to_moog FROM event_audit_log');

is_deeply($row, [ $r->{json}{event_id}, 'r1', $rule, 'Page_and_ticket', 1 ],
    'its audit row is there');

is($t->ingest([ map { $t->event(message => "noted $_") } 1 .. 99 ])
    ->{json}{accepted}, 99, 'a batch is accepted');
$t->ingest('hush now');
$t->ingest('nobody knows this');
$t->ingest({ hostname => 'LAB1', message => 'link down here' });
$t->ingest({ message => 'a trap', trap_oid => '.1.3.6.1.4.9' });

$t->wait_for(sub { $t->ledger()->{logged} == 100 }, 10,
    'events that only log are logged');
$t->wait_for(sub { $t->sink_stats()->{count} == 2 }, 10,
    'a trap matches by its OID');
is(newest()->{custom_info}{rule_id}, $trap,
    'with the rule of the OID');

my $ledger = $t->ledger();

is($ledger->{accepted}, 104, 'all are counted');
is($ledger->{suppressed}, 1, 'one was suppressed');
is($ledger->{unhandled}, 1, 'one is unhandled');
is($ledger->{delivered}, 2, 'two were delivered');
is($ledger->{difference}, 0, 'the ledger balances');
is($t->sql('SELECT count(*) FROM event_audit_log'), 103,
    'every matched event has a row');
is($t->sql("SELECT handling_decision FROM event_audit_log
    WHERE hostname = 'LAB1'"), 'Log_only', 'a development host is one');
is($t->health('nginx')->{json}{database}, 'connected',
    '/health knows the database');
