# What Prometheus is given: rules that it takes, alerts that fire when they
# should and only then, and no name in rules, dashboard or manual that no
# process exports.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Http;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()
    ->has(qw(redis postgres nginx sink alerter forwarder remediation
        retention));
my $root = "$FindBin::Bin/..";
my $rules = "$root/docs/prometheus";
my $dir = $t->dir();

sub text {
    open my $file, '<', $_[0] or die "$_[0]: $!\n";
    local $/;
    return scalar <$file>;
}

sub write_file {
    my ($path, $text) = @_;

    open my $file, '>', $path or die "$path: $!\n";
    print $file $text;
    close $file;
    return $path;
}

# Runs a command; an assertion that it succeeds.
sub succeeds {
    my ($title, @command) = @_;

    my $pid = open my $out, '-|' // die $!;
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec @command or die "$command[0]: $!\n";
    }
    my $said = do { local $/; <$out> };
    close $out;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok($? == 0, $title) or diag($said);
    return $said;
}

###############################################################################
# Prometheus takes them

succeeds('promtool takes the configuration and both files of rules',
    'promtool', 'check', 'config', "$rules/prometheus.yml");
succeeds("and checks $_", 'promtool', 'check', 'rules', "$rules/$_")
    for qw(recording-rules-v25.yml alerts-v25.yml);

###############################################################################
# Each alert fires, and does not: a row is the minute at which it is looked,
# series under which it fires, and series under which it does not.

my $ingest = 'mutt_ingest_requests_total';
my $moog = 'mutt_moog_alerts_processed_total';
my $alerter = 'mutt_alerter_events_processed_total';

# so much a minute of two series, from the beginning
sub share {
    my ($good, $n_good, $bad, $n_bad) = @_;

    return { $good => "0+${n_good}x400", $bad => "0+${n_bad}x400" };
}

sub steady { return { map { $_ => '1x60' } @_ } }

my %alerts = (
    MUTTIngestorBudgetBurnFast => [ 70,
        share(qq($ingest\{status="success",reason=""}), 90,
            qq($ingest\{status="fail",reason="redis"}), 10),
        share(qq($ingest\{status="success",reason=""}), 10,
            qq($ingest\{status="fail",reason="auth"}), 90) ],
    MUTTIngestorBudgetBurnSlow => [ 370,
        share(qq($ingest\{status="success",reason=""}), 96,
            qq($ingest\{status="fail",reason="busy"}), 4),
        share(qq($ingest\{status="success",reason=""}), 98,
            qq($ingest\{status="fail",reason="busy"}), 2) ],
    MUTTForwarderBudgetBurnFast => [ 70,
        share(qq($moog\{status="success"}), 80, qq($moog\{status="dlq"}), 20),
        share(qq($moog\{status="success"}), 90, qq($moog\{status="dlq"}), 10)
    ],
    MUTTForwarderBudgetBurnSlow => [ 370,
        share(qq($moog\{status="success"}), 90, qq($moog\{status="dlq"}), 10),
        share(qq($moog\{status="success"}), 96, qq($moog\{status="dlq"}), 4) ],
    MUTTAlerterBudgetBurnFast => [ 70,
        share(qq($alerter\{status="handled"}), 90,
            qq($alerter\{status="poison"}), 10),
        share(qq($alerter\{status="handled"}), 10,
            qq($alerter\{status="unhandled"}), 90) ],
    MUTTAlerterBudgetBurnSlow => [ 370,
        share(qq($alerter\{status="handled"}), 99,
            qq($alerter\{status="error"}), 1),
        share(qq($alerter\{status="handled"}), 9995,
            qq($alerter\{status="error"}), 5) ],
    MUTTServiceDownIngestor => [ 10,
        { 'up{job="mutt-nginx",instance="a"}' => '1x3 0x20',
            'up{job="mutt-nginx",instance="b"}' => '1x30' },
        steady('up{job="mutt-nginx",instance="a"}') ],
    MUTTServiceDownWebUI => [ 10,
        { 'up{job="mutt-nginx",instance="a"}' => '0x20' },
        { 'up{job="mutt-nginx",instance="a"}' => '0x20',
            'up{job="mutt-nginx",instance="b"}' => '1x20' } ],
    MUTTAlerterDown => [ 10, { 'up{job="mutt-alerter"}' => '0x20' },
        steady('up{job="mutt-alerter"}') ],
    MUTTForwarderDown => [ 10, {}, steady('up{job="mutt-forwarder"}') ],
    MUTTRemediationStalled => [ 45,
        { 'up{job="mutt-remediation"}' => '1x60',
            'mutt_remediation_loops_total' => '7x60' },
        { 'up{job="mutt-remediation"}' => '1x60',
            'mutt_remediation_loops_total' => '0+1x60' } ],
    MUTTIngestQueueHigh => [ 10, { mutt_ingest_queue_depth => '10001x20' },
        { mutt_ingest_queue_depth => '10000x20' } ],
    MUTTIngestQueueNearCapacity => [ 10,
        { mutt_ingest_queue_depth => '950x20',
            mutt_ingest_queue_capacity => '1000x20' },
        { mutt_ingest_queue_depth => '900x20',
            mutt_ingest_queue_capacity => '1000x20' } ],
    MUTTQueueOld => [ 15,
        { 'mutt_queue_oldest_item_age_seconds{queue="alert"}' => '301x20' },
        { 'mutt_queue_oldest_item_age_seconds{queue="alert"}' => '300x20',
            'mutt_queue_oldest_item_age_seconds{queue="dlq_moog"}' => '9e9x20'
        } ],
    MUTTDeadLettersGrowing => [ 50,
        { 'mutt_remediation_dlq_depth{dlq_name="dead"}' => '0+4x60' },
        { 'mutt_remediation_dlq_depth{dlq_name="dead"}' => '5000x60' } ],
    MUTTDeadLettersOld => [ 30,
        { 'mutt_queue_oldest_item_age_seconds{queue="dlq_moog"}' => '700000x40',
            'mutt_retention_policy_days{type="dlq"}' => '10x40' },
        { 'mutt_queue_oldest_item_age_seconds{queue="dlq_moog"}' => '2e6x40',
            'mutt_queue_oldest_item_age_seconds{queue="alert"}' => '9e9x40',
            'mutt_retention_policy_days{type="dlq"}' => '0x40' } ],
    MUTTLedgerDifference => [ 10, { mutt_ledger_difference => '-1x20' },
        { mutt_ledger_difference => '0x20' } ],
    MUTTEventsLost => [ 10,
        { mutt_ledger_regression_events_total => '0x3 9x20' },
        { mutt_ledger_regression_events_total => '9x20' } ],
    MUTTDurabilityDegraded => [ 10, { mutt_durability_degraded => '1x20' },
        { mutt_durability_degraded => '0x20' } ],
    MUTTUnhandledMetaAlertsSpike => [ 20,
        { mutt_alerter_unhandled_meta_alerts_total => '0+3x30' },
        { mutt_alerter_unhandled_meta_alerts_total => '0+1x30' } ],
    MUTTMoogRateLimitHitsHigh => [ 30,
        { mutt_moog_rate_limit_hits_total => '0+120x40' },
        { mutt_moog_rate_limit_hits_total => '0+30x40' } ],
    MUTTMoogForwardFailures => [ 20,
        { 'mutt_moog_requests_total{status="success"}' => '0+7x30',
            'mutt_moog_requests_total{status="fail"}' => '0+3x30' },
        { 'mutt_moog_requests_total{status="success"}' => '0+9x30',
            'mutt_moog_requests_total{status="fail"}' => '0+1x30' } ],
    MUTTMoogCircuitOpen => [ 10, { mutt_moog_circuit_open => '1x20' },
        { mutt_moog_circuit_open => '1x3 0x20' } ],
    RetentionCleanupStale => [ 1560,
        { 'up{job="mutt-retention"}' => '1x1600',
            mutt_retention_cleanup_last_run_timestamp_seconds => '0x1600' },
        { 'up{job="mutt-retention"}' => '1x1600',
            mutt_retention_cleanup_last_run_timestamp_seconds => '0+60x1600' }
    ],
    RetentionCleanupFailing => [ 30,
        { 'mutt_retention_errors_total{task="archive"}' => '0x5 1x40' },
        { 'mutt_retention_errors_total{task="archive"}' => '1x40' } ],
    RetentionConfigurationInvalid => [ 10,
        { 'mutt_retention_policy_days{type="event_archive"}' => '365x20',
            'mutt_retention_policy_days{type="event_audit"}' => '365x20' },
        { 'mutt_retention_policy_days{type="event_archive"}' => '730x20',
            'mutt_retention_policy_days{type="event_audit"}' => '365x20' } ],
    MUTTDefaultPartition => [ 15, { mutt_default_partition_rows => '1x20' },
        { mutt_default_partition_rows => '0x20' } ],
    MUTTCircuitBreakerOpen => [ 10,
        { 'mutt_circuit_breaker_state{name="redis"}' => '2x20' },
        { 'mutt_circuit_breaker_state{name="redis"}' => '1x20',
            'mutt_circuit_breaker_state{name="moogsoft"}' => '2x20' } ],
);

my @named = sort(text("$rules/alerts-v25.yml") =~ /- alert: (\w+)/g);
my $runbook = text("$root/docs/ONCALL_RUNBOOK.md");

is_deeply([ sort keys %alerts ], \@named, 'every alert has its tests');
is_deeply([ sort($runbook =~ /^### ((?:MUTT|Retention)\w+)$/mg) ], \@named,
    'and its entry in the runbook');

sub rule_test {
    my ($alert, $at, $series, $fires) = @_;

    return { interval => '1m',
        input_series => [ map { { series => $_, values => $series->{$_} } }
            sort keys %$series ],
        promql_expr_test => [ { eval_time => "${at}m",
            expr => qq(count(ALERTS{alertname="$alert",alertstate="firing"})),
            exp_samples => $fires ? [ { labels => '{}', value => 1 } ] : [] }
        ] };
}

# JSON is YAML.  Rules are evaluated by the minute, but for what lasts hours.
sub fires {
    my ($title, $interval, @alerts) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    succeeds($title, 'promtool', 'test', 'rules',
        write_file("$dir/rules.yml", JSON::XS->new->canonical->encode({
            rule_files => [ map { "$rules/$_" }
                qw(recording-rules-v25.yml alerts-v25.yml) ],
            evaluation_interval => $interval,
            group_eval_order => [ map { text("$rules/$_-v25.yml")
                =~ /^  - name: (\S+)/mg } qw(recording-rules alerts) ],
            tests => [ map { my ($at, $fires, $quiet) = @{ $alerts{$_} };
                (rule_test($_, $at, $fires, 1), rule_test($_, $at, $quiet, 0))
            } @alerts ] })));
}

my @slow = grep { $alerts{$_}[0] >= 360 } sort keys %alerts;
my @quick = grep { $alerts{$_}[0] < 360 } sort keys %alerts;

fires('alerts fire when they should and only then', '1m', @quick);
fires('so do those of hours', '10m', @slow);

###############################################################################
# Names: every one is exported, and every exported one is in the manual

$t->env(MOOG_RATE_LIMIT => 10000);
$t->run();

my (%type, %exported);

for my $part (qw(nginx alerter forwarder remediation retention)) {
    my $exposition = Mutt::Http::request($t->port($part), 'GET', '/metrics')
        ->{body};
    my $path = write_file("$dir/$part.prom", $exposition);

    # the linter dislikes names that are older than its rules
    is(join("\n", grep { !/^mutt_(?:alerter_cache_\w+_count|db_write_latency_ms
        |retention_policy_days)
        [ ]/x } split /\n/, qx(promtool check metrics < $path 2>&1)), '',
        "promtool takes what $part exports");
    $type{$1} = $2 while $exposition =~ /^# TYPE (\w+) (\w+)$/mg;
    $exported{$1} = 1 while $exposition =~ /^(mutt_\w+)/mg;
}

my %recorded = map { $_ => 1 }
    text("$rules/recording-rules-v25.yml") =~ /- record: (\S+)/g;

# what of a text looks like a metric and is none
sub unknown {
    my ($text, $pattern) = @_;

    my %seen;

    return join ' ', grep { !$seen{$_}++ && !$exported{$_} && !$type{$_}
        && !$recorded{$_} } $text =~ /$pattern/g;
}

my $expressions = qr/(?<![\w:.-])(mutt(?:_\w+|:slo:[\w:]+))(?=[\s\[{(),])/;
my $recording = text("$rules/recording-rules-v25.yml") =~ s/^\s*- name:.*//mgr;
my $alerting = text("$rules/alerts-v25.yml") =~ s/^\s*- name:.*//mgr
    =~ s/^#.*|^\s*summary:.*//mgr;
my $dashboard = decode_json(text("$rules/grafana-dashboard-v25.json"));
my @expressions = map { $_->{expr} } map { @{ $_->{targets} // [] } }
    @{ $dashboard->{panels} };

is(unknown($recording =~ s/^#.*//mgr, $expressions), '',
    'recording rules name what is exported');
is(unknown($alerting, $expressions), '', 'so do alerts');
cmp_ok(scalar @expressions, '>', 20, 'the dashboard has something to show');
is(unknown(join("\n", map { "$_ " } @expressions), $expressions), '',
    'all of it exported or recorded');
is($dashboard->{uid}, 'mutt-v25', 'and its name is the known one');

my $n = 0;

succeeds('promtool can read each of its expressions', 'promtool', 'check',
    'rules', write_file("$dir/panels.yml", JSON::XS->new->encode({ groups => [
        { name => 'panels', rules => [ map { { record => 'panel:' . ++$n,
            expr => s/\$__rate_interval/5m/gr } } @expressions ] } ] })));

my %shown = map { $_ => 1 } map { /(mutt_\w+)/g } @expressions,
    $recording;

is(join(' ', grep { !$shown{$_} } map { "mutt_$_" } qw(
    alerter_rule_hits_total trace_spans_total slo_evaluations_total
    webui_live_viewers retention_cleanup_last_run_timestamp_seconds
    retention_errors_total webui_api_requests_total ledger_difference
    circuit_breaker_state queue_oldest_item_age_seconds durability_level)), '',
    'it shows what an on-call looks for');

my %overlap;

$overlap{"$_->{gridPos}{x},$_->{gridPos}{y}"}++ for @{ $dashboard->{panels} };
is(join(' ', grep { $overlap{$_} > 1 } sort keys %overlap), '',
    'no panel lies on another');

for my $page (qw(SLOs observability ONCALL_RUNBOOK RETENTION metrics)) {
    is(unknown(text("$root/docs/$page.md"),
        qr/`(mutt_(?:ingest|alerter|moog|remediation|queue|ledger|durability
            |circuit|db|build|config|webui|retention|slo|table|default|trace)_\w+|mutt:slo:\w+:\w+)
            [`{]/x), '', "docs/$page.md names only what is exported");
}

my $manual = text("$root/docs/metrics.md");

is(join(' ', grep { index($manual, "`$_`") < 0 } sort keys %type), '',
    'every exported metric is in docs/metrics.md');
is(join(' ', grep { !$type{$_} } $manual =~ /^\| `(\w+)`/mg), '',
    'and every one there is exported');

###############################################################################
# Both formats

for my $part (qw(nginx alerter)) {
    my $open = Mutt::Http::request($t->port($part), 'GET', '/metrics', undef,
        Accept => 'application/openmetrics-text;version=1.0.0;q=0.5,'
            . 'text/plain;version=0.0.4;q=0.3,*/*;q=0.2');
    my $text = Mutt::Http::request($t->port($part), 'GET', '/metrics', undef,
        Accept => '*/*');

    like($open->{header}{'content-type'},
        qr{^application/openmetrics-text; version=1\.0\.0},
        "$part gives OpenMetrics to who prefers it");
    like($open->{body}, qr/\n# EOF\n\z/, 'to its end');
    is(join(' ', grep { /_total\z/ } $open->{body} =~ /^# TYPE (\S+)/mg), '',
        'with families named right');
    like($text->{header}{'content-type'}, qr{^text/plain; version=0\.0\.4},
        'and text to others');
    unlike($text->{body}, qr/# EOF/, 'without an end');
}

###############################################################################
# The new ones tell the truth

my $rule = $t->rule(match_string => 'link down');
$t->wait_for(sub { ($t->metrics('alerter')->{mutt_alerter_cache_rules_count}
    // 0) == 1 }, 10);
$t->wait_for(sub { $t->metrics('nginx')->{mutt_ingest_queue_capacity}
    == 1_000_000 }, 15, 'the cap of the queue');
is($t->ingest('link down')->{code}, 200, 'an event');

$t->wait_for(sub { $t->metrics('forwarder')
    ->{mutt_moog_delivery_latency_seconds_count} }, 20,
    'its way to the webhook is timed');

$t->wait_for(sub { ($t->metrics('alerter')->{
    "mutt_alerter_rule_hits_total{rule_id=\"$rule\"}"} // 0) == 1 }, 20,
    'the rule was hit once');

my $forwarder = $t->metrics('forwarder');

cmp_ok($forwarder->{mutt_moog_delivery_latency_seconds_sum}, '>', 0,
    'in seconds');
cmp_ok($forwarder->{mutt_moog_delivery_latency_seconds_sum}, '<', 20,
    'since ingest received it');

# a statement that cannot end holds its connection, and no event up
my $busy = 'mutt_webui_db_pool_connections{state="busy"}';

$t->sql('BEGIN');
$t->sql('LOCK TABLE development_hosts IN ACCESS EXCLUSIVE MODE');

my $held = $t->http_raw("GET /api/v2/dev-hosts HTTP/1.0\r\nX-API-KEY: "
    . $t->key('admin') . "\r\n\r\n");

$t->wait_for(sub { $t->metrics('nginx')->{$busy} >= 1 }, 20,
    'a connection is busy');
$t->sql('ROLLBACK');
$t->wait_for(sub { my $m = $t->metrics('nginx');
    $m->{$busy} == 0 && $m->{mutt_webui_db_pool_waiting} == 0
        && $m->{'mutt_webui_db_pool_connections{state="idle"}'} >= 1 }, 20,
    'and idle when it is done');

$t->stop('alerter');
is($t->ingest('link down')->{code}, 200, 'an event that nobody takes');

my $age = 'mutt_queue_oldest_item_age_seconds{queue="ingest"}';

$t->wait_for(sub { $t->metrics('remediation')->{$age} > 3 }, 20,
    'is seen to grow old');
$t->start('alerter');
$t->wait_for(sub { $t->metrics('remediation')->{$age} == 0 }, 20,
    'until it is taken');

$t->done();
