# Which rule decides: a rule tried on a sample and on what was audited, and
# what became of one event, step by step.

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
    my ($method, $path, $body) = @_;

    return $t->http($method, "/api/v2/$path",
        ref $body ? encode_json($body) : $body,
        'X-API-KEY' => $t->key('admin'), 'Content-Type' => 'application/json');
}

sub test { return api('POST', 'rules/test', { @_ }) }

$t->wait_for(sub { api('GET', 'rules')->{code} == 200 }, 10, 'it is there');

my %id;

for my $rule ([ fan => 10, 'fan failure' ], [ any => 100, 'failure' ],
    [ severe => 5, 'fan', 2 ])
{
    my ($name, $priority, $text, $severity) = @$rule;
    my $r = api('POST', 'rules', { match_string => $text,
        priority => $priority, syslog_severity => $severity,
        prod_handling => 'Log_only', dev_handling => 'Log_only',
        team_assignment => 'NETO' });

    $id{$name} = $r->{json}{id};
}

$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 3 }, 10, 'rules are loaded');

###############################################################################
# a sample

my $r = test(event => { message => 'fan failure in slot 1' });

is($r->{code}, 200, 'an event is tried') or diag($r->{body});
is($r->{json}{winner}{id}, $id{fan}, 'the rule that decides is named');
is_deeply([ map { [ @$_{qw(id wins why)} ] } @{ $r->{json}{matches} } ],
    [ [ $id{fan}, JSON::XS::true, 'the first that matches' ],
    [ $id{any}, JSON::XS::false, 'priority 10 comes before 100' ] ],
    'and why the others do not');
is_deeply($r->{json}{not_matching},
    { 'the event has another severity, or none' => 1 },
    'and why the rest does not match');
is($r->{json}{candidate}, undef, 'no rule was on trial');

my %event = (event => { message => 'fan failure', syslog_severity => 2 });

is(test(%event)->{json}{winner}{id}, $id{severe}, 'a severity counts');

$r = test(%event, rule => { match_string => 'F.N', match_type => 'regex',
    priority => 1 });
is_deeply([ @{ $r->{json}{candidate} }{qw(matches wins)} ],
    [ JSON::XS::true, JSON::XS::true ], 'a rule that is not saved may win');
is($r->{json}{winner}{id}, undef, 'before all others');

$r = test(%event, rule => { match_string => 'fan', priority => 50 });
is_deeply([ @{ $r->{json}{candidate} }{qw(matches wins)} ],
    [ JSON::XS::true, JSON::XS::false ], 'or lose');
is((grep { $_->{candidate} } @{ $r->{json}{matches} })[0]{why},
    'priority 5 comes before 50', 'and hears why');

$r = test(%event, rule => { match_string => 'psu' });
is($r->{json}{candidate}{why}, 'the text is not in the message',
    'or not match');
is(test(rule_id => $id{any}, %event)->{json}{candidate}{matches},
    JSON::XS::true, 'a saved rule may be tried');

$r = test(rule_id => $id{severe}, rule => { match_string => 'psu' }, %event);
is($r->{json}{winner}{id}, $id{fan}, 'and one that is being changed');

###############################################################################
# what was audited

$t->ingest([ map { $t->event(message => "fan failure $_") } 1 .. 6 ]);
$t->ingest([ map { $t->event(message => "disk failure $_") } 1 .. 4 ]);
$t->wait_for(sub { $t->sql('SELECT count(*) FROM event_audit_log') == 10 }, 10,
    'events are audited');

$r = test(rule => { match_string => 'failure', priority => 50 });
is($r->{code}, 200, 'a rule is tried on them') or diag($r->{body});
is_deeply([ @{ $r->{json} }{qw(tested matches takes loses new gives_up)} ],
    [ 10, 10, 4, 6, 0, 0 ], 'what it takes, and what it does not get');
is_deeply({ map { $_->{id} => [ @$_{qw(takes loses)} ] }
    @{ $r->{json}{rivals} } }, { $id{fan} => [ 0, 6 ], $id{any} => [ 4, 0 ] },
    'from which rules');
is_deeply([ sort map { $_->{outcome} } @{ $r->{json}{samples} } ],
    [ ('loses') x 6, ('takes') x 4 ], 'with samples');
is(test(rule => { match_string => 'fan', priority => 1 }, recent => 4)
    ->{json}{tested}, 4, 'as many as are asked for');

$r = test(rule_id => 0 + $id{any}, rule => { match_string => 'disk failure 1' });
is_deeply([ @{ $r->{json} }{qw(keeps gives_up)} ], [ 1, 3 ],
    'a change may give up events');
$r = test(rule => { match_string => '^(([a-z])+.)+[A-Z]([a-z])+$',
    match_type => 'regex' });
is($r->{code}, 400, 'a hostile pattern is not tried');

for my $case ([ {}, 'rule' ], [ { rule => 5 }, 'rule' ],
    [ { rule => { match_string => '(', match_type => 'regex' } },
    'match_string' ], [ { event => {} }, 'event' ],
    [ { rule_id => 0 }, 'rule_id' ], [ { rule_id => 1, recent => 1001 },
    'recent' ], [ { other => 1 }, 'other' ])
{
    my ($body, $name) = @$case;

    $r = test(%$body);
    is($r->{code}, 400, 'a mistake is refused');
    ok($r->{json}{fields}{$name}, "$name is named") or diag($r->{body});
}

ok(test(rule_id => 999999)->{json}{fields}{rule_id},
    'an unknown rule is none');

###############################################################################
# what became of one

sub became { return api('GET', "events/$_[0]/explain") }

my $event = $t->ingest('fan failure <b>')->{json}{event_id};

$t->wait_for(sub { $t->sql('SELECT count(*) FROM event_audit_log') == 11 },
    10);
$r = became($event);
is($r->{code}, 200, 'an event is explained') or diag($r->{body});
is($r->{json}{state}, 'logged', 'what it came to');
is_deeply([ map { $_->{step} } @{ $r->{json}{steps} } ],
    [ qw(accepted decided) ], 'step by step');
is($r->{json}{steps}[1]{rule}{id}, $id{fan}, 'by which rule');
is($r->{json}{rules_now}{winner}{id}, $id{fan}, 'and by which it would be now');
is($r->{json}{event}{message}, 'fan failure <b>', 'and what it was');
unlike($r->{body}, qr/</, 'inert');

$t->stop('alerter');
$event = $t->ingest('waits')->{json}{event_id};
$r = became($event);
is($r->{json}{state}, 'queued', 'one that waits is found');
is($r->{json}{rules_now}{winner}, undef, 'no rule is for it');

my $letter = '{"_attempts":4,"_failed_at":"2026-01-02T03:04:05.000000Z",'
    . '"_failed_reason":"crashed","_replays":0,"_event_id":'
    . '"01930000-0000-7000-8000-000000000001","_correlation_id":"c1",'
    . '"_received_at":"2026-01-01T00:00:00.000000Z","_source":"1","hostname":'
    . '"r1","message":"x","timestamp":"2026-01-01T00:00:00Z"}';

$t->redis('lpush', 'mutt:dlq:alerter', $letter);
$t->redis('hincrby', 'mutt:ledger', 'accepted', 1);
$r = became('01930000-0000-7000-8000-000000000001');
is($r->{json}{state}, 'dead_letter', 'and a dead one');
is($r->{json}{steps}[-1]{failed_reason}, 'crashed', 'with its reason');
api('POST', 'dead-letters/alerter/discard', { all => JSON::XS::true,
    reason => 'of a test' });
$r = became('01930000-0000-7000-8000-000000000001');
is_deeply([ map { [ @$_{qw(step reason)} ] } @{ $r->{json}{steps} } ],
    [ [ 'discarded', 'of a test' ] ], 'or what an operator did with it');

is(became('01930000-0000-7000-8000-0000000000ff')->{json}{state}, 'unknown',
    'what is not known is unknown');
is(became('nothing')->{code}, 404, 'what is no id is nothing');

###############################################################################
# a process that is to end has tried all rules first

$t->sql('INSERT INTO alert_rules (match_string, match_type, prod_handling,'
    . " dev_handling, team_assignment) SELECT 'a' || n || '(b|c)+d{2,5}',"
    . " 'regex', 'Log_only', 'Log_only', 'NETO'"
    . ' FROM generate_series(1, 6000) AS n');

my $body = encode_json({ event => { message => 'a7bcdd' } });
my @waiting = map { $t->http_raw("POST /api/v2/rules/test HTTP/1.1\r\n"
    . "Host: x\r\nConnection: close\r\nX-API-KEY: " . $t->key('admin') . "\r\n"
    . 'Content-Length: ' . length($body) . "\r\n\r\n$body") } 1 .. 4;

ok($t->reload(), 'nginx is reloaded while rules are tried');
is(join(' ', map { Mutt::Http::read_response($_, 60)->{code} } @waiting),
    '200 200 200 200', 'and all are');

$t->done();
