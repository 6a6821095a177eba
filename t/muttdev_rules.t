# muttdev rules export, import, test: rules as a file, there and back, and
# what they would decide.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Cli;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx));

$t->run();

my $cli = Mutt::Cli->new($t);

sub live {
    return $t->sql('SELECT count(*) FROM alert_rules WHERE deleted_at IS NULL');
}

###############################################################################
# There and back

$t->rule(match_string => 'link down', priority => 10);
$t->rule(match_string => "fan \\d", match_type => 'regex');
$t->sql("INSERT INTO development_hosts VALUES ('lab')");
$t->sql("INSERT INTO device_teams VALUES ('r1', 'NETO')");

my $export = $cli->ok(qw(rules export));
my $all = decode_json($export);

is(join(' ', map { scalar @{ $all->{$_} } } qw(rules dev_hosts teams)), '2 1 1',
    'rules, hosts and teams are exported');
is($cli->ok(qw(rules export)), $export, 'the same gives the same');
ok(!exists decode_json($cli->ok(qw(rules export --no-ids)))->{rules}[0]{id},
    'without ids for another installation');

my $same = $cli->file('same', $export);

like($cli->ok(qw(rules import), $same, qw(--reason again)),
    qr/^rules: 0 added, 0 changed, 0 removed, 2 the same$/m,
    'what was exported changes nothing');

my %more = (rules => [ { %{ $all->{rules}[0] }, priority => 11 },
    { match_string => 'new one', prod_handling => 'Log_only',
        dev_handling => 'Log_only', team_assignment => 'NETO' } ]);
my $changed = $cli->file('changed', \%more);
my $said = $cli->ok(qw(rules import), $changed, '--dry-run');

like($said, qr/^\+ rules -: new one/m, 'a dry run shows what would be added');
like($said, qr/^~ rules 1\n    priority: 10 -> 11$/m, 'and changed');
like($said, qr/^rules: would be 1 added, 1 changed, 0 removed/m, 'counted');
is(live(), 2, 'and does nothing');

$said = decode_json($cli->ok(qw(rules import), $changed, qw(--replace --json
    --reason), 'all of them'));
is(scalar @{ $said->{rules}{removed} }, 1, 'what is not in it is deleted');
is(live(), 2, 'when that is asked for');
is($t->sql("SELECT count(*) FROM config_audit_log
    WHERE reason = 'all of them'"), 3, 'each change is audited');
is($t->sql('SELECT count(*) FROM development_hosts'), 1,
    'a list that is not there is left alone');

$cli->fails(2, qr/it wants a --reason, or --dry-run/, qw(rules import), $same);
$cli->fails(1, qr/400 .*rules\[0\]/, qw(rules import), $cli->file('bad',
    { rules => [ { match_string => 'x' } ] }), '--dry-run');
$cli->fails(1, qr/no object/, qw(rules import), $cli->file('list', '[]'),
    '--dry-run');
$cli->fails(1, qr/line 1/, qw(rules import), $cli->file('broken', '{'), '--dry-run');
is(live(), 2, 'none of which changes anything');

###############################################################################
# What others have changed since the export is not undone

my $old = decode_json($cli->ok(qw(rules export)));

like($old->{version}, qr/\A[0-9a-f]+\z/, 'an export says its version');
ok(!exists decode_json($cli->ok(qw(rules export --no-ids)))->{version},
    'but not one for another installation');

$old->{rules}[0]{priority} = 77;
my $edited = $cli->file('edited', $old);

$cli->ok(qw(rules import), $edited, qw(--reason mine));
is($t->sql('SELECT count(*) FROM alert_rules WHERE priority = 77'), 1,
    'what was exported and edited is imported');
like($cli->ok(qw(rules import), $edited, qw(--reason again)),
    qr/^rules: 0 added, 0 changed, 0 removed/m,
    'and again, there being nothing to do');

$t->sql("INSERT INTO development_hosts VALUES ('of-another')");
$old->{rules}[0]{priority} = 78;
$edited = $cli->file('edited', $old);

for my $mode ([], ['--replace']) {
    $cli->fails(1, qr/changed since .*edited was exported, so nothing.*--force/,
        qw(rules import), $edited, '--reason', 'too late', @$mode);
}

is($t->sql('SELECT count(*) FROM alert_rules WHERE priority = 78'), 0,
    'nothing was changed');
is($t->sql("SELECT count(*) FROM development_hosts
    WHERE hostname = 'of-another'"), 1, 'nor deleted');

my ($status, $out, $err) = $cli->settled(qr/(?!)/, qw(rules import), $edited,
    qw(--dry-run --replace));

is($status, 0, 'a dry run shows it');
like($out, qr/^- dev_hosts of-another$/m, 'with what would be undone');
like($err, qr/changed since .*edited was exported, so it takes --force/,
    'and says that it is late');

$cli->ok(qw(rules import), $edited, '--force', '--reason', 'all the same');
is($t->sql('SELECT count(*) FROM alert_rules WHERE priority = 78'), 1,
    'it can be forced');

$old->{version} = 'newest';
$cli->fails(1, qr/"version" of .*edited is none of rules export/,
    qw(rules import), $cli->file('edited', $old), '--dry-run');

###############################################################################
# What they would decide

$said = decode_json($cli->ok(qw(rules test --json), $cli->file('event',
    $t->event(hostname => 'LAB', message => 'a new one'))));
is($said->{winner}{match_string}, 'new one', 'the rules of the API are tried');
is($said->{environment}, 'dev', 'with its development hosts');
$cli->fails(1, qr/no answer/, qw(rules test --url http://127.0.0.1:1),
    $t->dir() . '/event');

$t->done();
