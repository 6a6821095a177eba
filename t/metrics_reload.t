# A reload of nginx takes nothing from a counter and leaves no gauge behind:
# what is exported goes on while old and new workers serve side by side, and is
# exact when they are through.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Mutt::Test->new()->has(qw(redis postgres nginx));

# what is refused too often is told 429
$t->env('nginx.AUTH_FAILURE_LIMIT' => 60_000);
$t->run();

my %sent = (ok => 0, auth => 0, ledger => 0, answered => 0);
my %seen;
my @fallen;

# The series whose value is known from what was sent.
my %series = (
    'mutt_ingest_requests_total{status="success",reason=""}' => 'ok',
    'mutt_ingest_events_total{status="queued",reason=""}' => 'ok',
    'mutt_ingest_latency_seconds_count' => 'ok',
    'mutt_ingest_latency_seconds_bucket{le="+Inf"}' => 'ok',
    'mutt_ingest_requests_total{status="fail",reason="auth"}' => 'auth',
    'mutt_webui_auth_failures_total{reason="wrong"}' => 'auth',
    'mutt_webui_api_requests_total{endpoint="ledger",status="success",reason=""}'
        => 'ledger',
    'mutt_webui_api_latency_seconds_count{endpoint="ledger"}' => 'answered',
);

sub traffic {
    my $answer = $t->ingest('before, while and after');

    $sent{ok}++ if $answer->{code} == 200;
    $answer = $t->ingest('x', 'X-API-KEY' => 'wrong');
    $sent{auth}++ if $answer->{code} == 401;
    $answer = $t->http('GET', '/api/v2/ledger', undef,
        'X-API-KEY' => $t->key('admin'));
    # a worker that has just begun may not have found Redis
    $sent{ledger}++ if $answer->{code} == 200;
    $sent{answered}++ if $answer->{code};
}

# Notes every counter that is lower than it was.
sub look {
    my $now = $t->metrics('nginx');

    for my $name (grep { /^\w+_(?:total|count|sum|bucket)\b/ } keys %seen) {
        push @fallen, "$name: $seen{$name}, then " . ($now->{$name} // 'gone')
            if ($now->{$name} // -1) < $seen{$name};
    }

    %seen = %$now;
}

for (1 .. 5) {
    traffic();
    look();
}

my $while = 0;

for (1 .. 4) {
    my %old = map { $_ => 1 } $t->nginx_workers();
    my $deadline = time() + 20;

    $t->signal('nginx', 'HUP');

    while (time() < $deadline && grep { $old{$_} } $t->nginx_workers()) {
        traffic();
        look();
        $while++;
    }

    ok(!(grep { $old{$_} } $t->nginx_workers()), "reload $_ is through");
    $t->linked();
    traffic();
    look();
}

cmp_ok($while, '>', 0, 'there was traffic meanwhile');

# an answer may be at the client before it is counted
$t->wait_for(sub { look();
    !grep { $seen{$_} != $sent{ $series{$_} } } keys %series }, 20);
is(join("\n", @fallen), '', 'no counter ever fell');
is(join(' ', map { "$_ $seen{$_} instead of $sent{ $series{$_} }" }
    grep { ($seen{$_} // -1) != $sent{ $series{$_} } } sort keys %series), '',
    'and each is what was sent');
cmp_ok($sent{$_}, '>', 5, "of which there was some: $_") for sort keys %sent;

###############################################################################
# Gauges are those of now, whoever set them last

my $depth = $t->redis('llen', 'mutt:ingest_queue');

is($depth, $sent{ok}, 'all is in the queue');
$t->wait_for(sub { $t->metrics('nginx')->{mutt_ingest_queue_depth} == $depth },
    20, 'as the gauge says');
$t->redis(qw(del mutt:ingest_queue));
$t->wait_for(sub { $t->metrics('nginx')->{mutt_ingest_queue_depth} == 0 },
    20, 'without traffic too');

$t->setting('max_ingest_queue_size', 4321);
$t->wait_for(sub { $t->metrics('nginx')->{mutt_ingest_queue_capacity} == 4321 },
    20, 'a setting that changed is shown');
$t->reload();
$t->linked();
$t->wait_for(sub { $t->metrics('nginx')->{mutt_ingest_queue_capacity} == 4321 },
    20, 'and is behind a reload');

my $now = $t->metrics('nginx');

is($now->{'mutt_circuit_breaker_state{name="redis"}'}, 0,
    'the breaker is closed');
is($now->{'mutt_redis_link_changes_total{change="up"}'}
    - $now->{'mutt_redis_link_changes_total{change="down"}'}, 2,
    'two workers hold a link, whatever became of the others');

$t->done();
