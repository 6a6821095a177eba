# What explains an event tells how its alert fared at the webhook: each attempt
# where one was not enough, to the end, within bounds.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Http;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()
    ->has(qw(redis postgres nginx sink alerter forwarder));

$t->env(MOOG_RATE_LIMIT => 10000, MOOG_RETRY_BASE_DELAY => 0.01,
    MOOG_RETRY_MAX_DELAY => 1, MOOG_MAX_RETRIES => 100,
    CIRCUIT_BREAKER_ENABLED => 'false');
$t->run();
$t->rule(match_string => 'link down');
$t->wait_for(sub { ($t->metrics('alerter')->{mutt_alerter_cache_rules_count}
    // 0) == 1 }, 20, 'the alerter has its rule');

sub sink_answers {
    my ($status, $times) = @_;

    Mutt::Http::request($t->port('sink'), 'POST',
        "/control?status=$status&times=$times", '');
}

sub explained {
    my ($id) = @_;

    return $t->http('GET', "/api/v2/events/$id/explain", undef,
        'X-API-KEY' => $t->key('admin'))->{json} // {};
}

# An event's attempts, once one of them ended so.
sub attempts {
    my ($id, $end) = @_;

    my @attempts;

    $t->wait_for(sub {
        @attempts = @{ explained($id)->{deliveries} // [] };
        grep { $_->{outcome} eq $end } @attempts }, 30, "it is $end");
    return @attempts;
}

sub told {
    return join ', ', map { "$_->{attempt} $_->{outcome} $_->{reason} "
        . ($_->{status} // 'none') } @_;
}

sink_answers(500, 2);

my $id = $t->ingest('link down, twice refused')->{json}{event_id};
my @attempts = attempts($id, 'delivered');

is(told(@attempts), '1 retry http_500 500, 2 retry http_500 500,'
    . ' 3 delivered  200', 'each attempt is told, the last too');
is(join(' ', grep { $_->{at} !~ /^20\d\d-\d\d-\d\dT[\d:.]+Z$/
    || $_->{seconds} < 0 } @attempts), '', 'with its time');
is(join(' ', map { $_->{at} } @attempts), join(' ', sort map { $_->{at} }
    @attempts), 'in their order');

sink_answers(400, 1);
$id = $t->ingest('link down, refused')->{json}{event_id};
is(told(attempts($id, 'dead_letter')), '1 dead_letter http_400 400',
    'a refusal ends it');

$t->stop('sink');
$id = $t->ingest('link down, nobody there')->{json}{event_id};
attempts($id, 'retry');
$t->start('sink');
@attempts = attempts($id, 'delivered');
is(told($attempts[0]) =~ s/^\d+ //r, 'retry connect none',
    'a webhook that is away gave no status');
is($attempts[-1]{status}, 200, 'until it was there');

$id = $t->ingest('link down, at once')->{json}{event_id};
$t->wait_for(sub { (explained($id)->{state} // '') eq 'forwarded' }, 30,
    'an alert is delivered at once');
is_deeply(explained($id)->{deliveries}, [], 'which leaves no history');
is($t->redis('hexists', 'mutt:attempts', $id), 0, 'nor costs any');

###############################################################################
# Bounds

my $script = do { local (@ARGV, $/) =
    "$FindBin::Bin/../lib/domain/lua/attempts.lua"; <> };

sub keep {
    $t->redis('eval', $script, 2, 'mutt:attempts', 'mutt:attempts:order', @_);
}

$t->redis('del', 'mutt:attempts', 'mutt:attempts:order');
keep(2, 40, map { ($_ => '{"n":1}') } qw(a b c));
is(join(' ', sort $t->redis('hkeys', 'mutt:attempts')), 'b c',
    'so many events are kept, the last');
is($t->redis('llen', 'mutt:attempts:order'), 2, 'and their order');
keep(2, 20, 'c' => qq({"n":$_})) for 2 .. 5;
is($t->redis('hget', 'mutt:attempts', 'c'), '3{"n":4},{"n":5}',
    'and of each so many bytes, the last, and how many there were before');
is(join(' ', sort $t->redis('hkeys', 'mutt:attempts')), 'b c',
    'one that is known is no new one');

sub counts {
    my $of = explained($id);

    return (scalar @{ $of->{deliveries} }, $of->{deliveries_left_out});
}

my $attempt = '{"at":"2026-01-01T00:00:00Z","attempt":1,"outcome":"retry",'
    . '"reason":"connect","status":null,"seconds":0.1}';

keep(9, 2048, $id => $attempt) for 1 .. 3;
is_deeply([ counts() ], [ 3, 0 ], 'as long as there are few all are told');
keep(9, 2048, $id => $attempt) for 1 .. 30;

my ($told, $left_out) = counts();

cmp_ok($left_out, '>', 0, 'of many it is said how many are left out');
is($told + $left_out, 33, 'so that none is forgotten');

$t->done();
