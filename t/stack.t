# "make up" from a built clone: one command gives a stack that takes an event
# and delivers its alert; again is harmless; two run side by side; down leaves
# no process and keeps the data.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp qw(tempdir);
use JSON::XS;
use Mutt::Ports;
use Test::More;
use Time::HiRes qw(sleep time);

my $root = "$FindBin::Bin/..";

plan skip_all => 'no release build' unless -x "$root/build/mutt-sink";

my $top = tempdir(CLEANUP => 1);
my $first = "$top/first stack";
my $second = "$top/second/" . 'long/' x 20 . 'stack';
our $port = Mutt::Ports::take();

# PostgreSQL's user gets to the first stack, but not to the second.
chmod 0711, $top;
mkdir "$top/second", 0700;

delete @ENV{qw(MUTT_BUILD LD_PRELOAD REDIS_URL DATABASE_URL MOOG_WEBHOOK_URL)};

sub stack {
    my ($home, @command) = @_;

    local $ENV{MUTT_HOME} = $home;
    local $ENV{MUTT_PORT} = $port;
    return scalar `'$root/tools/mutt-stack' @command 2>&1`;
}

# muttdev, of a stack.
sub muttdev {
    my ($home, @command) = @_;

    local $ENV{MUTT_HOME} = $home;
    local $ENV{MUTT_PORT} = $port;
    return scalar `'$root/build/muttdev' @command 2>&1`;
}

# What a shell makes of the stack's mutt.env.
sub env_of {
    my ($home) = @_;

    my @names = qw(MUTT_URL MUTT_API_KEY MUTT_INGEST_KEY REDIS_URL
        DATABASE_URL MUTT_SINK_URL);
    my $print = join ' ', map { "\"\$$_\"" } @names;
    my %env;

    @env{@names} = split /\n/, `. '$home/mutt.env'; printf '%s\\n' $print`;
    return \%env;
}

sub pids {
    my ($home) = @_;

    return { stack($home, 'status') =~ /^(\w+) +runs as process (\d+)$/mg };
}

sub get {
    my ($url) = @_;

    return scalar `curl -s '$url'`;
}

sub delivered {
    my ($env) = @_;

    return JSON::XS->new->decode(get("$env->{MUTT_SINK_URL}/stats"))->{count};
}

# Runs the curl line that was printed; returns the status and the answer.
sub run_printed {
    my ($said) = @_;

    my ($curl) = $said =~ /^  (curl .*)$/m or return 'no curl line';
    return scalar `$curl -s -w ' %{http_code}'`;
}

sub wait_until {
    my ($seconds, $condition) = @_;

    my $deadline = time() + $seconds;

    until ($condition->()) {
        return 0 if time() > $deadline;
        sleep 0.02;
    }

    return 1;
}

END {
    my $status = $?;

    stack($_, 'clean-data') for grep { defined && -d } $first, $second;
    $? = $status;
}

###############################################################################

my $said = stack($first, 'up');

is($?, 0, 'up succeeds') or diag($said);

my $env = env_of($first);

is((stat "$first/mutt.env")[2] & 0777, 0600, 'mutt.env is its owner\'s alone');
is($env->{MUTT_URL}, "http://127.0.0.1:$port", 'nginx has the port asked for');
like($said, qr/$env->{MUTT_API_KEY}/, 'the admin key is printed');
like($said, qr/$env->{MUTT_INGEST_KEY}/, 'the ingest key is printed');
like(get("$env->{MUTT_URL}/health"), qr/"status":"healthy"/,
    'health is green');
is(`redis-cli -u '$env->{REDIS_URL}' ping`, "PONG\n", 'REDIS_URL leads to it');
is(`psql -XAt -d '$env->{DATABASE_URL}' -c 'SELECT count(*) > 0 FROM
    alert_rules'`, "t\n", 'DATABASE_URL leads to it, with sample rules');

ok(wait_until(5, sub { delivered($env) >= 3 }),
    'the sample events that page arrive at the sink');

my $before = delivered($env);

like(run_printed($said), qr/ 200$/, 'the printed curl line gives 200');
ok(wait_until(1, sub { delivered($env) == $before + 1 }),
    'and its alert is at the sink within a second');

$said = muttdev($first, 'status');
is($?, 0, 'muttdev status finds it well') or diag($said);
like($said, qr/^All is well\.$/m, 'and says so');
like(muttdev($first, qw(logs alerter -n 1000)), qr/mutt-alerter .*started/,
    'muttdev logs has its logs');

my $pids = pids($first);

unlike(join(' ', map { slurp("/proc/$_/cmdline") } values %$pids),
    qr/$env->{MUTT_API_KEY}|$env->{MUTT_INGEST_KEY}/,
    'no key is on a command line');

$said = stack($first, 'up');
is($?, 0, 'up again succeeds');
is_deeply(pids($first), $pids, 'and leaves what runs alone');
is_deeply(env_of($first), $env, 'with the same keys and addresses');
like(run_printed($said), qr/ 200$/, 'and says a curl line that works');

###############################################################################

$said = do { local $ENV{MUTT_WITH_PROMETHEUS} = 1; stack($second, 'up') };
is($?, 0, 'a second stack comes up beside it') or diag($said);
like($said, qr/^Port $port is taken; using \d+\.$/m,
    'on another port, and says so');

my $env2 = env_of($second);

like(run_printed($said), qr/ 200$/, 'it takes events');
ok(wait_until(5, sub { delivered($env2) == 4 }), 'and delivers its own alone');

my ($prometheus) = $said =~ m{^  Prometheus +(http://\S+)/$}m;

ok(wait_until(60, sub { get("$prometheus/api/v1/query?query=sum(up)")
    =~ /"5"\]/ }), 'Prometheus, which was asked for, scrapes its processes');
like(get("$prometheus/api/v1/rules"), qr/"name":"MUTTLedgerDifference"/,
    'with the rules loaded');

my $pids2 = pids($second);

stack($second, 'down');
ok(!(grep { -e "/proc/$_" } values %$pids2), 'down leaves no process of it');
is_deeply(pids($first), $pids, 'and the first stack as it was');

###############################################################################

kill 'KILL', $pids->{alerter};
stack($first, 'up');
isnt(pids($first)->{alerter} // 0, $pids->{alerter},
    'up starts again what has died');

# An attempt that fails leaves what ran before it.
my $running = pids($first);

kill 'KILL', delete $running->{alerter};

for my $bad ([ 'http', 'INFO', 'a port that is none' ],
    [ $port, 'LOUD', 'a part that cannot start' ])
{
    local $port = $bad->[0];
    local $ENV{LOG_LEVEL} = $bad->[1];

    stack($first, 'up');
    isnt($?, 0, "with $bad->[2] up fails");
    is_deeply(pids($first), $running, 'and stops nothing that it found');
}

stack($first, 'up');
$pids = pids($first);

# A process id that another process has by now is not ours.
open my $file, '>', "$first/run/forwarder.pid";
print $file "$$ 12345\n";
close $file;
my $forwarder = delete $pids->{forwarder};

is(muttdev($first, 'down', '--json'), qq({"done":true}\n), 'muttdev down');
ok(!(grep { -e "/proc/$_" } values %$pids), 'leaves no process');
ok(-e "/proc/$forwarder", 'and touches none that it cannot know for its own');
kill 'TERM', $forwarder;

my $rows = 'SELECT count(*) FROM event_audit_log';

$said = muttdev($first, 'up');
is($?, 0, 'muttdev up') or diag($said);
cmp_ok(`psql -XAt -d '$env->{DATABASE_URL}' -c '$rows'`, '>', 3,
    'the data is there after down and up');

{
    local $ENV{LOG_LEVEL} = 'LOUD';

    stack($second, 'down');
    $said = stack($second, 'up');
    isnt($?, 0, 'a part that cannot start ends the attempt');
    like($said, qr/alerter ended.*LOG_LEVEL/s, 'with the part and its reason')
        or diag($said);
    is_deeply(pids($second), {}, 'and what was started is stopped');
}

stack($_, 'clean-data') for $first, $second;
ok(!-e $first && !-e $second, 'clean-data leaves nothing');

sub slurp {
    my ($path) = @_;

    open my $in, '<', $path or return '';
    local $/;
    return scalar <$in> // '';
}

done_testing();
