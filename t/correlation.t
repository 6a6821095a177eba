# One event, followed from its sender to the webhook by the correlation id that
# the sender chose: the answer, the access log, the workers' lines, the audit
# row, the webhook's body and the trace all have it, and name the same event.

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
my $example = do { local (@ARGV, $/) = "$FindBin::Bin/../nginx.conf.example";
    <> };
my ($format) = $example =~ /^( +log_format .*?;)$/ms;
my $log = $t->dir() . '/mutt.log';
my $id = 'order:4711.x-Y_z';

$t->http_conf("$format\n    access_log $log mutt;");
$t->env(LOG_LEVEL => 'DEBUG', OTEL_TRACES_SAMPLER_ARG => 1,
    REDIS_TIMEOUT_MS => 20000);
$t->run();
$t->rule(match_string => 'link down');
$t->wait_for(sub { ($t->metrics('alerter')->{mutt_alerter_cache_rules_count}
    // 0) == 1 }, 20, 'the alerter has its rule');

sub lines_of {
    my ($text) = @_;

    return grep { $_ && ($_->{correlation_id} // '') eq $id }
        map { eval { decode_json($_) } } split /\n/, $text;
}

my $answer;

# an nginx worker may not have found Redis yet
$t->wait_for(sub { ($answer = $t->ingest('link down', 'X-Correlation-ID' => $id))
    ->{code} == 200 }, 20, 'an event is taken');
is($answer->{header}{'x-correlation-id'}, $id, 'the answer\'s header has the id');
is($answer->{json}{correlation_id}, $id, 'its body too');

my $event = $answer->{json}{event_id};
my ($body, @row);

$t->wait_for(sub { ($body) = map { decode_json($_) }
    @{ $t->sink_stats()->{last} } }, 20, 'the webhook has it');
is($body->{custom_info}{correlation_id}, $id, 'under the id');
is($body->{external_id}, $event, 'it is the event');

@row = $t->sql('SELECT event_id, forwarded_to_moog FROM event_audit_log
    WHERE correlation_id = ?', $id);
is_deeply(\@row, [ [ $event, 1 ] ], 'the audit row is found by the id');

my ($access) = grep { $_->{status} == 200 }
    lines_of(do { local (@ARGV, $/) = $log; <> });

is($access->{accepted}, 1, 'the access log has the request');
like($access->{trace_id}, qr/^\w{32}$/, 'and its trace');

for my $worker ([ alerter => "event $event: alert" ],
    [ forwarder => "event $event: delivered with status 200" ])
{
    my ($name, $message) = @$worker;
    my ($line);

    $t->wait_for(sub { ($line) = grep { $_->{message} eq $message }
        lines_of($t->log_of($name)) }, 20, "the $name has a line of it");
    is($line->{trace_id}, $access->{trace_id}, 'in its trace');
    like($line->{span_id} // '', qr/^\w{16}$/, 'with a span');
    is(join(' ', sort keys %$line), 'correlation_id error level message module '
        . 'pod_name service span_id timestamp trace_id version',
        'and the known members');
}

my @names = qw(audit_insert forward_alert_to_moog ingest match
    process_alert_event queue_wait);

$t->wait_for(sub { $otlp->spans(undef, $access->{trace_id}) >= @names }, 20,
    'the collector has the trace');

my @spans = $otlp->spans(undef, $access->{trace_id});

is(join(' ', sort map { $_->{name} } @spans), "@names", 'with all its spans');
is(join(' ', grep { $_ ne $id } map { $_->{attributes}{'mutt.correlation_id'} }
    @spans), '', 'all under the id');
is(scalar(grep { $_->{correlation_id} ne 'system' && $_->{trace_id} }
    map { eval { decode_json($_) } // () } grep { /"level":"INFO"/ }
    split /\n/, $t->log_of('alerter')), 0, 'at INFO an event has no line');

$t->done();
