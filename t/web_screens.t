# The dashboard in a browser, screen by screen: accessible in both themes, fit
# for a phone, and of no effect for content that is hostile.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Browser;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));
my $json = JSON::XS->new->utf8->canonical;
my $bad = '<script>globalThis.struck=1</script><img src=x'
    . " onerror=globalThis.struck=1>\x{202e}";

my $attempts = join ',', map { $json->encode({ attempt => $_, seconds => 0.5,
    at => '2026-01-01T00:00:00.000000Z', outcome => 'retry', status => undef,
    reason => 'timeout' }) } 1, 2;

sub change {
    my ($path, $body) = @_;

    my $r = $t->http('POST', "/api/v2/$path", $json->encode($body),
        'X-API-KEY' => $t->key('admin'), 'Content-Type' => 'application/json');

    is($r->{code}, 201, "$path takes it") or diag($r->{body});
}

$t->run();
$t->rule(match_string => 'link down', prod_handling => 'Ticket_only');
$t->wait_for(sub { $t->http('GET', '/health')->{json}{status} eq 'healthy' },
    30, 'the server is healthy');

Mutt::Browser->new($t, 'screens')->can_do(
    'see them through' => sub {
        $t->wait_for(sub { $t->sql('SELECT count(*) FROM event_audit_log') >= 8
            }, 60, 'the events are audited');
        $t->redis('hset', 'mutt:attempts', $_, $attempts)
            for split ' ', $t->sql("SELECT string_agg(event_id::text, ' ')"
                . ' FROM event_audit_log');
    },
    'bury hostile letters' => sub {
        for my $list (qw(mutt:dlq:moog mutt:dlq:dead)) {
            $t->redis('lpush', $list, $json->encode({
                _attempts => 1, _replays => 0, _failed_reason => $bad,
                _failed_at => '2026-01-01T00:00:00.000000Z',
                _event_id => '01930000-0000-7000-8000-000000000001',
                _received_at => '2026-01-01T00:00:00.000000Z',
                _correlation_id => 'c1', _source => '1', rule_id => 1,
                hostname => $bad, message_body => $bad, severity => $bad,
                team_assignment => $bad, handling => 'Page_only',
                raw_json => { $bad => $bad } }));
        }
        $t->redis('lpush', 'mutt:dlq:dead', "\xff\x00 $bad not JSON at all"
            =~ s/\x{202e}//r);
    },
    'change hostile things' => sub {
        change('rules', { match_string => $bad, prod_handling => 'Log_only',
            dev_handling => 'Ignore', team_assignment => 'x' . $bad,
            reason => $bad, priority => 900 });
        change('dev-hosts', { hostname => '<b>lab',
            reason => $bad });
        change('keys', { name => 'limited', scopes => [ 'ingest' ],
            rate_limit => 1_000_000_000 });
        change('teams', { hostname => '<img src=x>', team_assignment => $bad });
    },
)->run();

$t->done();
