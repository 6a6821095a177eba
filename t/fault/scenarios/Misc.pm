package Mutt::Scenarios::Misc;

# Everything at once, storms of dead letters, and what cannot run yet.

use strict;
use warnings;

use Mutt::Http;
use Time::HiRes qw(time);

my @workers = qw(alerter alerter2 forwarder forwarder2);

sub one_of { return $_[rand @_] }

sub control {
    my ($f, $query) = @_;

    Mutt::Http::request($f->t->port('sink'), 'POST', "/control?$query", '');
}

# A fault that is over when the sub returns.
my %steps = (
    'a worker is killed' => sub {
        my ($f) = @_;
        my $name = one_of(@workers);

        $f->t->kill($name);
        $f->pause(rand 1);
        $f->t->launch($name);
    },
    'a worker stands still' => sub {
        my ($f) = @_;
        my $name = one_of(@workers);

        $f->t->signal($name, 'STOP');
        $f->pause(rand 6);
        $f->t->signal($name, 'CONT');
    },
    'Redis is killed' => sub {
        my ($f) = @_;

        $f->t->kill('redis');
        $f->pause(rand 2);
        $f->t->start('redis');
    },
    'Redis stands still' => sub {
        my ($f) = @_;

        $f->t->signal('redis', 'STOP');
        $f->pause(rand 3);
        $f->t->signal('redis', 'CONT');
    },
    'Redis forgets its scripts' => sub { $_[0]->t->redis('script', 'flush') },
    'fences are lost' => sub { $_[0]->t->redis('del', 'mutt:fence') },
    'PostgreSQL is killed' => sub {
        my ($f) = @_;

        $f->t->kill('postgres', 'QUIT');
        $f->pause(rand 2);
        $f->t->start('postgres');
    },
    'PostgreSQL ends connections' => sub {
        $_[0]->t->sql(q{SELECT pg_terminate_backend(pid)
            FROM pg_stat_activity WHERE usename LIKE 'mutt\_%'});
    },
    'the webhook refuses' => sub {
        my ($f) = @_;

        control($f, 'status=' . one_of(429, 500, 503, 401, 408));
        $f->pause(rand 3);
        control($f, 'status=200');
    },
    'nginx is reloaded' => sub { $_[0]->t->signal('nginx', 'HUP') },
    'an nginx worker is killed' => sub {
        my @pids = $_[0]->t->nginx_workers();

        kill 'KILL', $pids[rand @pids];
    },
    'a connection is spoilt' => sub {
        my ($f) = @_;
        my $part = one_of(qw(redis postgres sink));

        $f->t->fault($part, split ' ', one_of('reset', 'drop', 'delay 50',
            'reset-every 20', 'half-every 20', 'cut-after 200', 'stall 10'));
        $f->pause(rand 2);
        $f->t->fault($part, 'pass');
    },
);

sub walk {
    my ($f) = @_;

    my $ends = time() + $f->pick(8, $f->seconds);
    my %times;

    $f->t->allow_alert(qr/exited on signal 9/);

    while (time() < $ends) {
        my $step = one_of(sort keys %steps);

        $times{$step}++;
        $steps{$step}->($f);
        $f->pause(rand 0.5);
    }

    my $sum = 0;

    $sum += $_ for values %times;
    $f->note("$sum faults of " . keys(%times) . ' kinds');
}

# Alerts that were shed come back while the webhook comes and goes.
sub storm {
    my ($f) = @_;

    my $t = $f->t;
    my ($most, $flips) = (0, 0);

    $t->stop($_) for qw(forwarder forwarder2 remediation);
    $f->send(count => $f->pick(5_000, 50_000));
    $f->until(sub { my $l = $t->ledger();
        $l->{ingest_queue} + $l->{processing} == 0 }, 120, 'events are shed');

    my $letters = $t->ledger()->{dlq_alerter};
    my $next = time();

    $t->start($_) for qw(forwarder forwarder2 remediation);
    $f->healed();
    $f->until(sub {
        my $l = $t->ledger();

        $most = $l->{alert_queue} if $l->{alert_queue} > $most
            && $l->{dlq_alerter} < $letters;

        if (time() >= $next) {
            control($f, 'status=' . ($flips++ % 2 ? 200 : 503));
            $next = time() + 2;
        }

        $l->{dlq_alerter} + $l->{alert_queue} + $l->{retry} == 0
    }, 280, 'the storm drains');
    control($f, 'status=200');
    $f->note("$letters dead letters, alert queue at most $most");
    $f->expect($most <= 2001, "the alert queue was $most deep");
}

# The webhook comes and goes, so that the depth crosses the threshold often.
sub oscillate {
    my ($f) = @_;

    my $times = $f->pick(2, 15);

    $f->every(2, 2 * $times, sub {
        control($f, 'status=' . ($_[0] % 2 ? 503 : 200));
    });
    control($f, 'status=200');

    my $ends = 0;

    for my $name (qw(alerter alerter2)) {
        $ends += () = $f->t->log_of($name) =~ /shedding ends/g;
    }

    $f->note("$times outages, shedding ended $ends times");
    $f->expect($ends <= 2 * $times, "shedding flapped $ends times");
    $f->until(sub { $f->t->ledger()->{dlq_alerter} == 0 }, 120,
        'what was shed is replayed');
}

sub no_remediation {
    return -x Mutt::Test::find_build() . '/mutt-remediation' ? undef
        : 'needs mutt-remediation';
}

my @with_remediation = qw(redis postgres nginx sink alerter alerter2 forwarder
    forwarder2 remediation);

return (
    {
        id => 'F64',
        what => 'dead letters: a storm comes back, the breaker flaps',
        parts => \@with_remediation,
        load => 0,
        skip => \&no_remediation,
        setup => sub {
            $_[0]->t->env(REMEDIATION_INTERVAL => 1,
                REMEDIATION_BATCH_SIZE => 1000, MAX_POISON_RETRIES => 100,
                ALERTER_QUEUE_WARN_THRESHOLD => 1000,
                ALERTER_QUEUE_SHED_THRESHOLD => 2000);
        },
        fault => \&storm,
    },
    {
        id => 'F65',
        what => 'shedding: the depth swings around the threshold',
        parts => \@with_remediation,
        skip => \&no_remediation,
        setup => sub {
            $_[0]->t->env(REMEDIATION_INTERVAL => 1,
                REMEDIATION_BATCH_SIZE => 100, MAX_POISON_RETRIES => 100,
                ALERTER_QUEUE_WARN_THRESHOLD => 100,
                ALERTER_QUEUE_SHED_THRESHOLD => 200);
        },
        fault => \&oscillate,
    },
    {
        id => 'F67',
        what => 'Vault is down, its token ends',
        skip => 'secrets come from the environment or files; Vault is a later'
            . ' feature',
    },
    {
        id => 'F71',
        what => 'retention killed while it drops a partition',
        skip => 'in t/retention.t: killed at the copy and at the drop',
    },
    {
        id => 'F73',
        what => 'random walk through all of it (--seconds)',
        within => 600,
        recovers => 90,
        setup => sub { $_[0]->t->proxy(qw(redis postgres sink)) },
        fault => \&walk,
    },
);
