# The objectives, by a real Prometheus that scrapes a real stack: what is
# left in Redis is what the raw counters say, a sender's mistakes burn
# nothing, states change at their thresholds, and without Prometheus the last
# values stay.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use JSON::XS;
use Mutt::Http;
use Mutt::Otlp;
use Mutt::Ports;
use Mutt::Process;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()
    ->has(qw(redis postgres nginx sink alerter forwarder remediation));
my $root = "$FindBin::Bin/..";
my $dir = $t->dir();
my $prometheus_port = Mutt::Ports::take();

my $otlp = Mutt::Otlp->start($t);
my $log = "$dir/scrapes.log";

$t->http_conf("log_format scrapes '\$uri \$http_accept|"
    . "\$sent_http_content_type'; access_log $log scrapes;");
$t->env(OTEL_TRACES_SAMPLER_ARG => 1);
$t->env(MOOG_RATE_LIMIT => 10000, SLO_EVAL_INTERVAL => 5,
    PROMETHEUS_URL => "http://127.0.0.1:$prometheus_port/",
    CIRCUIT_BREAKER_ENABLED => 'false', MOOG_MAX_RETRIES => 0,
    REMEDIATION_ENABLED => 'false');
$t->run();

sub write_file {
    my ($path, $text) = @_;

    open my $file, '>', $path or die "$path: $!\n";
    print $file $text;
    close $file;
}

# As docs/prometheus/prometheus.yml, with the ports of the test.
sub start_prometheus {
    my $conf = do { local (@ARGV, $/) = "$root/docs/prometheus/prometheus.yml";
        <> };
    my %port = map { ("mutt-$_" => $t->port($_)) }
        qw(nginx alerter forwarder remediation);

    $conf =~ s/(scrape_interval:) 15s/$1 1s/;
    $conf =~ s/(evaluation_interval:) 15s/$1 3s/;
    $conf =~ s{- (\S+)-v25.yml}{- $root/docs/prometheus/$1-v25.yml}g;
    $conf =~ s/(job_name: (\S+)\n.*\n.*\[")localhost:\d+/"${1}127.0.0.1:"
        . ($port{$2} || 1)/ge;
    write_file("$dir/prometheus.yml", $conf);
    $t->{parts}{prometheus} //= Mutt::Process->new(name => 'prometheus',
        log => "$dir/prometheus.log", command => [ 'prometheus',
            "--config.file=$dir/prometheus.yml",
            '--enable-feature=exemplar-storage',
            "--storage.tsdb.path=$dir/prometheus",
            "--web.listen-address=127.0.0.1:$prometheus_port" ]);
    $t->process('prometheus')->start();
}

# What Prometheus' HTTP API has at a path, undef when nobody answers.
sub prometheus {
    my ($path, $expression) = @_;

    $expression =~ s/([^\w.])/sprintf '%%%02X', ord $1/ge;

    my $answer = eval { Mutt::Http::request($prometheus_port, 'GET',
        "/api/v1/$path?query=$expression&start=1&end=9999999999") } // {};

    return ($answer->{json} // {})->{data};
}

# The value of an expression, undef when there is none.
sub asked {
    my $result = (prometheus('query', $_[0]) // {})->{result} // [];

    return @$result ? $result->[0]{value}[1] : undef;
}

sub latest {
    my $text = $t->redis('get', 'mutt:slo:latest');

    return defined $text ? decode_json($text) : undef;
}

sub total {
    my ($part, $pattern) = @_;

    my $metrics = $t->metrics($part);
    my $sum = 0;

    $sum += $metrics->{$_} for grep { /$pattern/ } keys %$metrics;
    return $sum;
}

# An evaluation that has seen what the processes export by now: one is made
# when mutt-remediation starts.
sub evaluated {
    my ($title) = @_;

    my %total = (mutt_ingest_requests_total => 'nginx',
        mutt_moog_alerts_processed_total => 'forwarder');

    for my $name (sort keys %total) {
        $t->wait_for(sub { (asked("sum($name)") // -1)
            == total($total{$name}, qr/^$name/) }, 30);
    }

    my $before = latest()->{evaluated_at} // '';

    $t->restart('remediation');
    $t->wait_for(sub { (latest()->{evaluated_at} // $before) ne $before }, 60,
        $title);
    return latest();
}

# What the API says in one of its versions.
sub api {
    my ($version) = @_;

    return $t->http('GET', '/api/' . ($version // 'v2') . '/slo', undef,
        'X-API-KEY' => $t->key('admin'))->{json};
}

sub slo {
    my ($document, $name) = @_;

    return (grep { $_->{slo_name} eq $name } @{ $document->{slos} })[0];
}

sub near {
    my ($got, $expected, $title) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(defined $got && abs($got - $expected) <= 0.01 * abs($expected), $title)
        or diag('got ' . ($got // 'null') . ", expected $expected");
}

# A share and its burn rate from two raw counters of a process.
sub raw {
    my ($part, $target, $good, $bad) = @_;

    my ($g, $b) = map { total($part, $_) } $good, $bad;
    my $availability = $g / ($g + $b);

    return ($availability, (1 - $availability) / (1 - $target));
}

###############################################################################
# Before there is a Prometheus, nothing is known

$t->wait_for(sub { latest() }, 20, 'a first evaluation');

my $slo = latest();

is($slo->{evaluated_at}, undef, 'is none');
is_deeply(api(), $slo, 'the API says so');
is($slo->{components}{ingestor}{state}, 'unknown', 'so the state is unknown');
is($slo->{components}{ingestor}{availability}, undef, 'and no number is made up');
is_deeply([ map { $_->{slo_name} } @{ $slo->{slos} } ],
    [ qw(ingestor_availability ingestor_latency_p99 forwarder_availability
        forwarder_latency_p99 alerter_processing_success
        alerter_cache_reload_success) ], 'the six objectives');
is(scalar(() = $t->log_of('remediation') =~ /cannot be evaluated/g), 1,
    'one warning');

###############################################################################
# With one, but without traffic, there is still nothing to tell

start_prometheus();
$t->wait_for(sub { (asked('sum(up)') // 0) == 4 }, 60,
    'Prometheus scrapes four processes') or die;
$t->wait_for(sub { latest()->{evaluated_at} }, 60, 'an evaluation');
$slo = latest();
is($slo->{components}{ingestor}{state}, 'unknown',
    'without traffic nothing is known');
is(api()->{stale}, JSON::XS::false, 'but it is fresh');
like($t->log_of('remediation'), qr/prometheus answers again/,
    'the end of the outage is told');

###############################################################################
# Traffic, with failures of every kind

$t->rule(match_string => 'page');
$t->wait_for(sub { ($t->metrics('alerter')->{mutt_alerter_cache_rules_count}
    // 0) == 1 }, 10);

$t->ingest("page $_") for 1 .. 150;
$t->ingest("nobody knows this $_") for 1 .. 50;
$t->http('POST', '/api/v2/ingest', '{}', 'X-API-KEY' => 'wrong',
    'Content-Type' => 'application/json') for 1 .. 40;
$t->http('POST', '/api/v2/ingest', 'no json',
    'X-API-KEY' => $t->key('ingest'), 'Content-Type' => 'application/json')
    for 1 .. 40;
$t->wait_for(sub { ($t->metrics('forwarder')
    ->{'mutt_moog_alerts_processed_total{status="success"}'} // 0) == 150 },
    30, 'alerts are delivered');

$slo = evaluated('an evaluation of it');

my $ingestor = $slo->{components}{ingestor};

is($ingestor->{availability}, 1, 'what senders do wrong counts nowhere');
is($ingestor->{burn_rate}, 0, 'and burns nothing');
is($ingestor->{state}, 'ok', 'all is well');
is($ingestor->{error_budget_remaining}, 1, 'the budget is whole');
is(slo($slo, 'alerter_processing_success')->{actual_value}, 1,
    'an event that no rule knows is no failure');
is(slo($slo, 'alerter_cache_reload_success')->{actual_value}, 1,
    'healthy loads of the rules are 1');
is(slo($slo, 'ingestor_latency_p99')->{state}, 'ok', 'ingest was quick');
near(slo($slo, 'ingestor_latency_p99')->{actual_value},
    asked('histogram_quantile(0.99, sum by (le) '
        . '(rate(mutt_ingest_latency_seconds_bucket[24h])))'),
    'as quick as Prometheus says');

# Redis is away, then the webhook refuses
$t->stop('redis');
$t->ingest("page lost $_") for 1 .. 30;
$t->start('redis');
$t->wait_for(sub { $t->ingest('page again')->{code} == 200 }, 60,
    'Redis was away, and is back');
Mutt::Http::request($t->port('sink'), 'POST', '/control?status=500&times=20',
    '');
$t->ingest("page refused $_") for 1 .. 40;
$t->wait_for(sub { ($t->metrics('forwarder')
    ->{'mutt_moog_alerts_processed_total{status="dlq"}'} // 0) == 20 }, 30,
    'some alerts are dead-lettered');
$t->wait_for(sub { $t->redis('llen', 'mutt:alert_queue') == 0 }, 30);

$slo = evaluated('an evaluation of that');

my ($in, $in_burn) = raw('nginx', 0.995,
    qr/^mutt_ingest_requests_total\{status="success"/,
    qr/^mutt_ingest_requests_total\{.*"(?:queue_full|redis|busy|unknown)"/);
my ($out, $out_burn) = raw('forwarder', 0.99,
    qr/^mutt_moog_alerts_processed_total\{status="success"/,
    qr/^mutt_moog_alerts_processed_total\{status="dlq"/);

cmp_ok($in, '<', 0.95, 'some requests were refused');
cmp_ok($out, '<', 0.95, 'some alerts were not delivered');

for my $version (qw(v1 v2)) {
    my $said = api($version);
    my ($i, $f) = @{ $said->{components} }{qw(ingestor forwarder)};

    near($i->{availability}, $in, "$version: the ingestor as the counters say");
    near($i->{burn_rate}, $in_burn, 'its burn rate');
    near($i->{burn_rates}{$_}, $in_burn, "over $_") for qw(5m 1h 6h 24h);
    near($i->{error_budget_remaining}, ($in - 0.995) / 0.005,
        'its budget, which is overdrawn');
    near($f->{availability}, $out, 'the forwarder too');
    near($f->{burn_rate}, $out_burn, 'its burn rate');
    near($f->{burn_rates}{$_}, $out_burn, "over $_") for qw(5m 1h 6h 24h);
    near($f->{error_budget_remaining}, ($out - 0.99) / 0.01, 'its budget');
    is($_->{state}, 'critical', 'both are critical') for $i, $f;
    is(slo($said, "${_}_availability")->{state}, 'critical',
        "and so is the ${_}'s objective") for qw(ingestor forwarder);
    near(slo($said, "$_->[0]_availability")->{actual_value}, $_->[1],
        "of $_->[0]") for [ ingestor => $in ], [ forwarder => $out ];
}

$t->wait_for(sub { abs((asked('mutt:slo:ingestor_error_budget_burn_rate:5m')
    // -1) - $in_burn) <= 0.01 * $in_burn }, 60,
    'the recorded burn rate becomes the same');

###############################################################################
# Prometheus asks for OpenMetrics, gets it, and finds the exemplars

my %scraped = map { chomp; $_ => 1 } grep { m{^/metrics .*openmetrics} }
    do { local @ARGV = $log; <> };

is(join(', ', grep { !/\|application\/openmetrics-text; version=1\.0\.0/ }
    keys %scraped), '', 'it is given OpenMetrics where it wants that');
isnt(scalar keys %scraped, 0, 'which it does');
$t->wait_for(sub { (asked('count(up == 1)') // 0) == 4 }, 60,
    'and takes it from all four');

for my $name (qw(mutt_ingest_latency_seconds mutt_moog_delivery_latency_seconds))
{
    my @exemplars;

    $t->wait_for(sub { @exemplars = map { @{ $_->{exemplars} } }
        @{ prometheus('query_exemplars', "${name}_bucket") // [] } }, 60);

    my ($id) = map { $_->{labels}{trace_id} } @exemplars;

    like($id // '', qr/^[0-9a-f]{32}$/, "$name has exemplars");
    $t->wait_for(sub { $otlp->spans(undef, $id // '') }, 30,
        'of a trace that the collector has');
}

###############################################################################
# What was before

sub history {
    my ($query) = @_;

    return $t->http('GET', "/api/v2/slo/history$query", undef,
        'X-API-KEY' => $t->key('admin'));
}

# The last value of a measure of an objective.
sub last_of {
    my ($history, $name, $measure) = @_;

    return slo($history, $name)->{$measure}[-1];
}

my $now = time();

# points of long ago: too old for each list, and within it
$t->redis('zadd', 'mutt:slo:5m', $_, "$_ 1 0.995 nan nan 1 0.99 nan nan 1 0.999"
    . ' nan 0.99') for $now - 49 * 3600, $now - 2 * 3600;
$t->redis('zadd', 'mutt:slo:1h', $_, "$_ 0.99 0.995 0.2 nan 1 0.99 nan nan 1"
    . ' 0.999 nan 0.99') for $now - 721 * 3600, $now - 700 * 3600;
$slo = evaluated('another evaluation');

my $hour = history('?hours=1')->{json};
my $day = history('')->{json};
my $month = history('?hours=720')->{json};

cmp_ok(scalar @{ $hour->{evaluated_at} }, '<=', (time() - $^T) / 300 + 2,
    'however often it is evaluated, 5 minutes have one point');
near(last_of($hour, 'ingestor_availability', 'actual_value'), $in,
    'the last is the evaluation');
near(last_of($hour, 'ingestor_availability', 'burn_rate'), $in_burn,
    'with its burn rate');
near(last_of($hour, 'ingestor_availability', 'error_budget_remaining'),
    ($in - 0.995) / 0.005, 'and its budget');
is(slo($hour, 'ingestor_latency_p99')->{burn_rate}, undef,
    'a latency has none');
is_deeply([ @$hour{qw(hours step_seconds)} ], [ 1, 300 ], 'as asked');
is($day->{hours}, 24, 'a day, where nothing is said');
is(scalar @{ $day->{evaluated_at} }, @{ $hour->{evaluated_at} } + 1,
    'has the point of two hours ago too');
is(slo($day, 'ingestor_availability')->{error_budget_remaining}[0], 1,
    'when all was well');
is(slo($day, 'alerter_cache_reload_success')->{actual_value}[0], undef,
    'and what was not known is null');
is($month->{step_seconds}, 3600, 'a month is by the hour');
near(slo($month, 'ingestor_availability')->{burn_rate}[0], 2,
    'from its first hour on');
cmp_ok(scalar @{ $month->{evaluated_at} }, '<=', 4, 'one point an hour');
is($t->redis('zcount', $_->[0], '-inf', $now - $_->[1] * 3600 - 1), 0,
    "$_->[0] ends after $_->[1] hours") for [ 'mutt:slo:5m', 48 ],
    [ 'mutt:slo:1h', 720 ];
is(history("?hours=$_")->{code}, 400, "$_ hours can't be asked for")
    for 0, 721, 'x', '';

###############################################################################
# Thresholds are live settings

sub live {
    my ($key, $value) = @_;

    is($t->http('PUT', "/api/v2/config/$key", qq({"value":$value}),
        'X-API-KEY' => $t->key('admin'),
        'Content-Type' => 'application/json')->{code}, 200, "$key is set");
}

live('slo_burn_rate_critical', 1000);
$t->wait_for(sub { latest()->{components}{ingestor}{state} eq 'warn' }, 30,
    'below the threshold of critical it is a warning');
live('slo_burn_rate_warning', 500);
$t->wait_for(sub { latest()->{components}{ingestor}{state} eq 'ok' }, 30,
    'below both all is well');
live('slo_window_hours', 2);
$t->wait_for(sub { latest()->{window_hours} == 2 }, 30, 'another window');
cmp_ok($t->redis('ttl', 'mutt:slo:latest'), '<=', 7200,
    'after which the value ends');
cmp_ok($t->redis('ttl', 'mutt:slo:latest'), '>', 7000, 'and not before');

###############################################################################
# Without Prometheus the last values stay

$t->stop('prometheus');

my $failures = 'mutt_slo_evaluations_total{status="fail"}';
my $failed = $t->metrics('remediation')->{$failures};

$t->wait_for(sub { $t->metrics('remediation')->{$failures} >= $failed + 2 },
    30, 'evaluations fail');
near(latest()->{components}{ingestor}{availability}, $in,
    'the last value stays');
$t->wait_for(sub { api()->{stale} }, 30, 'as a stale one');
near(api()->{components}{ingestor}{availability}, $in, 'for the API too');
is($t->health('remediation')->{code}, 200, 'and the process is well');
is(scalar(() = $t->log_of('remediation') =~ /cannot be evaluated/g), 2,
    'one warning an outage');

$t->redis('del', 'mutt:slo:latest');
$t->wait_for(sub { latest() }, 30, 'when its time is over');
is(latest()->{components}{ingestor}{state}, 'unknown', 'nothing is known');
is(api($_)->{components}{ingestor}{state}, 'unknown', "$_ says so")
    for qw(v1 v2);

###############################################################################
# A Prometheus that takes the question and does not answer holds nobody up

my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1',
    LocalPort => $prometheus_port, ReuseAddr => 1) or die "no port: $!\n";
my $asked;

$t->wait_for(sub { $asked //= $silent->accept() }, 30, 'it is asked');
is($t->health('remediation')->{code}, 200, 'the process is well meanwhile');
is(api($_)->{components}{forwarder}{state}, 'unknown',
    "and $_ answers, though no answer has come to it") for qw(v1 v2);
$t->stop('remediation');
is_deeply([ $t->process('remediation')->faults() ], [],
    'and ends with the question under way');

$t->done();
