# Dead letters over the API: what lies in the queues, page by page, and what
# an operator sends back or away: audited, and exact in the ledger.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use POSIX qw(strftime);
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx));

$t->proxy('redis');
$t->env(ALERTER_QUEUE_WARN_THRESHOLD => 50);
$t->run();

my $json = JSON::XS->new->utf8->canonical;
my $id = 0;

sub length_of { return $t->redis('llen', "mutt:$_[0]") }
sub balances { return is($t->ledger()->{difference}, 0, $_[0]) }

sub api {
    my ($method, $path, $body) = @_;

    return $t->http($method, "/api/v2/dead-letters$path",
        defined $body ? $json->encode($body) : undef,
        'X-API-KEY' => $t->key('admin'), 'X-Correlation-ID' => 'by-hand',
        'Content-Type' => 'application/json');
}

sub letter {
    my ($reason, %with) = @_;

    return sprintf '{"_attempts":4,"_failed_at":"2026-01-02T03:04:%02d.000000Z"'
        . ',"_failed_reason":"%s","_replays":%d,"_event_id":'
        . '"01930000-0000-7000-8000-%012d","_correlation_id":"c%d",'
        . '"_received_at":"2026-01-01T00:00:00.000000Z","_source":"1"%s}',
        $with{second} // 0, $reason, $with{replays} // 0, ++$id, $id,
        $with{rest};
}

sub event {
    my ($reason, %with) = @_;

    return letter($reason, %with, rest => sprintf(',"hostname":"%s","message":'
        . '"%s %d","timestamp":"2026-01-01T00:00:00Z"', $with{host} // 'r1',
        $with{message} // 'link', $id + 1));
}

sub alert {
    my ($reason, %with) = @_;

    return letter($reason, %with, rest => ',"hostname":"r1",'
        . '"team_assignment":"NETO","severity":"Major","message_body":"page",'
        . '"rule_id":1,"handling":"Page_only","raw_json":{"n":1}');
}

# Puts letters into a list as the workers would, so that the ledger knows.
sub bury {
    my ($list, @letters) = @_;

    $t->redis('lpush', "mutt:$list", $_) for @letters;
    $t->redis('hincrby', 'mutt:ledger', 'accepted', scalar @letters);
    $t->redis('hincrby', 'mutt:ledger', 'dead', scalar @letters)
        if $list eq 'dlq:dead';
}

sub audit {
    return map { { operation => $_->[0], key => $_->[1],
        old => $_->[2] && decode_json($_->[2]),
        new => $_->[3] && decode_json($_->[3]), reason => $_->[4],
        who => $_->[5], correlation_id => $_->[6] } }
        $t->sql('SELECT operation, record_key, old_values, new_values, reason,'
        . ' changed_by, correlation_id FROM config_audit_log'
        . " WHERE table_name = 'dead_letters' ORDER BY id");
}

$t->wait_for(sub { api('GET', '')->{code} == 200 }, 10, 'it is there');

###############################################################################
# what is there

my $r = api('GET', '');

is_deeply([ map { [ @$_{qw(queue depth oldest)} ] } @{ $r->{json}{queues} } ],
    [ [ 'alerter', 0, undef ], [ 'moog', 0, undef ], [ 'dead', 0, undef ] ],
    'three queues, empty at first');
is_deeply(api('GET', '/alerter')->{json}{letters}, [], 'so is a list');

bury('dlq:alerter', map { event($_ % 2 ? 'sqlstate_22P02' : 'crashed',
    second => $_, host => "r$_") } 1 .. 7);
bury('dlq:moog', alert('http_400', second => 9), alert('retry_exhausted'));
bury('dlq:dead', event('replays_exhausted:crashed', replays => 3));

$r = api('GET', '');
is_deeply([ map { $_->{depth} } @{ $r->{json}{queues} } ], [ 7, 2, 1 ],
    'each queue has its depth');
is($r->{json}{queues}[0]{oldest}{hostname}, 'r1', 'and its oldest letter');
is($r->{json}{queues}[1]{goes_back_to}, 'alert', 'and where it goes back to');

$r = api('GET', '/alerter?limit=3');
is_deeply([ map { $_->{hostname} } @{ $r->{json}{letters} } ],
    [ qw(r1 r2 r3) ], 'a page has the oldest first');
is_deeply($r->{json}{pagination},
    { page => 1, limit => 3, total => 7, pages => 3 }, 'and is counted');

my $first = $r->{json}{letters}[0];

is_deeply([ @$first{qw(kind failed_reason failed_at attempts replays place
    message event_id)} ], [ 'event', 'sqlstate_22P02',
    '2026-01-02T03:04:01.000000Z', 4, 0, 0, 'link 1',
    '01930000-0000-7000-8000-000000000001' ], 'a letter says what it is');
is_deeply([ map { $_->{hostname} } @{ api('GET', '/alerter?limit=3&page=3')
    ->{json}{letters} } ], [ 'r7' ], 'pages can be numbered');
is_deeply([ map { $_->{hostname} } @{ api('GET', '/alerter?limit=3&cursor='
    . $r->{json}{next_cursor})->{json}{letters} } ], [ qw(r4 r5 r6) ],
    'or followed');
is(api('GET', '/alerter?cursor=6')->{json}{next_cursor}, undef,
    'to the end');

for my $case ([ 'failed_reason=crashed', 'r2 r4 r6' ],
    [ 'failed_reason=sqlstate', 'r1 r3 r5 r7' ], [ 'hostname=R4', 'r4' ],
    [ 'text=LINK%206', 'r6' ], [ 'text=%3Cb%3E', '' ],
    [ 'end_date=2026-01-02T03:04:03Z', 'r1 r2' ])
{
    is(join(' ', map { $_->{hostname} } @{ api('GET', "/alerter?$case->[0]")
        ->{json}{letters} }), $case->[1], "$case->[0] finds its letters");
}

for my $bad ('limit=0', 'limit=201', 'cursor=x', 'cursor=-1', 'text=',
    'end_date=soon', 'page=2&text=x')
{
    my ($name) = $bad =~ /^(\w+)/;

    $r = api('GET', "/alerter?$bad");
    is($r->{code}, 400, "$bad is refused");
    ok($r->{json}{fields}{$name}, 'by its name');
}

is(api('GET', '/nothing')->{code}, 404, 'another queue is none');

$r = api('GET', "/alerter/$first->{id}");
is($r->{code}, 200, 'one letter is shown');
is($json->decode($r->{json}{text})->{hostname}, 'r1', 'as it is');
is(api('GET', "/moog/$first->{id}")->{code}, 404, 'in its queue alone');
is(api('GET', "/alerter/$_")->{code}, 404, 'what is no id is nothing')
    for '1', 'x-' . 'a' x 40, '0-' . 'a' x 40, '99999999999-' . 'a' x 40;

bury('dlq:moog', letter('<script>', rest => ''));
unlike(api('GET', '/moog')->{body}, qr/</, 'text of a letter is inert');

###############################################################################
# one, and some

$r = api('POST', '/alerter/replay', { ids => [ $first->{id} ],
    reason => 'row is fixed' });
is($r->{code}, 200, 'one letter is replayed') or diag($r->{body});
is($r->{json}{replayed}, 1, 'and counted');
is(length_of('dlq:alerter'), 6, 'it is gone from its queue');

my ($back) = map { $json->decode($_) } $t->redis('lrange', 'mutt:ingest_queue',
    0, -1);

is_deeply([ @$back{qw(_attempts _replays hostname _failed_reason)} ],
    [ 0, 1, 'r1', undef ], 'and begins anew');

my ($row) = audit();

is_deeply([ @$row{qw(operation key reason who correlation_id)} ], [ 'UPDATE',
    $first->{event_id}, 'row is fixed', 'webui', 'by-hand' ],
    'who, what and why are audited');
is_deeply([ $row->{old}{queue}, $row->{old}{hostname}, $row->{new} ],
    [ 'alerter', 'r1', { queue => 'ingest' } ], 'from where to where');
balances('nothing is lost on the way');

my @rest = @{ api('GET', '/alerter')->{json}{letters} };

# an older letter goes: the ids hold
$t->redis('lpush', 'mutt:ingest_queue', $t->redis('rpop',
    'mutt:dlq:alerter'));
$r = api('POST', '/alerter/discard', { ids => [ map { $_->{id} }
    @rest[ 2, 4 ], $first ], reason => 'of a test' });
is($r->{code}, 200, 'letters are discarded');
is_deeply([ @{ $r->{json} }{qw(discarded gone)} ], [ 2, 1 ],
    'wherever they have moved to; what was gone is said');
is($t->ledger()->{dlq_purged}, 2, 'and the ledger knows');
is_deeply([ map { $_->{hostname} } @{ api('GET', '/alerter')->{json}{letters} }
    ], [ qw(r3 r5 r7) ], 'the others stay, in order');
is_deeply([ map { "$_->{operation} $_->{old}{hostname}" }
    grep { $_->{operation} eq 'DELETE' } audit() ],
    [ 'DELETE r4', 'DELETE r6' ], 'and so does the audit');
balances('a discarded letter is accounted for');

###############################################################################
# all that match

$r = api('POST', '/alerter/replay', { failed_reason => 'sqlstate', max => 2 });
is_deeply([ @{ $r->{json} }{qw(replayed next_cursor)} ], [ 2, '1' ],
    'as many as were asked for, and how many are left to look at');
$r = api('POST', '/alerter/replay', { failed_reason => 'sqlstate',
    cursor => '1' });
is_deeply([ @{ $r->{json} }{qw(replayed next_cursor)} ], [ 1, undef ],
    'to the end');

bury('dlq:alerter', map { event($_ % 3 ? 'shed' : 'crashed') } 1 .. 1200);

my @oldest = map { $_->{message} } @{ api('GET',
    '/alerter?limit=3&failed_reason=shed')->{json}{letters} };

$r = api('POST', '/alerter/discard', { failed_reason => 'crashed',
    reason => 'the lot' });
is_deeply([ @{ $r->{json} }{qw(discarded looked_at next_cursor)} ],
    [ 400, 1200, undef ], 'across many letters');
is(length_of('dlq:alerter'), 800, 'no other goes');
is_deeply([ map { $_->{message} } @{ api('GET', '/alerter?limit=3')
    ->{json}{letters} } ], \@oldest, 'they keep their order');
is(scalar(grep { ($_->{reason} // '') eq 'the lot' } audit()), 400,
    'each is audited');
balances('all are accounted for');

$t->redis('del', 'mutt:ingest_queue');
$t->redis('hincrby', 'mutt:ledger', 'unhandled', 5);
$r = api('POST', '/alerter/replay', { all => JSON::XS::true });
is_deeply([ @{ $r->{json} }{qw(replayed next_cursor)} ], [ 50, '750' ],
    'replays stop where the alert queue may be full');
cmp_ok($r->{json}{waiting}, '>', 0, 'and it is said that others wait');
is(length_of('ingest_queue'), 50, 'no more have moved');
is((grep { $_->{key} =~ /8000/ && ($_->{new}{outcome} // '') =~ /no room/ }
    audit()) > 0, 1, 'and the audit does not say so');
balances('what waits is still there');

###############################################################################
# alerts, the dead, and what is no letter

$r = api('POST', '/moog/replay', { all => JSON::XS::true });
is_deeply([ @{ $r->{json} }{qw(replayed malformed)} ], [ 2, 1 ],
    'what is no alert can not go back');
is($json->decode($t->redis('lindex', 'mutt:alert_queue', 0))->{handling},
    'Page_only', 'an alert goes to its queue');
$t->redis('del', 'mutt:alert_queue');
$t->redis('hincrby', 'mutt:ledger', 'delivered', 2);

# what has no envelope was never counted
$t->redis('hincrby', 'mutt:ledger', 'accepted', -1);
$t->redis('lpush', 'mutt:dlq:moog', 'no letter at all');
$r = api('POST', '/moog/discard', { all => JSON::XS::true, reason => 'x' });
is($r->{json}{discarded}, 2, 'but away');
is($t->redis('hget', 'mutt:ledger', 'external_in'), 2,
    'as something that ingest never saw');
balances('which is accounted for too');

bury('dlq:dead', event('replays_exhausted:x', replays => 3));
$r = api('GET', '/dead');
is($r->{json}{letters}[0]{replays}, 3, 'the dead are shown');
$r = api('POST', '/dead/replay', { ids => [ $r->{json}{letters}[0]{id} ] });
is($r->{json}{replayed}, 1, 'and may be tried again');
$r = api('POST', '/dead/discard', { all => JSON::XS::true, reason => 'y' });
is($r->{json}{discarded}, 1, 'or be sent away');
is_deeply([ @{ $t->ledger() }{qw(dead dead_purged)} ], [ 0, 1 ],
    'and the ledger has counted back');
balances('exactly');

###############################################################################
# mistakes

for my $case ([ 'replay', {}, 'ids' ], [ 'replay', { ids => [] }, 'ids' ],
    [ 'replay', { ids => [ 'x' ] }, 'ids' ], [ 'replay', { ids => 5 }, 'ids' ],
    [ 'replay', { all => JSON::XS::false }, 'ids' ],
    [ 'replay', { all => JSON::XS::true, max => 0 }, 'max' ],
    [ 'replay', { all => JSON::XS::true, max => 10001 }, 'max' ],
    [ 'replay', { all => JSON::XS::true, cursor => 'x' }, 'cursor' ],
    [ 'replay', { text => 5 }, 'text' ], [ 'replay', { end_date => 'x' },
    'end_date' ], [ 'replay', { all => JSON::XS::true, other => 1 }, 'other' ],
    [ 'discard', { all => JSON::XS::true }, 'reason' ])
{
    my ($verb, $body, $name) = @$case;

    $r = api('POST', "/alerter/$verb", $body);
    is($r->{code}, 400, "$verb $name is refused");
    ok($r->{json}{fields}{$name}, 'by its name');
}

is(api('POST', '/nothing/replay', { all => JSON::XS::true })->{code}, 404,
    'another queue is none');

###############################################################################
# faults

my $before = length_of('dlq:alerter');

# the script runs, and its answer is lost until the test has seen that
my $body = $json->encode({ all => JSON::XS::true, max => 10,
    reason => 'unheard' });

$t->fault('redis', 'unanswered 1 mutt:letters:taken');

my $socket = $t->http_raw("POST /api/v2/dead-letters/alerter/discard HTTP/1.1"
    . "\r\nHost: localhost\r\nX-API-KEY: " . $t->key('admin')
    . "\r\nConnection: close\r\nContent-Type: application/json\r\n"
    . 'Content-Length: ' . length($body) . "\r\n\r\n$body");

$t->wait_for(sub { length_of('dlq:alerter') == $before - 10 }, 10,
    'a script whose answer was lost has run');
$t->fault('redis', 'pass');

my $answer = do { local $/; <$socket> };

like($answer, qr/"discarded":10,"gone":0/, 'asked again, it has run once');
is(length_of('dlq:alerter'), $before - 10, 'and moved what it said');
is(scalar(grep { ($_->{reason} // '') eq 'unheard' } audit()), 10,
    'as the audit has it');
balances('and the ledger');

$before = length_of('dlq:alerter');
$t->stop('postgres');
$r = api('POST', '/alerter/discard', { all => JSON::XS::true,
    reason => 'unheard' });
is($r->{code}, 503, 'without an audit there is no change');
is(length_of('dlq:alerter'), $before, 'none at all');
$t->start('postgres');

$t->redis('set', 'mutt:dlq:moog', 'x');
is(api('GET', '/moog')->{code}, 503, 'a queue that is none is no crash');
$t->redis('del', 'mutt:dlq:moog');

###############################################################################
# out of the middle of many, by several at a time

$t->redis('eval', <<'EOS', 1, 'mutt:dlq:alerter',
redis.call('DEL', KEYS[1])
for i = 1, 42000 do
    redis.call('LPUSH', KEYS[1], (string.gsub(ARGV[1], 'MANY', i)))
end
EOS
    event('shed', message => 'MANY'));
$t->redis('del', 'mutt:ingest_queue', 'mutt:alert_queue');
$t->redis('hincrby', 'mutt:ledger', 'accepted', -$t->ledger()->{difference});

my @letters = reverse $t->redis('lrange', 'mutt:dlq:alerter', 0, -1);
my $page = api('GET', '/alerter?page=421')->{json}{letters};
my @ids = map { $_->{id} } @$page[9, 3, 5],
    api('GET', '/alerter')->{json}{letters}[0],
    api('GET', '/alerter?page=840')->{json}{letters}[49];
my $both = $json->encode({ ids => \@ids, reason => 'twice' });
my @calls = map { $t->http_raw("POST /api/v2/dead-letters/alerter/discard"
    . " HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: " . $t->key('admin')
    . "\r\nConnection: close\r\nContent-Type: application/json\r\n"
    . 'Content-Length: ' . length($both) . "\r\n\r\n$both") } 1 .. 2;
my @counts = map { my $call = $_; local $/; my $said = <$call>;
    [ map { $said =~ /"$_":(\d+)/ } qw(discarded gone) ] } @calls;

is($counts[0][0] + $counts[1][0], 5, 'two who take the same get each once');
is($counts[0][1] + $counts[1][1], 5, 'and are told which were gone');
delete @letters[0, 21003, 21005, 21009, 41999];
is_deeply([ sort $t->redis('lrange', 'mutt:dlq:alerter', 0, -1) ],
    [ sort grep { defined } @letters ], 'and all others are there, once');
balances('as the ledger has it');

$r = api('POST', '/alerter/replay', { ids => [ map { $_->{id} }
    @{ api('GET', '/alerter?page=421')->{json}{letters} }[7, 8] ] });
is($r->{json}{replayed}, 2, 'and some are replayed from there');
is(length_of('ingest_queue') + length_of('dlq:alerter'), 41995,
    'and are in the queue');
balances('and in the ledger');

# others before them went, and as many came behind
my @far = @{ api('GET', '/alerter?page=420')->{json}{letters} }[10, 11, 30];

$before = length_of('dlq:alerter');
$t->redis('eval', "for i = 1, 3500 do redis.call('LMOVE', KEYS[1], KEYS[1],"
    . " 'RIGHT', 'LEFT') end", 1, 'mutt:dlq:alerter');
$r = api('POST', '/alerter/discard', { reason => 'far', ids => [
    '20955-' . 'a' x 40, (map { $_->{id} } @far), '20990-' . 'b' x 40 ] });
is_deeply([ @{ $r->{json} }{qw(discarded gone)} ], [ 3, 2 ],
    'what is not where it was is looked for');
is(length_of('dlq:alerter'), $before - 3, 'and taken');
@letters = $t->redis('lrange', 'mutt:dlq:alerter', 0, -1);
is_deeply([ grep { my $gone = qq("message":"$_->{message}");
    grep { /$gone/ } @letters } @far ], [], 'none but that');
balances('exactly');

$t->stop('redis');
$r = api('GET', '/alerter');
is($r->{code}, 503, 'without Redis there are no letters');
is($r->{json}{code}, 'redis_unavailable', 'with the reason');
$t->start('redis');
$t->wait_for(sub { api('GET', '')->{code} == 200 }, 10, 'until it is back');
balances('nothing was lost');

$t->done();
