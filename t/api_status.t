# What the dashboard asks again and again: how the pipeline stands, how often
# each rule has matched; and the filters with which events are found.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));

sub get {
    my ($path) = @_;

    return $t->http('GET', "/api/v2/$path", undef,
        'X-API-KEY' => $t->key('admin'));
}

sub status { return get('status')->{json} }
sub queue { return (grep { $_->{name} eq $_[0] } @{ status()->{queues} })[0] }

$t->run();

my $seen = $t->rule(match_string => 'link down', prod_handling => 'Log_only');
my $quiet = $t->rule(match_string => 'never said');

$t->wait_for(sub { $t->log_of('alerter') =~ /using 2 rules/ }, 30,
    'the alerter has the rules');
$t->wait_for(sub { get('rules')->{code} == 200 }, 30, 'the API is there');

###############################################################################
# the pipeline

my $r = get('status');

is($r->{code}, 200, 'the pipeline tells how it stands');
is_deeply([ map { [ @$_{qw(name depth oldest)} ] } @{ $r->{json}{queues} } ],
    [ map { [ $_, 0, undef ] } qw(ingest alert alerter moog dead) ],
    'with its queues, empty at first');
is_deeply($r->{json}{breaker},
    { state => 'CLOSED', failures => 0, opened_at => undef },
    'a breaker that never tripped is closed');
is_deeply($r->{json}{retry}, { depth => 0, next_at => undef },
    'nothing is to be retried');
is_deeply($r->{json}{workers}, [ { kind => 'alerter', pod => 'alerter',
    held => 0, alive => JSON::XS::true } ], 'and its worker lives');

$t->redis('lpush', 'mutt:dlq:moog', '{"_received_at":'
    . '"2026-01-02T03:04:05.000000Z","_event_id":"x"}', '{"_received_at":'
    . '"2026-02-02T03:04:05.000000Z"}');
is_deeply([ @{ queue('moog') }{qw(depth oldest)} ],
    [ 2, '2026-01-02T03:04:05.000000Z' ], 'the oldest is the first to go');
$t->redis('lpush', 'mutt:dlq:dead', '<not JSON>');
is_deeply([ @{ queue('dead') }{qw(depth oldest)} ], [ 1, undef ],
    'what has no time has no age');
$t->redis('zadd', 'mutt:retry:moog', 1234567890123, '{}');
is_deeply(status()->{retry}, { depth => 1, next_at => 1234567890123 },
    'the next retry is told');
$t->redis('hset', 'mutt:circuit_breaker:moogsoft', 'state', 'OPEN',
    'failures', 5, 'opened_at', 1234567890000);
is_deeply(status()->{breaker}, { state => 'OPEN', failures => 5,
    opened_at => 1234567890000 }, 'so is an open breaker');
$t->redis('sadd', 'mutt:workers', 'moog:<gone>');
is_deeply((grep { $_->{kind} eq 'moog' } @{ status()->{workers} })[0],
    { kind => 'moog', pod => '<gone>', held => 0, alive => JSON::XS::false },
    'a worker without a sign of life is not alive');
unlike(get('status')->{body}, qr/</, 'and its name is inert');
$t->redis('srem', 'mutt:workers', 'moog:<gone>');
$t->redis('del', 'mutt:dlq:moog', 'mutt:dlq:dead', 'mutt:retry:moog');

$t->redis('lpush', 'mutt:alert_queue', 'x');
$t->redis('del', 'mutt:alert_queue');
$t->redis('set', 'mutt:alert_queue', 'of another type');
is(get('status')->{code}, 503, 'a queue that is none is no answer');
$t->redis('del', 'mutt:alert_queue');

###############################################################################
# rules

is_deeply(get('rules/hits')->{json}, { hours => 24, hits => [
    { rule_id => $seen, count => 0, capped => JSON::XS::false, last => undef },
    { rule_id => $quiet, count => 0, capped => JSON::XS::false, last => undef }
] }, 'rules have matched nothing yet');

my $now = sprintf '%04d-%02d-%02dT%02d:%02d:%02d.000000Z', sub {
    ($_[5] + 1900, $_[4] + 1, @_[3, 2, 1, 0]) }->(gmtime(time() - 60));

is($t->ingest([ map { $t->event(hostname => "r$_", timestamp => $now,
    message => "Link Down $_") } 1 .. 3 ])->{code}, 200, 'events are taken');
is($t->ingest({ message => 'link down, long ago' })->{code}, 200,
    'also an old one');
$t->wait_for(sub { $t->sql('SELECT count(*) FROM event_audit_log') == 4 }, 30,
    'and audited');

my ($hits) = @{ get('rules/hits')->{json}{hits} };

is_deeply([ @$hits{qw(count last)} ], [ 3, $now ],
    'the hits of a day, and the last');

###############################################################################
# events

my ($id) = map { $_->{event_id} } @{ get('audit-logs?hostname=r2')->{json}{logs} };

for my $case ([ "event_id=$id", 'r2' ], [ 'text=dOwN%203', 'r3' ],
    [ 'text=%25', '' ], [ 'handling_decision=Log_only&hostname=r1', 'r1 r1' ],
    [ 'handling_decision=Ignore', '' ],
    [ 'event_id=00000000-0000-0000-0000-000000000000', '' ])
{
    is(join(' ', map { $_->{hostname} } @{ get("audit-logs?$case->[0]")
        ->{json}{logs} }), $case->[1], "$case->[0] finds its events");
}

$r = get('audit-logs?event_id=1');
is($r->{code}, 400, 'an id that is none is refused');
is($r->{json}{fields}{event_id}, 'must be a UUID', 'by its name');

$t->stop('redis');
$t->wait_for(sub { get('status')->{code} == 503 }, 30,
    'without Redis it is not known how it stands');
$t->start('redis');

$t->done();
