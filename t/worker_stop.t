# A worker that is asked to end does so within 10 s, whatever it waits for,
# and what it held is not lost.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;
use Time::HiRes qw(time);

my $LIMIT = 10;

my $t = Mutt::Test->new()
    ->has(qw(redis postgres nginx sink alerter forwarder remediation))
    ->proxy(qw(redis postgres sink));

$t->env(MOOG_WEBHOOK_TIMEOUT => 600, ALERTER_DEFER_SLEEP_MS => 60000,
    ALERTER_SHED_MODE => 'defer', REMEDIATION_INTERVAL => 1,
    DB_USER_NEXT => 'nobody')->run();
$t->rule(match_string => 'page');
$t->wait_for(\&ready, 10);

sub ready { return ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }

# Starts a part that has something to wait for.
sub begin {
    my ($name) = @_;
    my $waits = () = $t->log_of($name) =~ /waiting for a dependency/g;

    $t->launch($name);
    $t->wait_for(sub { (() = $t->log_of($name)
        =~ /waiting for a dependency/g) > $waits }, 20);
}

sub held { return $t->ledger()->{processing} }

sub ends {
    my ($name, $state) = @_;

    my $began = time();

    $t->stop($name, 60);
    cmp_ok(time() - $began, '<', $LIMIT, "$name ends: $state");
}

sub balances {
    $t->wait_for(sub { $t->ledger()->{difference} == 0 }, 5, $_[0]);
}

###############################################################################

for my $name (qw(alerter forwarder remediation)) {
    ends($name, 'idle');
    $t->start($name);
}

$t->wait_for(\&ready, 10);

###############################################################################
# what is waited for hangs

$t->fault('postgres', 'drop');
$t->ingest([ map { $t->event(message => "page $_") } 1 .. 10 ]);
$t->wait_for(sub { held() == 10 }, 10, 'a claim is in hand');
$t->signal('alerter', 'HUP');
ends('alerter', 'PostgreSQL hangs, with a claim and a reload');
is($t->ledger()->{ingest_queue}, 10, 'the claim is handed back');
begin('alerter');
ends('alerter', 'PostgreSQL hangs since the start');

for my $name (qw(forwarder remediation)) {
    $t->fault('redis', 'drop');
    $t->wait_for(sub { $t->health($name)->{code} == 503 }, 20);
    ends($name, 'Redis hangs');
    begin($name);
    ends($name, 'Redis hangs since the start');
    $t->fault('redis', 'pass');
}

$t->fault('postgres', 'pass');
$t->start('alerter')->start('remediation');
$t->wait_for(sub { $t->redis('llen', 'mutt:alert_queue') == 10 }, 20,
    'the claim is processed afterwards');
$t->fault('redis', 'drop');
$t->fault('postgres', 'drop');
$t->wait_for(sub { $t->health('alerter')->{code} == 503 }, 20);
ends('alerter', 'Redis and PostgreSQL hang');
$t->fault('redis', 'pass');
$t->fault('postgres', 'pass');

###############################################################################
# the webhook hangs

$t->fault('sink', 'drop');
$t->start('forwarder');
$t->wait_for(sub { $t->ledger()->{alert_queue} == 0 }, 10);
ends('forwarder', 'the webhook hangs');
is($t->ledger()->{alert_queue}, 10, 'the alerts are handed back');
balances('and counted once');

###############################################################################
# the alerter defers, for a minute

$t->ingest('page');
$t->start('alerter', ALERTER_QUEUE_WARN_THRESHOLD => 1,
    ALERTER_QUEUE_SHED_THRESHOLD => 1);
$t->wait_for(sub { $t->metrics('alerter')
    ->{'mutt_alerter_shed_events_total{mode="defer"}'} }, 10, 'a deferral');
ends('alerter', 'deferring');
is($t->ledger()->{ingest_queue}, 1, 'the event is where it was');
balances('nothing is missing');

$t->done();
