# muttdev on call: status and doctor tell of each thing that is wrong and what
# to do, e2e goes the whole way, partitions makes months.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Cli;
use Mutt::Test;
use Test::More;

my @workers = qw(alerter forwarder remediation retention);
my $t = Mutt::Test->new()->has(qw(redis postgres sink nginx), @workers);

$t->env(PROMETHEUS_URL => 'http://127.0.0.1:1');
$t->run();

my %port_of = (alerter => 'ALERTER', forwarder => 'MOOG',
    remediation => 'REMEDIATION', retention => 'RETENTION');
my $sink = 'http://127.0.0.1:' . $t->port('sink');
my $cli = Mutt::Cli->new($t,
    REDIS_URL => 'redis://127.0.0.1:' . $t->port('redis'),
    DATABASE_URL => $t->database_url('mutt'), MUTT_SINK_URL => $sink,
    map { ("METRICS_PORT_$port_of{$_}" => $t->port($_)) } @workers);

# Runs it until it ends with that status: processes need a moment to notice.
sub becomes {
    my ($wanted, @command) = @_;

    my ($status, $out, $err);

    $t->wait_for(sub {
        ($status, $out, $err) = $cli->run(@command);
        $status == $wanted }, 30);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($status, $wanted, "muttdev @command ends with $wanted")
        or diag($out, $err);
    return $out;
}

###############################################################################
# All is well

my $said = becomes(0, 'status');

like($said, qr/^nginx +ok /m, 'nginx is well');
like($said, qr/^$_ +ok /m, "$_ is well") for @workers;
like($said, qr/^ingest +0 /m, 'the queues are there');
like($said, qr/^breaker +CLOSED/m, 'and the breaker');
like($said, qr/^ledger +accepted \d+, .*difference 0$/m, 'and the ledger');
like($said, qr/^All is well\.\n\z/m, 'the verdict is last');

my $conf = $t->dir() . '/some.conf';

sub conf {
    my ($text) = @_;

    open my $file, '>', $conf or die $!;
    print $file 'pid ', $t->dir(), "/some.pid;\nevents { $text }\n";
    close $file;
}

conf('');
$said = becomes(0, 'doctor', '--nginx-conf', $conf);
unlike($said, qr/^(?:FAIL|warn) (?! *disk)/m, 'the doctor finds nothing');
like($said, qr/^ok +\Q$_\E/m, "having looked at $_") for 'nginx with the module',
    "nginx' configuration", @workers, 'heartbeats', 'redis version',
    'redis appendonly', 'redis maxmemory-policy', 'redis clock',
    'postgresql version', 'postgresql clock', 'migrations', 'months ahead',
    'webhook';

$said = $cli->ok('e2e', '--json');

my $trip = decode_json($said);

ok($trip->{ok}, 'an event goes the whole way');
like($trip->{steps}[-2]{step}, qr/webhook sink/, 'to the webhook');
is($t->sql('SELECT count(*) FROM alert_rules WHERE deleted_at IS NULL'), 0,
    'and its rule is gone');
cmp_ok($t->sql("SELECT count(*) FROM event_audit_log
    WHERE hostname = 'muttdev-e2e'"), '>', 0, 'its audit row is there');

###############################################################################
# Months

$t->stop('retention');
$t->sql("DROP TABLE event_audit_log_" . $t->sql(
    "SELECT to_char(date_trunc('month', now() AT TIME ZONE 'UTC')
        + interval '2 months', 'YYYY_MM')"));

like(becomes(1, 'doctor', '--nginx-conf', $conf),
    qr/^warn +months ahead +.*no partition.*\n +-> "muttdev partitions"/m,
    'a month that is missing is found');

my $missing = "SELECT count(*) FROM named_partitions('event_audit_log')";
my $months = $t->sql($missing);

like($cli->ok(qw(partitions --months 2 --dry-run)), qr/would be made/,
    'it would be made');
is($t->sql($missing), $months, 'by a dry run nothing is');
is(join(' ', map { $_->{state} } @{ decode_json($cli->ok(
    qw(partitions --months 2 --json)))->{partitions} }), 'there there made',
    'now it is');
is($t->sql($missing), $months + 1, 'one more');
like($cli->ok(qw(partitions --stats)),
    qr/^event_audit_log_\d{4}_\d\d +.* \d+$/m, 'their sizes are shown');
$cli->fails(2, qr/--months wants/, qw(partitions --months many));

###############################################################################
# Down, or set up wrongly

$said = becomes(1, 'status');
like($said, qr/^retention +DOWN .*no answer/m, 'what is down is shown');
like($said, qr/^WHAT IS WRONG\n- retention is down: old events.*muttdev logs/m,
    'with what it means and what to do');
ok(!decode_json(becomes(1, 'status', '--json'))->{ok}, 'as JSON too');

$t->start('retention');
becomes(0, 'status');
$t->redis(qw(hincrby mutt:ledger accepted 3));
like(becomes(1, 'status'), qr/^- the ledger differs by 3: "muttdev check/m,
    'a ledger that differs is found');
$t->redis(qw(hincrby mutt:ledger accepted -3));
$t->redis(qw(hset mutt:circuit_breaker:moogsoft state OPEN));
like(becomes(1, 'status'), qr/^- the webhook's breaker is OPEN/m,
    'so is an open breaker');
$t->redis(qw(del mutt:circuit_breaker:moogsoft));

unlike(becomes(0, 'status'), qr/Dead letters/, 'no letter is dead');
$t->redis('lpush', 'mutt:dlq:dead', '{}');
like(becomes(0, 'status'), qr/^Dead letters: 1; "muttdev dlq list"/m,
    'one that is is mentioned, and is no fault');
$t->redis(qw(del mutt:dlq:dead));

$t->redis(qw(config set maxmemory-policy allkeys-lru));
conf('what;');
$cli->env(MOOG_HEALTH_URL => 'http://127.0.0.1:1/health');
$said = becomes(1, 'doctor', '--nginx-conf', $conf);
like($said, qr/^FAIL +redis maxmemory-policy allkeys-lru\n +-> set/m,
    'a policy that drops queues is found');
like($said, qr/^FAIL +nginx' configuration .*what.*\n +-> mend/m,
    'a bad configuration of nginx');
like($said, qr/^FAIL +webhook .*no answer.*\n +-> /m, 'a webhook out of reach');
is(join(',', sort map { $_->{check} } grep { $_->{state} eq 'FAIL' }
    @{ decode_json(becomes(1, 'doctor', '--nginx-conf', $conf,
    '--json'))->{findings} }),
    "nginx' configuration,redis maxmemory-policy,webhook", 'nothing else');

$t->sql('DELETE FROM schema_version WHERE version = (SELECT max(version)
    FROM schema_version)');
like(becomes(1, 'doctor'), qr/^FAIL +migrations .*\n +-> apply them/m,
    'a migration that was not applied');

$cli->env(REDIS_URL => 'redis://127.0.0.1:1',
    DATABASE_URL => 'postgresql://127.0.0.1:1/mutt',
    METRICS_PORT_ALERTER => $t->port('forwarder'));
$said = becomes(1, 'doctor', '--nginx-conf', $conf);
like($said, qr/^FAIL +redis +.*\n +-> start it, or say where/m, 'no Redis');
like($said, qr/^FAIL +postgresql +.*\n +-> start it, or say where/m,
    'no PostgreSQL');
like($said, qr/^FAIL +alerter +at its port there is mutt-moog-forwarder/m,
    'a port that is another\'s');
$cli->fails(1, qr/postgresql/, 'partitions');

$t->stop('alerter');
($said) = ($cli->run(qw(e2e --timeout 1 --json)))[1];
ok(!decode_json($said)->{ok}, 'without an alerter an event stays on its way');
is($t->sql('SELECT count(*) FROM alert_rules WHERE deleted_at IS NULL'), 0,
    'and the rule is deleted all the same');

$t->stop('redis');
ok($t->wait_for(sub { ($cli->run('status'))[1]
    =~ /^WHAT IS WRONG\n- Redis does not answer/m }, 20),
    'a Redis that is away is said first');

$cli->env(MUTT_URL => 'http://127.0.0.1:1');
like(($cli->run('status'))[1], qr/^nginx +DOWN .*\n.*^- nginx is down/ms,
    'nginx that is down is told like the rest');
$cli->env(MUTT_URL => undef);
$cli->fails(1, qr/MUTT_URL.*muttdev up/, $_) for qw(status doctor);

$t->done();
