# muttdev's commands that ask the management API: what they print, what they
# change, and how they fail.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx));
my $muttdev = "$t->{build}/muttdev";

$t->run();

my %env = (MUTT_URL => 'http://127.0.0.1:' . $t->port('nginx'),
    MUTT_API_KEY => $t->key('admin'), MUTT_HOME => $t->dir() . '/none');

# Runs it, past the shell; its exit status and what it said.
sub muttdev {
    my (@command) = @_;

    local %ENV = (%ENV, %env);
    my $pid = open my $out, '-|' // die $!;
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec $muttdev, @command or die "$muttdev: $!\n";
    }
    my $said = do { local $/; <$out> } // '';
    close $out;
    return ($? >> 8, $said);
}

# An nginx worker may not have found Redis or PostgreSQL yet.
sub succeeds {
    my (@command) = @_;

    my ($status, $said);

    $t->wait_for(sub { ($status, $said) = muttdev(@command);
        $status == 0 }, 20);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($status, 0, "muttdev @command") or diag($said);
    return $said;
}

sub fails {
    my ($wanted, $like, @command) = @_;

    my ($status, $said) = muttdev(@command);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($status, $wanted, "muttdev @command") or diag($said);
    like($said, $like, 'says why');
    return $said;
}

###############################################################################
# config

is(succeeds(qw(config get moog_rate_limit)), "50\n", 'the default');
succeeds(qw(config set moog_rate_limit 70 --reason), 'it "bears" more');
is(succeeds(qw(config get moog_rate_limit)), "70\n", 'is stored');
is(scalar $t->sql("SELECT record_key || ' ' || reason || ' ' || changed_by
    FROM config_audit_log"), 'moog_rate_limit it "bears" more webui',
    'and audited, with the reason');
is(decode_json(succeeds(qw(config list)))->{moog_rate_limit}, '70',
    'it is in the list');
is(decode_json(succeeds(qw(config get moog_rate_limit --json)))->{type}, 'int',
    'as JSON there is more of it');
succeeds(qw(config unset moog_rate_limit));
is(succeeds(qw(config get moog_rate_limit)), "50\n", 'the default again');
fails(1, qr/404 not_found/, qw(config get nothing_of_the_kind));
fails(1, qr/400 \w+: .*"value"/, qw(config set moog_rate_limit many));
fails(2, qr/^usage: muttdev config set KEY VALUE/,
    qw(config set moog_rate_limit));
fails(2, qr/usage/, qw(config get ../rules));
fails(2, qr/usage/, qw(config list --what));

###############################################################################
# rules, queues, dead letters

$t->rule(match_string => 'link down');
is(decode_json(succeeds(qw(rules list)))->{rules}[0]{match_string},
    'link down', 'rules are listed');

is(ref decode_json(succeeds(qw(queues --json))), 'HASH', 'queues are JSON');

my @letters = map { sprintf '{"_attempts":4,'
    . '"_failed_at":"2026-01-02T03:04:05.000000Z",'
    . '"_failed_reason":"sqlstate_x","_replays":0,"_event_id":'
    . '"01930000-0000-7000-8000-%012d","_correlation_id":"c%d",'
    . '"_received_at":"2026-01-01T00:00:00.000000Z","_source":"1",'
    . '"hostname":"r1","message":"link","timestamp":"2026-01-01T00:00:00Z"}',
    $_, $_ } 1 .. 5;

$t->redis('lpush', 'mutt:dlq:alerter', @letters);
$t->redis(qw(hset mutt:ledger accepted 5));
like(succeeds(qw(dlq list)), qr/alerter/, 'the queues of dead letters');
like(succeeds(qw(dlq show alerter)), qr/sqlstate_x/, 'a letter is shown');
succeeds(qw(dlq replay alerter --max 2 --reason fixed));
is($t->redis('llen', 'mutt:ingest_queue'), 2, 'so many are sent again');
is($t->redis('llen', 'mutt:dlq:alerter'), 3, 'the rest stays');
is($t->ledger()->{difference}, 0, 'the ledger agrees');
fails(1, qr/404/, qw(dlq show nothing));
fails(2, qr/usage/, qw(dlq replay alerter --max some));

###############################################################################
# No answer

$env{MUTT_API_KEY} = $t->key('ingest');
fails(1, qr/403 forbidden/, qw(config list));
$env{MUTT_API_KEY} = 'not-the-key';
unlike(fails(1, qr/401 unauthorized.*MUTT_API_KEY/, qw(config list)),
    qr/not-the-key/, 'and keeps the key to itself');
fails(1, qr/no answer/, qw(queues --url http://127.0.0.1:1));

$t->done();
