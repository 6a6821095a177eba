# Whatever lies in the ingest queue, the alerter lives: what is no event goes
# to the dead letters with its bytes and a reason, and the next one is
# processed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use MIME::Base64;
use Mutt::Test;
use Test::More;

my $RANDOM = 1000;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter))->plan(13);

$t->run();
$t->rule(match_string => 'good', prod_handling => 'Log_only');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 10);

my @pushed;

sub put {
    my ($item) = @_;

    $t->redis('lpush', 'mutt:ingest_queue', $item);
    push @pushed, $item;
}

###############################################################################

my $envelope = '"_event_id":"01930000-0000-7000-8000-000000000000",'
    . '"_correlation_id":"c","_received_at":"2026-11-20T10:00:00Z"';

put($_) for '', ' ', '1', 'null', '"x"', '[]', '{}', '{"a":', '{}{}',
    "\x{ef}\x{bb}\x{bf}{}", "{\"a\":\"\0\"}",
    # B79 no envelope: an event of somebody else's
    '{"hostname":"h","message":"good","_moog_retry_count":1}',
    # B77 an envelope that is none
    "{$envelope}", "{$envelope,\"hostname\":1,\"message\":\"good\"}",
    '{"_event_id":"x","_correlation_id":"c","_received_at":"now",'
    . '"hostname":"h","message":"good"}',
    '[' x 100_000,
    # B74 a hundred megabytes
    '{"hostname":"' . 'x' x 100_000_000;

srand 7;
put(join '', map { chr int rand 256 } 0 .. int rand 200) for 1 .. $RANDOM;

# Redis may be busy with what it was given: like any sender, again with its id
$t->wait_for(sub { $t->ingest({ message => 'a good one',
    event_id => '01930000-0000-7000-8000-00000000600d' })->{code} == 200 }, 20,
    'a good event comes behind them');
# the hundred megabytes take their time where there is little of it
ok($t->wait_for(sub { $t->ledger()->{logged} == 1 }, 120),
    'and is processed');

my $ledger = $t->ledger();

is($ledger->{dead}, scalar @pushed, 'all of them are dead letters');
is($ledger->{external_in}, scalar @pushed, 'counted as not ours');
is($ledger->{difference}, 0, 'and the ledger balances');

my %raw;

for my $item ($t->redis('lrange', 'mutt:dlq:dead', 0, -1)) {
    my $letter = decode_json($item);
    my $raw = defined $letter->{raw_base64}
        ? decode_base64($letter->{raw_base64}) : $letter->{raw};

    utf8::encode($raw) unless defined $letter->{raw_base64};
    $raw{$raw}++ if $letter->{_failed_reason} eq 'malformed'
        && $letter->{_failed_at} =~ /^\d{4}-.*Z$/;
}

is(scalar(grep { !$raw{$_}-- } @pushed), 0, 'each with its own bytes');

###############################################################################
# an event whose row PostgreSQL refuses takes no neighbour along

my @events = map { $t->event(message => "good $_",
    timestamp => '2026-11-20T10:00:00Z') } 1 .. 50;

$t->stop('alerter');
is($t->ingest(\@events)->{json}{accepted}, 50, 'fifty are accepted');

# what ingest would refuse: a year that the partitions cannot have
my $bad = $t->redis('lindex', 'mutt:ingest_queue', 20);

$bad =~ s/"_event_id":"[^"]*"/"_event_id":"01930000-0000-7000-8000-00000000beef"/;
$bad =~ s/"hostname":"r1"/"hostname":"r1\\u0000"/;
$t->redis('lset', 'mutt:ingest_queue', 20, $bad);
$t->start('alerter');

ok($t->wait_for(sub { $t->ledger()->{logged} >= 50 }, 15),
    'forty-nine of them are logged');
is($t->sql('SELECT count(*) FROM event_audit_log'), 50, 'and have their rows');

my ($dead) = grep { /beef/ } $t->redis('lrange', 'mutt:dlq:dead', 0, -1);

like($dead // '', qr/"_failed_reason":"sqlstate_22/,
    'the fiftieth is a dead letter with its SQLSTATE');
is($t->ledger()->{difference}, 0, 'the ledger balances');

###############################################################################
# months without a partition

$t->stop('alerter');
$t->ingest("good in $_") for 1 .. 3;

for my $i (0 .. 2) {
    my $item = $t->redis('lindex', 'mutt:ingest_queue', $i);
    my $year = 2030 + $i;

    $item =~ s/"_received_at":"\d{4}/"_received_at":"$year/;
    $t->redis('lset', 'mutt:ingest_queue', $i, $item);
}

$t->start('alerter');
ok($t->wait_for(sub { $t->ledger()->{logged} >= 53 }, 15),
    'partitions are created on demand');
is($t->sql("SELECT count(*) FROM event_audit_log
    WHERE received_at > '2030-01-01'"), 3, 'and the rows are in them');
