# Traces: one event is one trace, from the sender's span to the webhook's
# request; a bad traceparent is none; what is not sampled is passed on and not
# recorded; a collector that is away costs spans, and nothing else.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Otlp;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()
    ->has(qw(redis postgres nginx sink alerter forwarder));
my $otlp = Mutt::Otlp->start($t);
my $trace = '4bf92f3577b34da6a3ce929d0e0e4736';
my $parent = '00f067aa0ba902b7';

$t->env(OTEL_TRACES_SAMPLER_ARG => 0, REDIS_TIMEOUT_MS => 20000,
    MOOG_RATE_LIMIT => 10000,
    MOOG_RETRY_BASE_DELAY => 0.01, DEPLOYMENT_ENV => 'test',
    OTEL_RESOURCE_ATTRIBUTES => 'team=a%2Cb, zone=z1,,bad');
$t->run();
$t->rule(match_string => 'link down');
$t->wait_for(sub { ($t->metrics('alerter')->{mutt_alerter_cache_rules_count}
    // 0) == 1 }, 20, 'the alerter has its rule');

# an nginx worker may not have found Redis yet
sub ingest {
    my ($what, %headers) = @_;

    my $answer;

    $t->wait_for(sub { ($answer = $t->ingest($what, %headers))->{code} == 200 },
        20);
    return $answer->{json};
}

# The traceparent that the sink's request for an event came with.
sub sent_on {
    my ($event_id) = @_;

    my $found;

    $t->wait_for(sub { ($found) = grep { $_->{key} =~ /^$event_id/ }
        @{ Mutt::Http::request($t->port('sink'), 'GET', '/traces')->{json} }
    }, 20);
    return $found->{traceparent};
}

sub spans_of {
    my ($id) = @_;

    return { map { $_->{name} => $_ } $otlp->spans(undef, $id) };
}

###############################################################################
# One event, one trace

my $event = ingest('link down 1', traceparent => "00-$trace-$parent-01");
my @names = qw(audit_insert forward_alert_to_moog ingest match
    process_alert_event queue_wait);

$t->wait_for(sub { $otlp->spans(undef, $trace) >= @names }, 20,
    'the collector has its spans') or diag($t->log_of('alerter'));

my $of = spans_of($trace);

is_deeply([ sort keys %$of ], \@names, 'one for each stage');

my %child_of = map { $_ => $of->{$_}{parentSpanId} } @names;
my %id = map { $_ => $of->{$_}{spanId} } @names;

is($child_of{ingest}, $parent, 'ingest is a child of the sender\'s span');
is($child_of{queue_wait}, $id{ingest}, 'the wait is ingest\'s');
is($child_of{process_alert_event}, $id{ingest}, 'so is the alerter\'s work');
is($child_of{match}, $id{process_alert_event}, 'of which matching');
is($child_of{audit_insert}, $id{process_alert_event}, 'and the insert are part');
is($child_of{forward_alert_to_moog}, $id{process_alert_event},
    'and of which the delivery comes');
is(sent_on($event->{event_id}), "00-$trace-$id{forward_alert_to_moog}-01",
    'the webhook is told the delivery\'s span');
is(scalar(keys %{ { reverse %id } }), scalar @names, 'all are different');
is(join(' ', grep { $of->{$_}{attributes}{'mutt.event_id'}
    ne $event->{event_id} || $of->{$_}{attributes}{'mutt.correlation_id'}
    ne $event->{correlation_id} } @names), '', 'all name the event');
is($of->{process_alert_event}{attributes}{'mutt.outcome'}, 'alert',
    'the outcome is told');
is($of->{forward_alert_to_moog}{attributes}{'http.response.status_code'}, 200,
    'and the webhook\'s answer');
is($of->{ingest}{service}, 'mutt-ingest', 'ingest is a service of its own');
is($of->{match}{service}, 'mutt-alerter', 'as is the alerter');
is($of->{forward_alert_to_moog}{service}, 'mutt-moog-forwarder',
    'and the forwarder');
is_deeply([ @{ $of->{match}{resource} }{qw(team zone deployment.environment)} ],
    [ 'a,b', 'z1', 'test' ], 'with what the settings say of it');

# clocks of one machine
my @order = map { $of->{$_} } qw(ingest queue_wait process_alert_event);

cmp_ok($order[0]{endTimeUnixNano}, 'eq', $order[1]{startTimeUnixNano},
    'the wait begins where ingest ends');
cmp_ok($order[2]{startTimeUnixNano}, 'le', $of->{match}{startTimeUnixNano},
    'matching begins within the alerter\'s work');
cmp_ok($of->{audit_insert}{endTimeUnixNano}, 'le',
    $order[2]{endTimeUnixNano}, 'and the insert ends there');

###############################################################################
# What the client sends and what it cannot

my $second = '0af7651916cd43dd8448eb211c80319c';

$event = ingest(encode_json($t->event(message => 'link down 2',
    _traceparent => "00-$trace-$parent-01", _trace_origin => "$parent-1")),
    traceparent => "00-$second-$parent-00");
is(sent_on($event->{event_id}), "00-$second-$parent-00",
    'a trace that is not sampled is passed on as it came');

for my $bad ("00-$trace-$parent", "00-$trace-0000000000000000-01",
    "00-" . '0' x 32 . "-$parent-01", "ff-$trace-$parent-01",
    "00-" . uc($trace) . "-$parent-01", "00-$trace-$parent-01-x",
    "00-$trace-$parent-0g", 'x' x 55, '')
{
    $event = ingest('link down bad', traceparent => $bad);
    is(sent_on($event->{event_id}), '', "\"$bad\" is no trace");
}

$event = ingest('link down later', traceparent => "cc-$second-$parent-01-what");
like(sent_on($event->{event_id}), qr/^00-$second-(?!$parent)\w{16}-01$/,
    'a later version is read as far as it is known');

my $third = '11111111111111111111111111111111';

ingest('nothing known', traceparent => "00-$third-$parent-01");
$t->wait_for(sub { $otlp->spans(undef, $third) >= 4 }, 20,
    'an event without a rule has a trace');
is(join(' ', sort keys %{ spans_of($third) }),
    'ingest match process_alert_event queue_wait', 'up to where it ends');

my $batch = '22222222222222222222222222222222';

ingest([ map { $t->event(message => "link down $_") } 1 .. 3 ],
    traceparent => "00-$batch-$parent-01");
$t->wait_for(sub { $otlp->spans('forward_alert_to_moog', $batch) == 3 }, 20,
    'each event of a batch is delivered in its trace');
is(scalar(keys %{ { map { $_->{spanId} => 1 }
    $otlp->spans('ingest', $batch) } }), 3, 'with an ingest of its own');

###############################################################################
# Attempts, and traces that begin here

my $tried = '33333333333333333333333333333333';

Mutt::Http::request($t->port('sink'), 'POST', '/control?status=500&times=1',
    '');
ingest('link down again', traceparent => "00-$tried-$parent-01");
$t->wait_for(sub { $otlp->spans('forward_alert_to_moog', $tried) >= 2 }, 20,
    'each attempt has its span');
is(join(' ', sort map { ($_->{status}{code} // 0) . ' '
    . $_->{attributes}{'mutt.outcome'} } $otlp->spans('forward_alert_to_moog',
    $tried)), '0 delivered 2 retry', 'a failed one says so');

$t->restart('nginx', OTEL_TRACES_SAMPLER_ARG => 1);
$event = ingest('link down new');

my $new = sent_on($event->{event_id});

like($new, qr/^00-(?!0{32})\w{32}-\w{16}-01$/, 'a trace begins at ingest');
$t->wait_for(sub { $otlp->spans(undef, substr $new, 3, 32) == @names }, 20,
    'and has all spans');
is(spans_of(substr $new, 3, 32)->{ingest}{parentSpanId}, undef,
    'ingest is its root');
is_deeply([ $otlp->faults() ], [], 'the collector found nothing wrong');

###############################################################################
# The collector is away

$t->stop('otlp');

my $dropped = 'mutt_trace_spans_total{status="fail",reason="collector"}';

$event = ingest('link down unseen');
like(sent_on($event->{event_id}), qr/-01$/, 'events go their way');
$t->wait_for(sub { $t->metrics('alerter')->{$dropped} > 0 }, 20,
    'spans that nobody takes are counted');
is($t->health('alerter')->{code}, 200, 'and nobody is unwell');

$t->restart('alerter', OTEL_ENABLED => 'false');
$t->wait_for(sub { ($t->metrics('alerter')->{mutt_alerter_cache_rules_count}
    // 0) == 1 }, 20);
$t->restart('nginx', OTEL_ENABLED => 'false');
$event = ingest('link down off', traceparent => "00-$trace-$parent-01");
is(sent_on($event->{event_id}), '', 'off, no trace is begun or carried');

for my $bad ('localhost:4318', 'ftp://x') {
    local %ENV = (%ENV, $t->part_env('alerter'),
        OTEL_EXPORTER_OTLP_ENDPOINT => $bad);

    like(scalar qx($t->{build}/mutt-alerter --check 2>&1),
        qr/OTEL_EXPORTER_OTLP_ENDPOINT/, "$bad is no collector");
}

$t->done();
