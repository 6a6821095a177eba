# A canary in every secret setting is in no log, metric, health page, answer,
# trace, command line, queue or audit row: while all is well, and while every
# secret is refused.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Http;
use Mutt::Otlp;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()
    ->has(qw(redis postgres sink nginx alerter forwarder remediation
        retention));
my $root = "$FindBin::Bin/..";
my @workers = qw(alerter forwarder remediation retention);
my %canary;
my $otlp = Mutt::Otlp->start($t);

sub text {
    open my $file, '<', $_[0] or return '';
    local $/;
    return scalar <$file> // '';
}

sub canary { return $canary{ $_[0] } //= sprintf 'cAnAry%02d%08x', scalar
    keys %canary, int rand 2**31 }

my @settings = text("$root/lib/conf/mutt_settings.def")
    =~ /^SETTING\((\w+), "\w+", SECRET,/mg;

cmp_ok(scalar @settings, '>=', 11, 'there are secrets');

# DATABASE_URL is one for the password in it, and is not the harness's then
my %secret = map { $_ => canary($_) } grep { $_ ne 'DATABASE_URL' } @settings;

$t->env(%secret, LOG_LEVEL => 'DEBUG', MOOG_MAX_RETRIES => 0,
    PROMETHEUS_URL => 'http://somebody:' . canary('PROMETHEUS_URL')
        . '@127.0.0.1:1/',
    OTEL_TRACES_SAMPLER_ARG => 1,
    OTEL_EXPORTER_OTLP_ENDPOINT => 'http://somebody:'
        . canary('OTEL_EXPORTER_OTLP_ENDPOINT') . '@127.0.0.1:'
        . $t->port('otlp') . '/',
    MOOG_HEALTH_URL => 'http://somebody:' . canary('MOOG_HEALTH_URL')
        . '@127.0.0.1:1/');

# Where a canary is, of what all the places hold.
sub found {
    my (%place) = @_;

    my @found;

    for my $where (sort keys %place) {
        push @found, map { "$_ in $where" }
            grep { $place{$where} =~ /\Q$canary{$_}\E/ } sort keys %canary;
    }

    return join ', ', @found;
}

sub everywhere {
    my %place;

    for my $path (glob $t->dir() . '/*.log') {
        $place{$path} = text($path);
    }

    $place{'what the collector was sent'} = $otlp->raw();

    for my $part (keys %{ $t->{parts} }) {
        my $pid = $t->process($part)->pid() or next;

        for my $one ($pid, split ' ', text("/proc/$pid/task/$pid/children")) {
            $place{"$part\'s command line"} .= text("/proc/$one/cmdline");
        }
    }

    for my $part ('nginx', @workers) {
        for my $page (qw(/health /health/live /metrics)) {
            $place{"$part $page"} = (eval { Mutt::Http::request(
                $t->port($part), 'GET', $page) } // {})->{body} // '';
        }
    }

    return %place;
}

sub queues {
    my %place;

    for my $key ($t->redis('keys', '*')) {
        my $type = $t->redis('type', $key);

        $place{"redis $key"} = join "\n", $type eq 'list'
            ? $t->redis('lrange', $key, 0, -1)
            : $type eq 'hash' ? $t->redis('hgetall', $key)
            : $type eq 'string' ? $t->redis('get', $key) : $key;
    }

    return %place;
}

###############################################################################
# All is well, with passwords in use

$t->start($_) for qw(redis postgres sink);
$t->redis(qw(config set requirepass), canary('REDIS_PASS_CURRENT'));

my %with_password = map { my $part = $_; ($part => $t->database_url(
    $part eq 'nginx' ? 'mutt_module_app' : $part eq 'retention'
        ? 'mutt_retention_app' : 'mutt_alerter_app')
    . '&password=' . canary('DATABASE_URL')) } 'nginx', @workers;

$t->start($_, DATABASE_URL => $with_password{$_}) for 'nginx', @workers;
$t->rule(match_string => 'page');
$t->wait_for(sub { ($t->metrics('alerter')->{mutt_alerter_cache_rules_count}
    // 0) == 1 }, 20, 'the alerter has its rules');

for my $key (qw(INGEST_API_KEY INGEST_API_KEY_NEXT)) {
    $t->wait_for(sub { $t->ingest("page $key", 'X-API-KEY' => canary($key))
        ->{code} == 200 }, 20, "$key is good");
}

$t->wait_for(sub { $t->sink_stats()->{distinct} >= 2 }, 20,
    'alerts are delivered');
is($t->http('GET', '/api/v2/ledger', undef,
    'X-API-KEY' => canary('WEBUI_API_KEY'))->{code}, 200,
    'WEBUI_API_KEY is good');

# an alert that is refused and dead-lettered, and an event that is no event
Mutt::Http::request($t->port('sink'), 'POST', '/control?status=400&times=1',
    '');
$t->ingest('page again', 'X-API-KEY' => canary('INGEST_API_KEY'));
$t->wait_for(sub { $t->redis('llen', 'mutt:dlq:moog') }, 20,
    'one is dead-lettered');

my $n = 0;
my %answers = map { ('answer ' . ++$n => $_->{body}) }
    $t->ingest('{"no":"event"}', 'X-API-KEY' => canary('INGEST_API_KEY')),
    $t->ingest('no json [', 'X-API-KEY' => canary('INGEST_API_KEY')),
    $t->ingest('x', 'X-API-KEY' => canary('WRONG')),
    $t->http('GET', '/api/v2/ledger', undef, 'X-API-KEY' => canary('WRONG')),
    $t->http('GET', '/api/v2/ledger', undef,
        'X-API-KEY' => canary('INGEST_API_KEY')),
    $t->http('PUT', '/api/v2/config/moog_api_key', '{"value":"x"}',
        'X-API-KEY' => canary('WEBUI_API_KEY')),
    $t->http('POST', '/api/v2/session', '{"api_key":"'
        . canary('WEBUI_API_KEY_NEXT') . '"}'),
    $t->http('POST', '/api/v2/session', '{"api_key":"' . canary('WRONG')
        . '"}');

# whatever can be read without a name
for my $path (text("$root/docs/api.md") =~ /^\| GET `(\/[^`{]*)` \| \w+ \|/mg) {
    next if $path =~ /stream/;

    my $answer = $t->http('GET', ($path =~ m{^/(?:health|audit$|$)} ? ''
        : '/api/v2') . $path, undef, 'X-API-KEY' => canary('WEBUI_API_KEY'));

    $answers{"GET $path"} = join "\n", $answer->{body},
        map { "@$_" } @{ $answer->{headers} // [] };
}

cmp_ok(scalar keys %answers, '>', 20, 'all that can be read is read');

is(found(sample => 'so ' . canary('MOOG_API_KEY') . '.'),
    'MOOG_API_KEY in sample', 'a secret would be found');
is(found(%answers), '', 'no secret is in an answer');

$t->wait_for(sub { $t->redis('exists', 'mutt:slo:latest') }, 20);

# one trace in full: ingest to the webhook
$t->wait_for(sub { $otlp->spans('forward_alert_to_moog') >= 3
    && $otlp->spans('match') >= 3 }, 20, 'the collector has spans');
like($otlp->raw(), qr{^POST /v1/traces.*"name":"match"}s,
    'and what it was sent is looked at');

my %rows = (audit => join "\n", map { join ' ', map { $_ // '' } @$_ }
    $t->sql('SELECT * FROM event_audit_log'));

is(found(%rows), '', 'nor in an audit row');
is(found(queues()), '', 'nor in a queue or another key');
is(found(everywhere()), '', 'nor in a log, a page, a trace or a command line');

###############################################################################
# Every secret is refused

$t->redis(qw(config set requirepass), 'something else');
$t->stop($_) for @workers, 'nginx';

my %wrong = (DATABASE_URL => 'postgresql://nobody:' . canary('DATABASE_URL')
    . '@127.0.0.1:1/mutt?sslmode=disable&connect_timeout=2');

$t->launch($_, %wrong) for 'nginx', @workers;
$t->wait_for(sub { $t->log_of('forwarder') =~ /password|WRONGPASS|NOAUTH/i },
    30, 'the forwarder is refused') or diag($t->log_of('forwarder'));
$t->wait_for(sub { my $answer = eval { $t->ingest('page',
    'X-API-KEY' => canary('INGEST_API_KEY')) } // {}; ($answer->{code} // 0)
    == 503 }, 30, 'and ingest has no Redis');
is(found(everywhere()), '', 'no secret is told of');

# a setting that is bad in itself is told by its name
for my $worker (@workers) {
    local %ENV = (%ENV, $t->part_env($worker), %wrong,
        DATABASE_URL => 'nonsense ' . canary('DATABASE_URL'));

    is(found("--check of $worker" =>
        scalar qx($t->{build}/mutt-$worker --check 2>&1)), '',
        "nor by mutt-$worker --check");
}

$t->redis(qw(config set requirepass), '');
$t->done();
