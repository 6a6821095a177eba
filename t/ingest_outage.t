# Redis stops, hangs, comes back, is flushed of scripts; nginx reloads under
# load: no request hangs, none gets another's answer, none that was answered
# 2xx is missing.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Mutt::Test->new()->has(qw(redis nginx))->plan(28);

$t->run();

my $sent = 0;
my %accepted;

# one event with an id of its own; what it was answered, and how long it took
sub send_one {
    my $id = sprintf '01930000-0000-7000-8000-%012x', ++$sent;
    my $began = time();
    my $r = $t->ingest({ event_id => $id, message => "event $sent" });

    $accepted{$id} = 1 if $r->{code} == 200;
    return ($r, time() - $began, $id);
}

sub queued {
    return map { decode_json($_)->{event_id} => 1 }
        $t->redis('lrange', 'mutt:ingest_queue', 0, -1);
}

###############################################################################

is((send_one())[0]{code}, 200, 'an event is accepted');
is($t->health('nginx')->{code}, 200, '/health is green');

$t->stop('redis');

my ($r, $took) = send_one();

is($r->{code}, 503, 'without Redis it is refused');
is($r->{json}{code}, 'redis_unavailable', 'with the reason');
ok($r->{header}{'retry-after'} >= 1, 'and when to come back');
cmp_ok($took, '<', 0.6, 'and at once');
is($t->health('nginx')->{code}, 503, '/health is red');

$t->start('redis');
$t->linked('service resumes by itself');

$t->redis('script', 'flush');
is((send_one())[0]{code}, 200, 'a flushed script costs nobody anything');

$t->redis('lpush', 'mutt:ingest_queue:staged', 'left over');

my $depth = $t->redis('llen', 'mutt:ingest_queue');

is($t->ingest([ map { { hostname => 'r1', message => "batch $_",
    timestamp => time() } } 1 .. 20 ])->{code}, 200,
    'a key that is called as the staged queue is holds up no batch');
is($t->redis('llen', 'mutt:ingest_queue'), $depth + 20, 'which is all queued');
is_deeply([ $t->redis('lrange', 'mutt:ingest_queue:staged', 0, -1) ],
    [ 'left over' ], 'and nothing is pushed to it');
$t->redis('del', 'mutt:ingest_queue:staged');
$t->redis('lpop', 'mutt:ingest_queue', 20);
$t->redis('hincrby', 'mutt:ledger', 'accepted', -20);

###############################################################################
# a Redis that hangs: the late answer is nobody's

$t->signal('redis', 'STOP');
($r, $took) = send_one();
is($r->{code}, 503, 'a hanging Redis is an outage');
cmp_ok($took, '<', 0.9, 'with a deadline');
$t->signal('redis', 'CONT');

$t->linked('when it goes on so does the service');

my ($good, undef, $id) = send_one();

is($good->{json}{event_id}, $id, 'an answer is that of its request');

###############################################################################
# reload under load

my $failed = 0;
my $n = 0;
my $until = time() + 4;
my $reload_at = time();

while (time() < $until) {
    if (time() >= $reload_at) {
        $t->signal('nginx', 'HUP');
        $reload_at = time() + 1;
    }

    my ($answer) = send_one();

    $n++;
    next if $answer->{code} == 200;
    $failed++;
    diag("request $n: $answer->{code} $answer->{body}\n",
        map { "$_\n" } grep { /mutt: / } split /\n/, $t->log_of('nginx'));
}

is($failed, 0, "of $n requests during four reloads none failed");

my %queued = queued();

is(scalar(grep { !$queued{$_} } keys %accepted), 0,
    'every accepted event is in the queue');
is($t->ledger()->{accepted}, scalar keys %queued,
    'and the ledger counts what is there');
is($t->ledger()->{difference}, 0, 'and balances');
ok($t->wait_for(sub {
    !grep { /shutting down/ } map { slurp_cmd($_) } $t->nginx_workers()
}, 5), 'old processes are gone');

###############################################################################
# workers that are slow to start, longer than a connection to Redis may take

my $late = () = $t->log_of('nginx') =~ /redis is away: no answer/g;

$t->restart('nginx', MUTT_FAIL => 'nginx.start=sleep:700+');
is((send_one())[0]{code}, 200, 'the first event of a slow start is accepted');
is(scalar(grep { (send_one())[0]{code} != 200 } 1 .. 50), 0,
    'and so are those after it');
is(scalar(() = $t->log_of('nginx') =~ /redis is away: no answer/g), $late,
    'no connection was late');
$t->restart('nginx');
$t->linked();

###############################################################################
# a Redis that comes back without its data

my $had = $t->ledger()->{accepted};

$t->stop('redis');
system('rm', '-rf', $t->dir() . '/appendonlydir');
$t->start('redis');
$t->linked('a Redis without its data is taken for what it is');
is((send_one())[0]{code}, 200, 'and takes events');
ok($t->wait_for(sub { send_one();
    $t->metrics('nginx')->{mutt_ledger_regression_events_total} > 0 }, 5),
    'and the loss is reported');
cmp_ok(abs($t->metrics('nginx')->{mutt_ledger_regression_events_total}
    - $had), '<=', $t->ledger()->{accepted}, 'as what it was');

sub slurp_cmd {
    open my $file, '<', "/proc/$_[0]/cmdline" or return '';
    return scalar <$file> // '';
}
