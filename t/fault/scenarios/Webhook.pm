package Mutt::Scenarios::Webhook;

# The webhook hangs, limits, refuses, lies, cannot be found.

use strict;
use warnings;

use Mutt::Hostile;
use Mutt::Http;
use Time::HiRes qw(time);

sub control {
    my ($f, $query) = @_;

    Mutt::Http::request($f->t->port('sink'), 'POST', "/control?$query", '');
}

# The webhook takes every alert, and its answer does not come, or not all.
sub hanging {
    my ($id, $what, @words) = @_;

    return {
        id => $id,
        what => "webhook: $what",
        setup => sub { $_[0]->t->proxy('sink') },
        fault => sub {
            my ($f) = @_;

            $f->t->fault('sink', @words);
            $f->until(sub { ($f->t->redis('hget',
                'mutt:circuit_breaker:moogsoft', 'state') // '') eq 'OPEN' },
                20, 'the breaker opens');
            $f->pause($f->pick(1, 8));
            $f->t->fault('sink', 'pass');
        },
        check => sub {
            $_[0]->expect($_[0]->result->{dup_webhook} > 0,
                'no answer was lost');
        },
    };
}

sub limited {
    my ($f) = @_;

    # seconds, a date, too long, nonsense: the sixty-first minute never comes
    my %most = (3 => 3.5, 1_000_000_000 => 3600.5, '-1' => 5, x => 5);

    for my $value ($f->pick([ 3, 1_000_000_000 ], [ 3, 1_000_000_000, '-1',
        'x' ])->@*)
    {
        control($f, "status=429&retry_after=$value");

        my $before = attempts($f);

        $f->until(sub { attempts($f) > $before }, 10, 'an alert is refused');

        $f->until(sub { held_for($f) > 2 }, 5, "Retry-After: $value holds")
            if $value =~ /^\d/;

        my $seconds = held_for($f);

        $f->expect($seconds <= $most{$value},
            "Retry-After: $value holds for $seconds s");

        if ($seconds > 1) {
            my $had = attempts($f);

            $f->pause(1.5);
            $f->expect(attempts($f) - $had <= 32,
                'requests are sent while told not to');
        }

        control($f, 'status=200');
        $f->t->redis(qw(hdel mutt:rate_limit:moog hold));
        $f->until(sub { my $l = $f->t->ledger();
            $l->{retry} + $l->{alert_queue} < 10 }, 20,
            'the refused are delivered');
    }
}

# Seconds for which the forwarders are to be silent.
sub held_for {
    my ($f) = @_;

    my $hold = $f->t->redis('hget', 'mutt:rate_limit:moog', 'hold') // 0;

    return $hold ? $hold / 1000 - time() : 0;
}

sub attempts { return $_[0]->t->sink_stats()->{attempts} }

sub wrong_key {
    my ($f) = @_;

    control($f, 'status=401');
    $f->send(count => $f->pick(1_000, 10_000));
    $f->until(sub { $f->t->ledger()->{ingest_queue} == 0 }, 60,
        'the events are alerts');
    $f->pause($f->pick(2, 10));

    my $letters = $f->t->ledger()->{dlq_moog};

    $f->note("$letters dead letters of "
        . $f->t->ledger()->{alert_queue} . ' alerts held');
    $f->expect($letters <= 5, "$letters dead letters");
    control($f, 'status=200');
}

# Alerts go to a server of the scenario's own, then to the sink again.
sub hostile {
    my ($f, @words) = @_;

    my $t = $f->t;
    my $server = Mutt::Hostile::webhook($t, @words);
    my @forwarders = qw(forwarder forwarder2);

    $t->env(MOOG_WEBHOOK_URL => "http://127.0.0.1:$server->{port}/hook");
    $t->restart($_) for @forwarders;
    $f->until(sub { $server->log_text() =~ /taken/ }, 20, 'it is asked');
    $f->pause($f->pick(2, 5));
    delete $t->{env}{MOOG_WEBHOOK_URL};
    $t->restart($_) for @forwarders;
    $server->kill_hard();

    my ($most) = sort { $b <=> $a } $server->log_text() =~ /taken (\d+)/g;

    return $most;
}

sub redirected {
    my ($f) = @_;

    my $before = $f->t->redis('info', 'stats')->{total_connections_received};

    hostile($f, 'redirect', 'http://127.0.0.1:' . $f->t->port('redis') . '/');
    $f->expect($f->t->log_of('redis') !~ /SECURITY ATTACK/,
        'Redis was sent a POST');
    $f->expect($f->t->redis('info', 'clients')->{connected_clients} < 100,
        'Redis has clients it should not have');
}

sub too_much {
    my ($f) = @_;

    my $most = hostile($f, 'body', 2**30);

    $f->note(sprintf '%.1f MB of 1 GB taken', $most / 1e6);
    $f->expect($most < 64e6, "$most bytes of a body were taken");
    hostile($f, 'headers', 10_000);
    hostile($f, 'bomb', 2**28);

    for my $name (qw(forwarder forwarder2)) {
        my ($kb) = Mutt::Test::slurp('/proc/' . $f->t->process($name)->pid()
            . '/status') =~ /VmHWM:\s+(\d+)/;

        $f->expect($kb < 200_000, "$name took $kb kB");
    }
}

# A resolver of the scenario's own, seen by these processes only.
sub bad_dns {
    my ($f) = @_;

    my $t = $f->t;
    my ($address, $word) = ('127.77.0.53', $t->dir . '/dns');
    my $say = sub { write_file($word, "$_[0]\n") };

    $say->('127.0.0.1');
    $f->bind_file('/etc/resolv.conf', "nameserver $address\n"
        . "options timeout:1 attempts:1\n");

    my $server = Mutt::Hostile::dns($t, $address, $word);
    my @forwarders = qw(forwarder forwarder2);

    for my $fault ($f->pick([ 'NXDOMAIN' ], [ qw(SERVFAIL NXDOMAIN silent) ])
        ->@*)
    {
        $say->($fault);
        $t->env(MOOG_WEBHOOK_URL => 'http://hook.mutt.test:'
            . $t->port('sink') . '/webhook');
        $t->stop($_) for @forwarders;
        $t->launch($_) for @forwarders;
        $f->until(sub { $t->ledger()->{retry} > 0 }, 20,
            "$fault is tried again");
        $say->('127.0.0.1');
        $f->until(sub { my $l = $t->ledger();
            !$l->{retry} && $l->{alert_queue} < 100 }, 30, "$fault is over");
    }

    delete $t->{env}{MOOG_WEBHOOK_URL};
    $t->restart($_) for @forwarders;
    $server->kill_hard();
}

# Four forwarders whose clocks are minutes apart share one limit.
sub skew_clocks {
    my ($f) = @_;

    my @minutes = (-5, 5, 2, 0);

    for my $name (qw(forwarder forwarder2 forwarder3 forwarder4)) {
        $f->t->shim('clock', $name)->set(0, 60_000_000 * shift @minutes);
    }

    $f->t->env(MOOG_RATE_LIMIT => 50);
}

sub share_limit {
    my ($f) = @_;

    my @seen;
    my $ends = time() + $f->pick(4, 20);

    $f->send(count => 50 * $f->pick(6, 25), batch => 50);
    while (time() < $ends) {
        push @seen, [ time(), attempts($f) ];
        $f->pause(0.02);
    }

    my ($most, $first) = (0, 0);

    for my $look (@seen) {
        $first++ while $seen[$first][0] < $look->[0] - 1;
        my $n = $look->[1] - $seen[$first][1];

        $most = $n if $n > $most;
    }

    $f->note("at most $most requests in a second, the limit is 50");
    $f->expect($most <= 60, "$most requests in a second");
    $f->expect($seen[-1][1] > $seen[0][1], 'none was sent');
    $f->t->setting('moog_rate_limit', 100_000);
}

sub write_file {
    my ($path, $text) = @_;

    open my $out, '>', "$path.new" or die "$path: $!\n";
    print $out $text;
    close $out;
    rename "$path.new", $path or die "$path: $!\n";
}

return (
    hanging('F37a', 'hangs before its answer', 'stall', 0),
    hanging('F37b', 'hangs within the header', 'stall', 20),
    hanging('F37c', 'hangs within the body', 'stall', 130),
    hanging('F37d', 'answers at 1 byte a second', 'rate', 1),
    {
        id => 'F38',
        what => 'webhook: 429 with Retry-After of 3, 1e9, -1, x',
        load => { rate => 50 },
        fault => \&limited,
    },
    {
        id => 'F40',
        what => 'webhook: 401 for everything, 10,000 alerts queued',
        load => 0,
        fault => \&wrong_key,
    },
    {
        id => 'F41',
        what => 'webhook: 302 to Redis',
        fault => \&redirected,
        webhook => 0,
    },
    {
        id => 'F43',
        what => 'webhook: 1 GB of body, 10,000 headers, a gzip bomb',
        fault => \&too_much,
        webhook => 0,
    },
    {
        id => 'F44',
        what => 'webhook: DNS says SERVFAIL, NXDOMAIN, nothing',
        skip => sub { $< ? 'needs root, for a resolv.conf of its own' : undef },
        fault => \&bad_dns,
    },
    {
        id => 'F46',
        what => 'webhook: four forwarders, clocks 5 min apart, one limit',
        parts => [ qw(redis postgres nginx sink alerter), map { "forwarder$_" }
            '', 2, 3, 4 ],
        load => 0,
        setup => \&skew_clocks,
        fault => \&share_limit,
    },
);
