# A canary in every secret setting is in no log, metric, health page, answer,
# command line, queue or audit row: while all is well, and while every secret
# is refused.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Http;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()
    ->has(qw(redis postgres sink nginx alerter forwarder remediation
        retention));
my $root = "$FindBin::Bin/..";
my @workers = qw(alerter forwarder remediation retention);
my %canary;

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
        'X-API-KEY' => canary('INGEST_API_KEY'));

is(found(sample => 'so ' . canary('MOOG_API_KEY') . '.'),
    'MOOG_API_KEY in sample', 'a secret would be found');
is(found(%answers), '', 'no secret is in an answer');

$t->wait_for(sub { $t->redis('exists', 'mutt:slo:latest') }, 20);

my %rows = (audit => join "\n", map { join ' ', map { $_ // '' } @$_ }
    $t->sql('SELECT * FROM event_audit_log'));

is(found(%rows), '', 'nor in an audit row');
is(found(queues()), '', 'nor in a queue or another key');
is(found(everywhere()), '', 'nor in a log, a page or a command line');

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
