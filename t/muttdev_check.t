# muttdev check, against real parts: each thing it looks for is brought about
# and found, by its exit status and by name.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IPC::Open2;
use JSON::XS;
use Mutt::Test;
use POSIX qw(WNOHANG);
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres sink nginx alerter forwarder));

$t->env(ALERTER_JANITOR_TIMEOUT => 60, MOOG_JANITOR_TIMEOUT => 60,
    'nginx.INGEST_DEDUP_WINDOW' => 600);
$t->run();

my $owner = $t->{pg}->url('mutt');
my $queue = 'mutt:ingest_queue';
my $file = $t->dir() . '/acked';

sub environment {
    my (%env) = @_;

    return (%ENV, $t->part_env('muttdev'), DATABASE_URL => $owner, %env);
}

# exit status and what it said
sub muttdev {
    my ($command, %env) = @_;

    local %ENV = environment(%env);
    my $said = qx(timeout 60 $t->{build}/muttdev $command 2>&1);

    return ($? >> 8, $said);
}

sub json_of {
    my ($command, %env) = @_;

    local %ENV = environment(%env);
    my $said = qx(timeout 60 $t->{build}/muttdev $command --json 2>/dev/null);

    return eval { decode_json($said) } // {};
}

sub write_acked {
    open my $out, '>', $file or die "$file: $!\n";
    print $out map { "$_\n" } @_;
    close $out;
}

sub id { return sprintf '01900000-0000-7000-8000-%012x', $_[0] }

# elements as ingest makes them, so many from a number on
sub put {
    my ($list, $from, $n) = @_;

    my @items = map { sprintf '{"_attempts":0,"_replays":0,"_event_id":"%s",'
        . '"_correlation_id":"c","_received_at":"2026-01-01T00:00:00.000000Z",'
        . '"_source":"k","hostname":"h","message":"m","timestamp":1}', id($_)
    } $from .. $from + $n - 1;

    $t->redis('lpush', $list, @items);
    $t->redis('hincrby', 'mutt:ledger', 'accepted', $n);
    return @items;
}

sub take_back {
    $t->redis('del', $_[0]);
    $t->redis('hincrby', 'mutt:ledger', 'accepted', -$_[1]);
}

###############################################################################
# the command itself

my ($status, $said) = muttdev('version');

is($status, 0, 'version: exit 0');
like($said, qr/^muttdev \d+\.\d+\.\d+$/, 'and the version');

for my $command (qw(help), 'help check', 'help check ledger', '--help',
    'check ledger --help', 'check orphans --help', 'check promise --help')
{
    ($status, $said) = muttdev($command);
    is($status, 0, "$command: exit 0");
    like($said, qr/check ledger|check orphans|check promise/, 'and help');
}

for my $command ('', 'check', 'no such', 'help no such', 'version x',
    'check ledger x', 'check ledger --no', 'check ledger --wait-drain soon',
    'check ledger --acked', 'check orphans x', 'check promise --level high',
    'check promise --level fsync=1', 'check promise --level replica=0')
{
    ($status, $said) = muttdev($command);
    is($status, 2, "muttdev $command: exit 2");
    like($said, qr/usage: |no command|a group of/, 'and usage');
}

###############################################################################
# all is well

$t->rule(match_string => 'down');
$t->rule(match_string => 'noted', prod_handling => 'Log_only');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 2 }, 10, 'the rules are in use');

my @ids = map { id($_) } 1 .. 2400;

$t->ingest([ map { $t->event(message => 'noted', event_id => $_) }
    @ids[$_ * 600 .. $_ * 600 + 599] ]) for 0 .. 3;
push @ids, $t->ingest('link down')->{json}{event_id};
write_acked((map { "$_ ok" } @ids), id(9001) . ' rejected',
    id(9002) . " unknown", '', "$ids[0]");

my $all = "check ledger --wait-drain 30s --pg --acked $file";

($status, $said) = muttdev($all);
is($status, 0, 'all that came in is accounted for: exit 0') or diag($said);
like($said, qr/^  accepted +2401$/m, 'with the counts');
like($said, qr/^difference +0$/m, 'and their difference');
like($said, qr/^acknowledged: 2401, missing: 0, duplicate: 0$/m,
    'an id that is there twice is one event, only ok counts');
like($said, qr/^audit log: 2401 rows of 2401 events, the ledger wants 2401 to 2401$/m,
    'and the audit log has as many rows');

my $object = json_of($all);

is($object->{exit}, 0, 'the same as JSON');
is($object->{ledger}{logged}, 2400, 'with the counts');
is($object->{audit_log}{ids}, 2401, 'and the rows');

($status, $said) = muttdev($all, DATABASE_URL =>
    $t->{pg}->url('mutt_alerter_app'));
is($status, 0, 'as a role that may not read the archive, too') or diag($said);

# Retention has copied some rows, and its month is not dropped yet.
my $columns = 'event_id, received_at, id, event_timestamp, hostname,'
    . ' handling_decision, forwarded_to_moog, raw_message';

$t->sql('SELECT create_archive_partition(now())');
$t->sql("INSERT INTO event_audit_log_archive ($columns, archived_from_partition)
    SELECT $columns, 'x' FROM event_audit_log LIMIT 100");
($status, $said) = muttdev($all);
is($status, 0, 'a row and its copy in the archive are no two rows')
    or diag($said);
like($said, qr/missing: 0, duplicate: 0$/m, 'to one that asks for each');
$t->sql('DELETE FROM event_audit_log_archive');

###############################################################################
# where settings come from

open my $env, '>', $t->dir() . '/mutt.env' or die $!;
print $env 'REDIS_URL=redis://127.0.0.1:', $t->port('redis'), "/0\n",
    "DATABASE_URL='$owner'\n";
close $env;

my %none = (REDIS_URL => '', DATABASE_URL => '', MUTT_HOME => $t->dir());

($status) = muttdev($all, %none);
is($status, 0, 'the stack\'s addresses are found');
($status, $said) = muttdev($all, %none, REDIS_URL => 'redis://127.0.0.1:1');
is($status, 4, 'unless the environment has one: nothing is mixed');
($status, $said) = muttdev($all, REDIS_PORT => 'x');
is($status, 4, 'a bad setting: exit 4');
like($said, qr/bad value "x" in REDIS_PORT/, 'by name');

###############################################################################
# 2: missing, 3: duplicates

my $row = $t->sql('SELECT count(*) FROM event_audit_log WHERE event_id = ?',
    $ids[7]);

is($row, 1, 'an event has a row');
$t->sql('CREATE TABLE kept AS SELECT * FROM event_audit_log
    WHERE event_id = ?', $ids[7]);
$t->sql('DELETE FROM event_audit_log WHERE event_id = ?', $ids[7]);

($status, $said) = muttdev("check ledger --acked $file");
is($status, 2, 'an audit row is gone: exit 2');
like($said, qr/^missing $ids[7], last seen: nowhere$/m, 'by its id');
($status) = muttdev('check ledger --pg');
is($status, 2, 'the counts show it, too');
is(json_of("check ledger --acked $file")->{acked}{missing}[0]{event_id},
    $ids[7], 'and the JSON');

$t->sql('INSERT INTO event_audit_log SELECT * FROM kept');
$t->sql("INSERT INTO event_audit_log SELECT event_id,
    received_at + interval '1 microsecond', id, event_timestamp, hostname,
    matched_rule_id, handling_decision, forwarded_to_moog, raw_message
    FROM kept");

($status, $said) = muttdev("check ledger --acked $file");
is($status, 3, 'an event with two rows: exit 3');
like($said, qr/^duplicate $ids[7]: 2 audit rows/m, 'by its id');
($status) = muttdev('check ledger --pg');
is($status, 3, 'the counts show it, too');
$t->sql('DELETE FROM event_audit_log WHERE event_id = ? AND received_at NOT IN
    (SELECT received_at FROM kept)', $ids[7]);

my ($letter) = put('mutt:dlq:dead', 1, 1);

$t->redis('hincrby', 'mutt:ledger', 'dead', 1);
($status, $said) = muttdev("check ledger --acked $file");
is($status, 0, 'an event with a row and a dead letter is none') or diag($said);
put('mutt:dlq:dead', 1, 1);
$t->redis('hincrby', 'mutt:ledger', 'dead', 1);
($status, $said) = muttdev("check ledger --acked $file");
is($status, 3, 'one that died twice is');
$t->redis('hincrby', 'mutt:ledger', 'dead', -2);
take_back('mutt:dlq:dead', 2);

###############################################################################
# 1: a difference; 4: not drained

$t->stop('alerter');

my @items = put($queue, 5000, 2500);

write_acked(map { id(5000 + $_) } 0 .. 2499);
($status, $said) = muttdev("check ledger --acked $file");
is($status, 0, 'what waits is not missing') or diag($said);

($status, $said) = muttdev('check ledger --wait-drain 0.3');
is($status, 4, 'not drained in time: exit 4');
like($said, qr/cannot tell: 2500 items still wait/, 'and how many wait');

$t->redis('lrem', $queue, 1, $items[1200]);
($status, $said) = muttdev('check ledger');
is($status, 1, 'an item taken behind the ledger\'s back: exit 1');
like($said, qr/^difference +1$/m, 'and the difference');
($status, $said) = muttdev("check ledger --acked $file");
is($status, 1, 'the lowest status that applies counts');
like($said, qr/^missing \Q${\ id(6200)}\E, last seen: nowhere$/m,
    'what else is wrong is said');
is(json_of('check ledger')->{ledger}{difference}, 1, 'and the JSON has it');

# gone while it waits for the drain, and the ledger was changed to fit
my $pid = do {
    local %ENV = environment();
    open2(my $out, my $in, "$t->{build}/muttdev check ledger"
        . " --wait-drain 30 --acked $file > $file.said");
};

$t->wait_for(sub { $t->redis('client', 'list')
    =~ /name=muttdev .* cmd=evalsha/ }, 10, 'it has looked and waits');
take_back($queue, 2500);
waitpid $pid, 0;
is($? >> 8, 2, 'what is gone behind the wait is missing');
$said = do { local (@ARGV, $/) = "$file.said"; <> };
like($said, qr/^missing \Q$_->[0]\E, last seen: $_->[1]$/m,
    'and where it was seen last') for [ id(5000), 'ingest_queue' ],
    [ id(6200), 'nowhere' ];
is(() = $said =~ /^missing/mg, 2500, 'a line for each');

$t->start('alerter');
$t->ingest('no rule knows this');
write_acked($ids[0], id(1_000_000));
($status, $said) = muttdev("check ledger --wait-drain 30 --acked $file");
is($status, 4, 'an event without a row may be one that matched no rule');
like($said, qr/1 events are nowhere, but 1 matched no rule/, 'and it says so');

write_acked($ids[0], 'not an id');
($status, $said) = muttdev("check ledger --acked $file");
is($status, 4, 'a file that is no list of ids: exit 4');
like($said, qr/line 2 is no event id/, 'and the line');
($status) = muttdev("check ledger --acked $file.none");
is($status, 4, 'nor is one that is not there');

###############################################################################
# orphans

my %lease = (ALERTER_JANITOR_TIMEOUT => 2, ALERTER_HEARTBEAT_INTERVAL => 1);

($status, $said) = muttdev('check orphans', %lease);
is($status, 0, 'no orphans: exit 0');
like($said, qr/^workers: 2, orphans: 0$/m, 'of the workers there are');

# a worker of its own that claims and crashes
$t->stop('alerter');
put($queue, 8000, 3);

{
    local %ENV = environment(POD_NAME => 'gone');
    my $shell = open2(my $out, my $in, "$t->{build}/t/queue_shell", 'gone');

    for my $line ('register', 'claim 3') {
        print $in "$line\n";
        my $answer = readline $out;
    }
    kill 'KILL', $shell;
    waitpid $shell, 0;
}

($status, $said) = muttdev('check orphans', %lease);
is($status, 1, 'items of a silent worker: exit 1');
like($said, qr/^mutt:processing:alerter:gone: 3 items, the oldest \d+ s old; its heartbeat does not move$/m,
    'how many, how old, whose');
is(json_of('check orphans', %lease)->{orphans}[0]{items}, 3,
    'the same as JSON');

$t->redis('hdel', 'mutt:fence', 'alerter:gone');
($status, $said) = muttdev('check orphans', %lease);
is($status, 1, 'items without a token: exit 1');
like($said, qr/alerter:gone: 3 items.*has no token/, 'and it says so');
is(json_of('check ledger')->{ledger}{difference}, 0,
    'they are in flight all the same');

# with a heartbeat that moves as long as it looks
sub look_while_it_beats {
    local %ENV = environment(@_);
    my $pid = open2(my $out, my $in,
        "timeout 60 $t->{build}/muttdev check orphans > $file.said");
    my $beat = 0;

    $t->wait_for(sub {
        $t->redis('hset', 'mutt:hb', 'alerter:gone', '7:' . ++$beat);
        waitpid($pid, WNOHANG) == $pid }, 60);
    return $? >> 8;
}

is(look_while_it_beats(%lease), 1, 'even if it beats');
$t->redis('hset', 'mutt:fence', 'alerter:gone', 7);
is(look_while_it_beats(), 0, 'one that beats and has a token is none');

$t->redis('srem', 'mutt:workers', 'alerter:gone');
$t->redis('hdel', $_, 'alerter:gone') for qw(mutt:fence mutt:hb);
$t->redis('hdel', 'mutt:fence', 'alerter:gone#batch', 'alerter:gone#process');
take_back('mutt:processing:alerter:gone', 3);

###############################################################################
# the promise

sub pg_set {
    my ($name, $value) = @_;

    $t->sql("ALTER SYSTEM SET $name = $value");
    $t->sql('SELECT pg_reload_conf()');
    $t->wait_for(sub { $t->sql("SHOW $name") eq $value =~ s/'//gr }, 10);
}

($status, $said) = muttdev('check promise');
is($status, 1, 'PostgreSQL does not sync: exit 1');
like($said, qr/^bad +postgresql fsync = off; want on: /m, 'what, and why');
like($said, qr/^ok +redis +appendonly = yes$/m, 'what is good is said, too');

pg_set($_, 'on') for qw(fsync full_page_writes);
($status, $said) = muttdev('check promise --level memory');
is($status, 0, 'now it can hold memory: exit 0') or diag($said);
unlike($said, qr/^(?:bad|unknown)/m, 'all is ok');

($status, $said) = muttdev('check promise --level fsync');
is($status, 1, 'but not fsync');
like($said, qr/^bad +redis +appendfsync = everysec; want always: /m,
    'because Redis syncs once a second');
$t->redis('config', 'set', 'appendfsync', 'always');
($status) = muttdev('check promise --level fsync');
is($status, 0, 'now it can');

($status, $said) = muttdev('check promise --level replica');
is($status, 1, 'but not replica');
like($said, qr/^bad +redis +online replicas = 0; want at least 1: /m,
    'because Redis has none');
like($said, qr/^bad +postgresql synchronous_standby_names = ''; /m,
    'nor has PostgreSQL');

my $port = Mutt::Ports::take();
my $dir = $t->dir() . '/replica';

mkdir $dir or die "$dir: $!\n";
$t->{parts}{replica} = Mutt::Process->new(name => 'replica',
    log => "$dir.log", command => [ 'redis-server', '--port', $port, '--bind',
        '127.0.0.1', '--dir', $dir, '--save', '', '--replicaof', '127.0.0.1',
        $t->port('redis') ]);
$t->redis('config', 'set', 'repl-diskless-sync-delay', 0);
$t->process('replica')->start();
$t->wait_for(sub { ($t->redis('info', 'replication')->{slave0} // '')
    =~ /state=online/ }, 20, 'a replica is in sync');
# nothing is committed while it is so: there is no such standby
pg_set('synchronous_standby_names', 'another');
($status, $said) = muttdev('check promise --level replica=1');
is($status, 0, 'now it can') or diag($said);
($status, $said) = muttdev('check promise --level replica=2');
is($status, 1, 'but not with two');
like($said, qr/^bad +redis +online replicas = 1; want at least 2: /m,
    'because one is missing');
pg_set('synchronous_standby_names', "''");
$t->stop('replica');

for my $case ([ 'appendonly', 'no', 'yes' ],
    [ 'maxmemory-policy', 'allkeys-lru', 'noeviction' ])
{
    my ($name, $bad, $good) = @$case;

    $t->redis('config', 'set', $name, $bad);
    ($status, $said) = muttdev('check promise');
    is($status, 1, "$name $bad: exit 1");
    like($said, qr/^bad +redis +$name = $bad; want $good: /m, 'by name');
    $t->redis('config', 'set', $name, $good);
}

# the file is written anew behind a change
$t->wait_for(sub { $t->redis('info', 'persistence')->{aof_rewrite_in_progress}
    == 0 }, 20);

$t->sql('ALTER ROLE mutt SET synchronous_commit = off');
($status, $said) = muttdev('check promise');
is($status, 1, 'a role that does not wait for its commits: exit 1');
like($said, qr/^bad +postgresql synchronous_commit = off/m, 'by name');
$t->sql('ALTER ROLE mutt RESET synchronous_commit');

$object = json_of('check promise');
is($object->{level}, 'memory', 'the same as JSON');
is_deeply([ grep { $_->{verdict} ne 'ok' } @{ $object->{checks} } ], [],
    'each with its verdict');

###############################################################################
# 4: nobody to ask

$t->stop('postgres');
write_acked($ids[0]);

for my $command ('check promise', 'check ledger --pg',
    "check ledger --acked $file")
{
    ($status, $said) = muttdev($command);
    is($status, 4, "$command without PostgreSQL: exit 4");
    like($said, qr/cannot tell: postgresql: /, 'and it says why');
}

($status) = muttdev('check ledger');
is($status, 0, 'which the ledger alone does not need');

$t->stop($_) for qw(forwarder nginx redis);

for my $command ('check ledger', 'check ledger --wait-drain 1',
    'check orphans', 'check promise')
{
    ($status, $said) = muttdev($command);
    is($status, 4, "$command without Redis: exit 4");
    like($said, qr/cannot tell: redis muttdev: /, 'and it says why');
}

$t->done();
