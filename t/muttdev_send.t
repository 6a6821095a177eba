# muttdev's senders: files of events and traps, made-up load; and which rule
# would win for a file's events.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Cli;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis nginx));

$t->run();

my $cli = Mutt::Cli->new($t);

# What is in the queue, oldest first; it is empty then.
sub queued {
    my @events = map { decode_json($_) }
        reverse $t->redis(qw(lrange mutt:ingest_queue 0 -1));

    $t->redis(qw(del mutt:ingest_queue));
    return @events;
}

###############################################################################
# send

my @five = map { $t->event(message => "number $_") } 1 .. 5;
my $five = $cli->file('five.json', \@five);

like($cli->ok('send', $five), qr/^sent 5, accepted 5, failed 0 in /,
    'an array is sent');
is(join(',', map { $_->{message} } queued()), join(',', map { $_->{message} }
    @five), 'in its order');

my $said = decode_json($cli->ok('send', $cli->file('lines', join "\n",
    map { encode_json($_) } @five), qw(--batch 2 --gzip --json)));

is("$said->{sent} $said->{accepted} $said->{failed}", '5 5 0',
    'an event a line, compressed, in batches');
is(join(',', sort map { $_->{message} } queued()), join(',', map { $_->{message} }
    @five), 'all are there');

$cli->ok('send', $cli->file('one', { hostname => 'r9', message => 'now' }));
like((queued())[0]{timestamp}, qr/^\d{4}-\d\d-\d\dT/,
    'what has no time gets the present one');

$said = decode_json($cli->ok('send', $five, qw(--rate 50 --batch 1 --json)));
cmp_ok($said->{duration_sec}, '>=', 0.07, 'not faster than asked');
queued();

is(scalar @{ decode_json($cli->ok('send', $five, '--dry-run')) }, 5,
    'a dry run prints');
is($t->redis(qw(llen mutt:ingest_queue)), 0, 'and sends nothing');

my $trap = $cli->file('traps', [ { trap_oid => '.1.3.6.1.6.3.1.1.5.3',
    source_ip => '192.0.2.1', variables => { '1.3.6.1.2.1.2.2.1.1.7' => 7 } },
    { trap_oid => '1.3.6.1.4.1.9', hostname => 'r2', message => 'as it is',
        variables => [ { oid => '1.2', value => 'x' } ] } ]);

$cli->ok('send', $trap, qw(--type trap));
@five = queued();
is($five[0]{hostname}, '192.0.2.1', 'a trap\'s host is where it came from');
is($five[0]{message}, 'SNMP trap .1.3.6.1.6.3.1.1.5.3 1.3.6.1.2.1.2.2.1.1.7=7',
    'its message made of OID and variables');
is($five[0]{trap_oid}, '1.3.6.1.6.3.1.1.5.3', 'its OID is an event\'s');
is("$five[1]{hostname} $five[1]{message}", 'r2 as it is',
    'what it has is left');

$cli->fails(1, qr/record 1 has no trap_oid/, 'send', $cli->file('no', '[{}]'),
    qw(--type trap));
$cli->fails(1, qr/neither hostname nor source_ip/, 'send', $cli->file('no',
    [ { trap_oid => '1.3' } ]), qw(--type trap));
$cli->fails(1, qr/line 3/, 'send', $cli->file('bad', "{}\n\n{oops\n"));
$cli->fails(1, qr/has no events/, 'send', $cli->file('empty', "\n"));
$cli->fails(1, qr/No such file/, 'send', '/nonexistent');
$cli->fails(2, qr/--type wants/, 'send', $five, qw(--type snmp));
$cli->fails(2, qr/FILE is missing/, 'send');

my ($status, $out, $err) = $cli->run('send', $cli->file('some', [ $t->event(),
    { hostname => 'r1', message => "\e[31m" x 20, timestamp => 'never' } ]));

is($status, 1, 'one that is refused is a failure');
like($out, qr/accepted 1, failed 1/, 'which is counted');
like($err, qr/refused, validation_failed: /, 'and explained');

($status, $out, $err) = $cli->run('send', $cli->file('none',
    [ { hostname => 'r1', messag => 'x', timestamp => 0 } ]));
is($status, 1, 'and so is a batch of which nothing is taken');
like($err, qr/^muttdev send: status 400 batch_rejected/m, 'it is told');
like($err, qr/^muttdev send: refused, validation_failed: /m, 'of each event');
like($err, qr/^muttdev send: "muttdev rules test .*none" tells/m,
    'with where to see more');
$cli->fails(1, qr/no answer/, 'send', $cli->file('one', $t->event()), '--url',
    'http://127.0.0.1:1');

$cli->env(MUTT_INGEST_KEY => 'wrong');
($status, $out, $err) = $cli->run('send', $five);
is($status, 1, 'a wrong key is a failure');
like($err, qr/401 unauthorized.*is MUTT_INGEST_KEY right/, 'that is told');
unlike("$out$err", qr/wrong/, 'without the key');
$cli->env(MUTT_INGEST_KEY => undef);
$cli->fails(1, qr/no key/, 'send', $five);
$cli->env(MUTT_INGEST_KEY => $t->key('ingest'));
queued();

###############################################################################
# load

$said = decode_json($cli->ok(qw(load --count 205 --threads 3 --batch 10)));
is("$said->{sent} $said->{success} $said->{fail}", '205 205 0',
    'made-up events are accepted');
ok($said->{rate_eps} > 0 && $said->{p50} > 0 && $said->{p99} >= $said->{p50}
    && $said->{duration_sec} > 0, 'and measured');
is(scalar queued(), 205, 'all of them are there');
$cli->fails(2, qr/--count wants/, qw(load --count 0));

($status, $out, $err) = $cli->run(qw(load --count 3 --url http://127.0.0.1:1));
is($status, 1, 'nobody there is a failure');
is(decode_json($out)->{fail}, 3, 'of all');
like($err, qr/muttdev status/, 'with what to do');

###############################################################################
# rules test

my %common = (prod_handling => 'Page_only', dev_handling => 'Log_only',
    team_assignment => 'Network');
my $rules = $cli->file('rules', { rules => [
    { %common, id => 7, priority => 10, match_string => 'LINK down' },
    { %common, id => 8, priority => 5, match_type => 'regex',
        match_string => 'fan\s+\d', syslog_severity => 2 },
    { %common, id => 9, priority => 1, match_string => 'link',
        is_active => JSON::XS::false },
    { %common, id => 10, priority => 20, match_string => 'down' },
    { %common, id => 11, match_type => 'oid_prefix', trap_oid => '1.3.6.1' },
    ], dev_hosts => [ { hostname => 'LAB' } ] });
my @tested = map { { hostname => 'r1', timestamp => 0, message => 'x', %$_ } }
    { message => 'Link Down now' },
    { message => 'fan 3', syslog_severity => 'crit' },
    { message => 'fan 3' },
    { trap_oid => '.1.3.6.1.9', hostname => 'lab' },
    { trap_oid => '1.3.6.10' },
    { message => '' };
my $events = $cli->file('tested', \@tested);
my @answers = map { decode_json($_) } split /\n/,
    ($cli->run('rules', 'test', $events, '--rules', $rules, '--json'))[1];

is(join(' ', map { $_->{winner}{id} // 'none' } @answers),
    '7 8 none 11 none none', 'the rules that would win');
is_deeply($answers[0]{also_matching}, [ 10 ], 'and who matches behind it');
is($answers[3]{decision}, 'Log_only', 'a development host has its handling');
is($answers[0]{decision}, 'Page_only', 'the others theirs');
like($answers[5]{refused}, qr/message/, 'and what ingest would refuse');

($status, $out) = $cli->run('rules', 'test', $events, '--rules', $rules);
is($status, 1, 'which is a failure');
like($out, qr/^event 1 of r1 \(prod\): Page_only, team Network
  rule 7 wins, priority 10: .*LINK down\n  behind .*10/m, 'as text');
like($out, qr/^event 3 .*Unhandled, no rule matches\n(?:  .+ \(\d+\)\n)+/m,
    'with the reasons of those that do not match');
$cli->fails(1, qr/rule 1 of the list: /, 'rules', 'test', $events, '--rules',
    $cli->file('norules', [ { match_string => 'x' } ]));
$cli->fails(1, qr/no "rules"/, 'rules', 'test', $events, '--rules',
    $cli->file('norules', '{}'));

$t->done();
