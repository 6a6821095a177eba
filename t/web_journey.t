# The dashboard in a browser, on the real thing: what an operator does in a
# night, and what is then true of rules, queues, settings and the audit.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Browser;
use Mutt::Http;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx sink alerter forwarder));

$t->env(MOOG_RETRY_BASE_DELAY => 0.05);

my $json = JSON::XS->new->utf8->canonical;

sub sink_answers {
    Mutt::Http::request($t->port('sink'), 'POST', "/control?status=$_[0]"
        . (defined $_[1] ? "&times=$_[1]" : ''), '');
}

sub audited {
    my ($text) = @_;

    $t->wait_for(sub { $t->sql('SELECT count(*) FROM event_audit_log'
        . " WHERE raw_message LIKE '%$text%'") > 0 }, 30, "audited: $text");
}

$t->run();
$t->wait_for(sub { $t->http('GET', '/health')->{json}{status} eq 'healthy' },
    30, 'the server is healthy');

Mutt::Browser->new($t, 'journey')->can_do(
    'know the rule' => sub {
        $t->wait_for(sub { $t->log_of('alerter') =~ /using 1 rules/ }, 30,
            'the alerter has the rule');
    },
    'fail once' => sub {
        $t->wait_for(sub { $t->sink_stats()->{distinct} == 1 }, 30,
            'the first alert is delivered');
        sink_answers(500, 1);
    },
    'see it tried twice' => sub {
        $t->wait_for(sub { join('', $t->redis('hvals', 'mutt:attempts'))
            =~ /"delivered"/ }, 30, 'the second is, at its second attempt');
        audited('a second flux');
    },
    'refuse alerts' => sub { sink_answers(400) },
    'take alerts' => sub { sink_answers(200) },
    'have a dead letter' => sub {
        $t->wait_for(sub { $t->redis('llen', 'mutt:dlq:moog') == 1 }, 30,
            'the refused alert is dead');
        $t->wait_for(sub { $t->redis('hlen', 'mutt:attempts') == 2 }, 30,
            'and its attempt is noted');
    },
    'bury five letters' => sub {
        for my $n (1 .. 5) {
            $t->redis('lpush', 'mutt:dlq:moog', $json->encode({
                _attempts => 5, _replays => 0, _failed_reason => 'http 500',
                _failed_at => '2026-01-01T00:00:00.000000Z',
                _event_id => "01930000-0000-7000-8000-00000000000$n",
                _received_at => '2026-01-01T00:00:00.000000Z',
                _correlation_id => "c$n", _source => '1', rule_id => 1,
                hostname => $n < 3 ? 'buried-a' : $n < 5 ? 'buried-b'
                    : 'buried-c', message_body => "buried $n",
                severity => 'Major', team_assignment => 'Doc',
                handling => 'Page_only', raw_json => {} }));
        }
        $t->redis('hincrby', 'mutt:ledger', 'accepted', 5);
    },
    'change a rule meanwhile' => sub {
        is($t->http('PUT', '/api/v2/rules/1', '{"dev_handling":"Ignore",'
            . '"reason":"meanwhile"}', 'X-API-KEY' => $t->key('admin'),
            'Content-Type' => 'application/json')->{code}, 200,
            'somebody else changes the rule');
    },
    'see it delivered' => sub {
        $t->wait_for(sub { $t->sink_stats()->{distinct} == 3 }, 30,
            'the replayed alert is delivered');
        audited('flux capacitor, refused');
    },
)->run();

is($t->ledger()->{difference}, 0, 'nothing is missing');
is($t->sql("SELECT count(*) FROM alert_rules WHERE match_string"
    . " = 'flux capacitor'"), 1, 'the rule is in the database');

$t->done();
