# A worker dies at each named point of its work, once: the next one goes on
# where it was, nothing is lost, nothing happens twice but a request to the
# webhook, and that under the same Idempotency-Key.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Http;
use Mutt::Test;
use Test::More;

# What the worker is doing, who it is, where it dies, how often the webhook
# may then see an alert again.
my @points = (
    [ 'before a claim', 'alerter', 'alerter.claim', 0 ],
    [ 'a claim is sent', 'alerter', 'redis.sent:claim', 0 ],
    [ 'it has claimed', 'alerter', 'alerter.claimed', 0 ],
    [ 'the rows are sent', 'alerter', 'pg.sent:audit', 0 ],
    [ 'the rows are committed', 'alerter', 'alerter.audited', 0 ],
    [ 'a commit is sent', 'alerter', 'redis.sent:commit', 0 ],
    [ 'it has committed', 'alerter', 'alerter.committed', 0 ],
    [ 'it has alerts', 'forwarder', 'forwarder.admitted', 0 ],
    [ 'a request is sent', 'forwarder', 'http.sent', 1 ],
    [ 'its answer is read', 'forwarder', 'forwarder.answered', 1 ],
    [ 'a settlement is sent', 'forwarder', 'redis.sent:settle', 1 ],
    [ 'it has recovered its own', 'alerter', 'recover.moved', 0 ],
    [ 'a recovery is sent', 'alerter', 'redis.sent:recover', 0 ],
);

my $t = Mutt::Test->new()->has(
    qw(redis postgres nginx sink alerter forwarder));

if (!$t->sanitized()) {
    plan(skip_all => 'the released build has no failpoints');
}

# one request at a time, so that one is what a crash can repeat
$t->env(MOOG_MAX_INFLIGHT => 1, MOOG_RATE_LIMIT => 100_000,
    ALERTER_HEARTBEAT_INTERVAL => 1, ALERTER_JANITOR_TIMEOUT => 3,
    REMEDIATION_INTERVAL => 1);
$t->run();
$t->rule(match_string => 'page');
$t->rule(match_string => 'note', prod_handling => 'Log_only');

my $sent = 0;
my @acked;

# Ten events, four of them alerts.
sub send_events {
    my @ids = map { sprintf '01930000-0000-7000-8000-%012x', ++$sent } 1 .. 10;
    my $k = 0;
    my $r = $t->ingest([ map { $t->event(event_id => $_,
        message => $k++ < 4 ? 'page' : 'note') } @ids ]);

    push @acked, @ids if $r->{code} == 200;
    return $r->{code} == 200;
}

sub drained {
    my $ledger = $t->ledger();

    return !grep { $ledger->{$_} } qw(ingest_queue alert_queue processing
        retry dlq_moog);
}

# Idempotency-Key => how often the webhook has seen it.
sub keys_seen {
    my $body = Mutt::Http::request($t->port('sink'), 'GET', '/keys')->{body};

    return map { /^(\S+) (\d+)$/ ? ($1 => $2) : () } split /\n/, $body;
}

sub repeats {
    my %seen = keys_seen();
    my $repeats = 0;

    $repeats += $_ - 1 for values %seen;
    return $repeats;
}

# Starts a worker that will die there; true when it has.
sub dies {
    my ($worker, $point) = @_;

    $t->launch($worker, MUTT_FAIL => "$point=kill");
    return $t->process($worker)->expect_end('signal 9', 15) eq 'signal 9';
}

# What speaks against the promises, as text.
sub wrong {
    my ($repeats_before, $allowed) = @_;

    my $ledger = $t->ledger();
    my %rows = map { @$_ } $t->sql(
        'SELECT event_id, count(*) FROM event_audit_log GROUP BY 1');
    my %seen = keys_seen();
    my $lost = grep { !$rows{$_} } @acked;
    my $twice = grep { $_ > 1 } values %rows;
    my $repeats = repeats() - $repeats_before;
    my $alerts = @acked / 10 * 4;
    my @wrong;

    push @wrong, "ledger difference $ledger->{difference}"
        if $ledger->{difference};
    push @wrong, "$lost of " . @acked . ' lost' if $lost;
    push @wrong, "$twice with two rows" if $twice;
    push @wrong, "$ledger->{dead} dead" if $ledger->{dead};
    push @wrong, "$ledger->{delivered} alerts delivered, $alerts raised"
        if $ledger->{delivered} != $alerts;
    push @wrong, keys(%seen) . " keys at the webhook, $alerts raised"
        if keys %seen != $alerts;
    push @wrong, "$repeats repeated at the webhook" if $repeats > $allowed;
    return join ', ', @wrong;
}

###############################################################################

$t->wait_for(sub { ($t->metrics('alerter')->{mutt_alerter_cache_rules_count}
    // 0) == 2 }, 10);

for my $row (@points) {
    my ($what, $worker, $point, $allowed) = @$row;
    my $repeats = repeats();

    $t->stop($worker);
    send_events() or die "no event is accepted\n";
    $t->wait_for(sub { $t->ledger()->{alert_queue} }, 10)
        if $worker eq 'forwarder';

    # what is recovered was claimed by one that died, of the same name
    dies($worker, 'alerter.claimed') if $point =~ /recover/;

    subtest "killed when $what" => sub {
        ok(dies($worker, $point), "it dies at $point");
        $t->start($worker);
        $t->wait_for(\&drained, 15, 'the next one finishes its work');
        is(wrong($repeats, $allowed), '', 'and every promise is kept');
    };
}

###############################################################################
# the janitor of another worker: it dies when it has found who is silent, and
# the one after it does the work

$t->stop('alerter');
send_events() or die "no event is accepted\n";
dies('alerter2', 'alerter.claimed');

my $repeats = repeats();

subtest 'killed when a silent worker is found' => sub {
    ok(dies('alerter', 'janitor.found'), 'it dies at janitor.found');
    $t->start('alerter');
    $t->wait_for(\&drained, 20, 'the next one finishes its work');
    is(wrong($repeats, 0), '', 'and every promise is kept');
};

###############################################################################
# remediation, while it puts back what the webhook had refused

sub sink_answers {
    Mutt::Http::request($t->port('sink'), 'POST', "/control?status=$_[0]", '');
}

sink_answers(400);
send_events() or die "no event is accepted\n";
$t->wait_for(sub { $t->ledger()->{dlq_moog} == 4 }, 10);
sink_answers(200);
$repeats = repeats();

subtest 'killed when a replay is sent' => sub {
    ok(dies('remediation', 'redis.sent:replay'), 'it dies at redis.sent:replay');

    # as if it had run out
    $t->redis('del', 'mutt:remediation:lease');
    $t->start('remediation');
    $t->wait_for(\&drained, 20, 'the next one finishes its work');
    # each had been refused once
    is(wrong($repeats, 4), '', 'and every promise is kept');
};

###############################################################################
# the released programs have none of it

SKIP: {
    my @released = grep { -e } map { "$FindBin::Bin/../build/$_" }
        qw(mutt-alerter mutt-forwarder mutt-remediation
        ngx_http_mutt_module.so);

    skip('nothing is released here', 1) unless @released;

    my @traces = grep { /failpoint|MUTT_FAIL\b/ }
        map { split /\n/, `nm -a $_ && strings -d $_` } @released;

    is("@traces", '', 'the released programs have no failpoints');
}

$t->done();
