# muttdev's commands that ask the management API: what they print, what they
# change, and how they fail.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Cli;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx sink));

$t->run();

my $cli = Mutt::Cli->new($t);

sub json {
    return decode_json($cli->ok(@_, '--json'));
}

###############################################################################
# config

is($cli->ok(qw(config get moog_rate_limit)), "50\n", 'the default');
is($cli->ok(qw(config set moog_rate_limit 70 --reason), 'it "bears" more'),
    "moog_rate_limit: default -> 70\n", 'is changed');
is($cli->ok(qw(config get moog_rate_limit)), "70\n", 'it is stored');
is(scalar $t->sql("SELECT record_key || ' ' || reason || ' ' || changed_by
    FROM config_audit_log"), 'moog_rate_limit it "bears" more webui',
    'and audited, with the reason');
like($cli->ok(qw(config list)), qr/^moog_rate_limit +70 +50 +requests +webui/m,
    'it is in the list');
is(json(qw(config list))->{config}{moog_rate_limit}, '70', 'and as JSON');
is(json(qw(config get moog_rate_limit))->{type}, 'int',
    'which has more of it');
$cli->ok(qw(config unset moog_rate_limit));
is($cli->ok(qw(config get moog_rate_limit)), "50\n", 'the default again');
$cli->ok(qw(config set remediation_interval 60));

my $history = $cli->ok(qw(config history));

like($history, qr/^\S+Z  webui  moog_rate_limit: default -> 70  \(it "bears"/m,
    'the history has the change');
like($history, qr/moog_rate_limit: 70 -> default$/m, 'and that it was undone');
unlike($cli->ok(qw(config history moog_rate_limit)), qr/remediation_interval/,
    'of one setting alone');
is(scalar(() = $cli->ok(qw(config history -n 2)) =~ /\n/g), 2,
    'or the last ones');
is(scalar @{ json(qw(config history remediation_interval))->{history} }, 1,
    'as JSON');

$cli->fails(1, qr/404 not_found/, qw(config get nothing_of_the_kind));
$cli->fails(1, qr/400 \w+: .*"value"/, qw(config set moog_rate_limit many));
$cli->fails(2, qr/VALUE is missing; usage: muttdev config set KEY VALUE/,
    qw(config set moog_rate_limit));
$cli->fails(2, qr/no name/, qw(config get ../rules));
$cli->fails(2, qr/no name/, qw(config get ..));
$cli->fails(2, qr/no option --what/, qw(config list --what));
$cli->fails(2, qr/too many words/, qw(config get one two));
$cli->fails(2, qr/-n wants a number from 1 to 200/,
    qw(config history -n 0));

###############################################################################
# keys

my ($status, $key, $said) = $cli->run(qw(keys add shipper --scope ingest
    --expires 30d --reason new));

is($status, 0, 'a key is made') or diag($said);
like($key, qr/\Amutt_[0-9a-f]{64}\n\z/, 'which alone is on stdout');
like($said, qr/shipper.*not shown again/, 'the rest is beside it');
chomp $key;

my $row = json(qw(keys list))->{keys}[0];

is("@{ $row->{scopes} }", 'ingest', 'it has its scope');
like($row->{expires_at}, qr/^\d{4}-/, 'and an end');
ok($t->wait_for(sub { $t->ingest({}, 'X-API-KEY' => $key)->{code} == 200 },
    10), 'and is good');

sub limit_of {
    my ($name) = @_;

    return (grep { $_->{name} eq $name } @{ json(qw(keys list))->{keys} })[0]
        ->{rate_limit};
}

is(limit_of('shipper'), undef, 'and no limit of its own');
$cli->ok(qw(keys limit shipper 6000 --reason loud));
is(limit_of('shipper'), 6000, 'it can be given one');
like($cli->ok(qw(keys list)), qr{^\d+ +shipper +\S+ +6000 }m,
    'which is shown');
$cli->ok(qw(keys limit shipper none));
is(limit_of('shipper'), undef, 'and no longer has it');
$cli->fails(2, qr/EVENTS is a number, or none/, qw(keys limit shipper much));
$cli->fails(2, qr/EVENTS is missing/, qw(keys limit shipper));
$cli->fails(1, qr/400 .*rate_limit/, qw(keys limit shipper 0));
$cli->fails(1, qr/404/, qw(keys limit nobody 5));

my ($next) = json(qw(keys rotate shipper))->{key};

isnt($next, $key, 'it has a successor');

my $list = $cli->ok(qw(keys list));

is(scalar(() = $list =~ /^\d+ +shipper /mg), 2, 'both are there');
unlike($list, qr/mutt_|$key|$next/, 'and shown no more');
$cli->ok(qw(keys revoke shipper --id), $row->{id}, qw(--reason moved));
is(join(' ', map { defined $_->{revoked_at} ? 'revoked' : 'good' }
    sort { $a->{id} <=> $b->{id} } @{ json(qw(keys list))->{keys} }),
    'revoked good', 'the first one is revoked');
$cli->ok(qw(keys revoke shipper));
is(scalar(grep { !defined $_->{revoked_at} } @{ json(qw(keys list))->{keys} }),
    0, 'now all of the name are');
$cli->fails(1, qr/404/, qw(keys revoke nobody));
$cli->fails(1, qr/400 .*scopes/, qw(keys add other --scope everything));
$cli->fails(2, qr/--scope is missing/, qw(keys add other));
$cli->ok(qw(keys add narrow --scope ingest --limit 60));
is(limit_of('narrow'), 60, 'a key may have its limit from the start');
$cli->fails(2, qr/--limit wants a number/,
    qw(keys add other --scope ingest --limit much));
$cli->fails(2, qr/NAME is missing/, qw(keys add --scope ingest));

###############################################################################
# rules, queues

$t->rule(match_string => "link\e[31m down");
is(json(qw(rules list))->{rules}[0]{match_string}, "link\e[31m down",
    'rules are listed');
like($cli->ok(qw(rules list)), qr/contains +link\\u001b\[31m down/,
    'what a terminal would obey is written out');

is(ref json('queues'), 'HASH', 'queues are JSON');
like($cli->ok('queues'), qr/^ingest +\d.*^breaker +CLOSED/ms, 'and text');

###############################################################################
# dead letters

my @letters = map { sprintf '{"_attempts":4,'
    . '"_failed_at":"2026-01-02T03:04:05.000000Z",'
    . '"_failed_reason":"%s","_replays":0,"_event_id":'
    . '"01930000-0000-7000-8000-%012d","_correlation_id":"c%d",'
    . '"_received_at":"2026-01-01T00:00:00.000000Z","_source":"1",'
    . '"hostname":"r1","message":"link\u001b[2J",'
    . '"timestamp":"2026-01-01T00:00:00Z"}',
    $_ > 6 ? 'other' : 'sqlstate_x', $_, $_ } 1 .. 9;

$t->redis('lpush', 'mutt:dlq:alerter', @letters);
$t->redis(qw(hset mutt:ledger accepted 9));
$t->redis(qw(hincrby mutt:ledger accepted 1)) for 1 .. $t->redis('llen',
    'mutt:ingest_queue');
like($cli->ok(qw(dlq list)), qr/^alerter +9 +ingest +2026-01-02.*sqlstate_x/m,
    'the lists of dead letters');

my $shown = $cli->ok(qw(dlq show alerter -n 2));

is(scalar(() = $shown =~ /^2026-01-02.*sqlstate_x.*link\\u001b\[2J/mg), 2,
    'so many letters are shown, harmlessly');

my $waiting = $t->redis('llen', 'mutt:ingest_queue');

like($cli->ok(qw(dlq replay alerter --max 2 --reason fixed)),
    qr/^replayed 2$/m, 'some are sent again');
is($t->redis('llen', 'mutt:ingest_queue'), $waiting + 2, 'so many');
is($t->redis('llen', 'mutt:dlq:alerter'), 7, 'the rest stays');
is(json(qw(dlq replay alerter --failed oth))->{replayed}, 3,
    'or those that failed so');
is($t->ledger()->{difference}, 0, 'the ledger agrees');

$cli->fails(2, qr/nothing was deleted: it takes --yes/,
    qw(dlq purge alerter --reason old));
$cli->fails(2, qr/nothing was deleted: it takes --reason/,
    qw(dlq purge alerter --yes));
is($t->redis('llen', 'mutt:dlq:alerter'), 4, 'nothing was');
is(json(qw(dlq purge alerter --yes --max 1 --reason), 'of no use')->{discarded},
    1, 'one is purged');
like($cli->ok(qw(dlq purge alerter --yes --reason), 'of no use'),
    qr/^discarded 3$/m, 'then all');
is($t->redis('llen', 'mutt:dlq:alerter'), 0, 'the list is empty');
is($t->sql("SELECT count(*) FROM config_audit_log
    WHERE table_name = 'dead_letters' AND operation = 'DELETE'
    AND reason = 'of no use'"), 4, 'each is audited, with the reason');
is($t->ledger()->{difference}, 0, 'the ledger agrees');
$cli->fails(1, qr/404 .*"muttdev dlq list" names/, qw(dlq show nothing));
$cli->fails(1, qr/404/, qw(dlq purge nothing --yes --reason x));
$cli->fails(2, qr/--max wants a number/, qw(dlq replay alerter --max some));

# more than one request takes
my $n = 0;

$t->redis('lpush', 'mutt:dlq:alerter', map { s/-0{11}\d"/sprintf
    '-%012d"', ++$n/er } ($letters[0]) x 10_500);
$t->redis(qw(hincrby mutt:ledger accepted 10500));
is(json(qw(dlq purge alerter --yes --reason many))->{discarded}, 10_500,
    'a long list is purged in several requests');
is($t->ledger()->{difference}, 0, 'the ledger agrees');

###############################################################################
# version, help

like($cli->ok('version'), qr/\Amuttdev \d+\.\d+\.\d+\n\z/, 'the version');
like($cli->ok('version', '--url', $cli->{env}{MUTT_URL}),
    qr/^server \d+\.\d+\.\d+, API 2\.5$/m, 'that of a server');
is(json('version')->{muttdev}, substr($cli->ok('version'), 8) =~ s/\n//r,
    'as JSON');

like($cli->ok(qw(help config set)), qr/\Amuttdev config set KEY VALUE/,
    'a page of help');
like($cli->ok(qw(config set --help)), qr/\Amuttdev config set KEY VALUE/,
    'which --help prints as well');

like($cli->ok(qw(help help)), qr/\Amuttdev help \[COMMAND\]/, 'its own');
like($cli->ok(qw(rules --help)), qr/^  rules import +\S/m,
    'the commands of a group');
$cli->fails(2, qr/"muttdev help rules" lists them/, 'rules');
$cli->fails(2, qr/"muttdev help rules" lists them/, qw(rules frob));
$cli->fails(2, qr/"muttdev help" lists them/, 'frob');
$cli->fails(2, qr/"muttdev help" lists them/, qw(frob --help));

$cli->fails(1, qr/no answer from .*muttdev status/,
    qw(version --url http://127.0.0.1:1));

# What bash makes of a line that is begun.
sub completed {
    my ($line) = @_;

    my @words = split ' ', $line, -1;
    my $at = $#words;

    return join ' ', split /\n/, qx(bash -c '. <("$cli->{program}" completion)
        COMP_WORDS=(@words) COMP_CWORD=$at
        _muttdev
        printf "%s\n" "\${COMPREPLY[\@]}"');
}

is(completed('muttdev dl'), 'dlq', 'a command is completed');
is(completed('muttdev dlq p'), 'purge', 'and its second word');
is(completed('muttdev dlq purge moog --m'), '--max', 'and an option');
is(completed('muttdev check ledger --w'), '--wait-drain', 'of any of them');
is(completed('muttdev rules export --j'), '--json', 'also one of all');
is(completed('muttdev help r'), 'rules retention', 'or what help explains');
is(completed('muttdev help rules ex'), 'export', 'of it all');

# What cannot be written is no success: a full disk under an export.
is(system("'$cli->{program}' version > /dev/full 2> '@{[ $t->dir() ]}/full'")
    >> 8, 1, 'output that is lost is a failure');
is(Mutt::Cli::slurp($t->dir() . '/full'), 'muttdev: the output could not be '
    . "written: No space left on device\n", 'and is told of');

###############################################################################
# Keys of ours, and no answer

my $file = $t->dir() . '/key';

open my $out, '>', $file or die $!;
print $out $t->key('admin'), "\n";
close $out;

$cli->env(MUTT_API_KEY => 'not-the-key');
unlike($cli->fails(1, qr/401 unauthorized.*MUTT_API_KEY/, qw(config list)),
    qr/not-the-key/, 'and keeps the key to itself');
$cli->ok(qw(config list --key-file), $file);
$cli->fails(1, qr/No such file/, qw(config list --key-file /nonexistent));
$cli->env(MUTT_API_KEY => undef, MUTT_API_KEY_FILE => $file);
$cli->ok(qw(config list));
$cli->env(MUTT_API_KEY => $t->key('ingest'));
$cli->fails(1, qr/403 forbidden/, qw(config list));
$cli->fails(1, qr/404.*no answer of a MUTT/, qw(queues --url),
    'http://127.0.0.1:' . $t->port('sink'));
$cli->fails(1, qr/no answer/, qw(queues --url http://127.0.0.1:1));
$cli->fails(1, qr/http or https/, qw(queues --url ftp://127.0.0.1));
$cli->env(MUTT_URL => undef);
$cli->fails(1, qr/MUTT_URL.*muttdev up/, 'queues');

$t->done();
