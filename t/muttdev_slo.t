# muttdev slo: the objectives of a running API, with their worst state as exit
# status; muttdev retention: one run, and a failure that can be seen.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx remediation));
my $muttdev = "$t->{build}/muttdev";

$t->env(PROMETHEUS_URL => 'http://127.0.0.1:1');
$t->run();
$t->wait_for(sub { $t->redis('exists', 'mutt:slo:latest') }, 20,
    'nothing is known yet');

my $url = 'http://127.0.0.1:' . $t->port('nginx');
my %env = (MUTT_URL => $url, MUTT_API_KEY => $t->key('admin'),
    MUTT_HOME => $t->dir() . '/none');

# Runs it; its exit status and what it said.
sub muttdev {
    my ($add, @command) = @_;

    local %ENV = (%ENV, %env, %$add);
    my $said = qx($muttdev @command 2>&1);

    return ($? >> 8, $said);
}

# An nginx worker may not have found Redis yet.
sub slo {
    my ($wanted, @options) = @_;

    my @answer;

    $t->wait_for(sub { @answer = muttdev({}, 'slo', @options);
        $answer[0] == $wanted }, 20);
    return @answer;
}

my ($status, $said) = slo(5);

is($status, 5, 'objectives that nobody knows') or diag($said);
like($said, qr/^ingestor_availability +unknown +- +0\.995 /m, 'are shown so');
is(() = $said =~ /^\w+_\w+ +unknown /mg, 6, 'all six of them');

my $document = $t->redis('get', 'mutt:slo:latest');

# The document with the states of some objectives, the first ones.
sub store {
    my @states = @_;

    my $slo = decode_json($document);

    $_->{state} = @states ? shift @states : 'ok' for @{ $slo->{slos} };
    $t->redis('set', 'mutt:slo:latest', encode_json($slo));
}

$t->stop('remediation');

for my $row ([ 0 ], [ 3, 'warn' ], [ 4, 'warn', 'critical' ],
    [ 4, 'critical', 'warn', 'unknown' ], [ 5, 'ok', 'unknown' ],
    [ 3, 'unknown', 'warn' ])
{
    my ($wanted, @states) = @$row;

    store(@states);
    ($status) = slo($wanted);
    is($status, $wanted, @states ? "@states" : 'all ok');
}

($status, $said) = slo(3, '--json');
is(eval { scalar @{ decode_json($said)->{slos} } }, 6, 'as JSON');

###############################################################################
# No answer

($status, $said) = muttdev({ MUTT_API_KEY => 'wrong' }, 'slo');
is($status, 1, 'a wrong key is a failure');
like($said, qr/status 401/, 'that is told');
unlike($said, qr/wrong/, 'without the key');
($status) = muttdev({}, 'slo', '--url', 'http://127.0.0.1:1');
is($status, 1, 'so is nobody there');
($status, $said) = muttdev({ MUTT_URL => '' }, 'slo');
is($status, 1, 'and no address');
like($said, qr/MUTT_URL/, 'which is named');
($status) = muttdev({}, 'slo', '--what');
is($status, 2, 'an unknown option is a fault of usage');
($status, $said) = muttdev({}, 'slo', '--help');
is($status, 0, 'help is none');

###############################################################################
# retention

my %own = $t->part_env('remediation');
my %database = (REDIS_URL => $own{REDIS_URL}, DATABASE_URL =>
    $t->database_url('mutt_retention_app'), ASAN_OPTIONS => $own{ASAN_OPTIONS});

$t->sql("SELECT create_audit_partition(now() - interval '200 days')");

my $old = "SELECT count(*) FROM named_partitions('event_audit_log')
    WHERE next <= now() - interval '90 days'";

($status, $said) = muttdev(\%database, 'retention', '--dry-run');
is($status, 0, 'a dry run') or diag($said);
like($said, qr/event_audit_log_\d{4}_\d\d would be archived/, 'tells');
is($t->sql($old), 1, 'and does nothing');
($status) = muttdev(\%database, 'retention');
is($status, 0, 'a run');
is($t->sql($old), 0, 'does it');
$t->sql('REVOKE DELETE ON config_audit_log FROM mutt_retention');
($status, $said) = muttdev(\%database, 'retention');
is($status, 1, 'a task that fails is seen');
like($said, qr/config_audit: .*42501/, 'and named');
($status) = muttdev({ %database, REDIS_URL => 'redis://127.0.0.1:1' },
    'retention');
is($status, 1, 'no Redis is a failure');
($status) = muttdev(\%database, 'retention', '--now');
is($status, 2, 'an unknown option is a fault of usage');

$t->done();
