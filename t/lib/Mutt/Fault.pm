package Mutt::Fault;

# One run of a fault scenario: a private MUTT, load on it, the fault, recovery,
# and the verdict.  A scenario is a hash; t/fault/run says what may be in it
# and docs/faults.md how to write one.  Its subs get this object:
#
#     $f->t            the Mutt::Test
#     $f->pick(A, B)   A in the short set of `make test`, B in the full one
#     $f->pause(S)     lets S seconds of load pass
#     $f->every(S, N, SUB)   calls SUB(n) N times, S seconds apart
#     $f->until(SUB, S, TEXT)   waits for a condition; not within S seconds:
#                      the run is broken, for that reason
#     $f->expect(TRUE, TEXT)    else the run is broken
#     $f->note(TEXT)   goes into the table's last column
#     $f->mortal(PARTS)   may end as they like from now on
#     $f->revive(PARTS)   starts those that have ended; how many it were
#     $f->tmpfs(DIR, SIZE)   a small file system there, of this run only
#     $f->bind_file(PATH, TEXT)   another text in a file, for this run only
#     $f->start_load(OPTIONS), $f->stop_load(), $f->send(OPTIONS)
#     $f->unhurried    in setup(): for what no sender is to notice, and
#     $f->nobody_noticed   in check()
#     $f->result       what was counted, in check()

use strict;
use warnings;

use JSON::XS;
use Mutt::Http;
use Mutt::Process;
use Mutt::Test;
use Time::HiRes qw(sleep time);

my @parts = qw(redis postgres nginx sink alerter alerter2 forwarder
    forwarder2);

# The dead are found soon, nothing is limited but by what is broken, and
# Redis keeps what it has acknowledged.
my %env = (ALERTER_HEARTBEAT_INTERVAL => 1, ALERTER_JANITOR_TIMEOUT => 3,
    MOOG_HEARTBEAT_INTERVAL => 1, MOOG_JANITOR_TIMEOUT => 3,
    MOOG_RATE_LIMIT => 100_000, INGEST_MAX_RATE => 1_000_000_000,
    ALERTER_MAX_RETRIES => 100, MOOG_MAX_RETRIES => 100,
    MOOG_RETRY_BASE_DELAY => 0.1, MOOG_RETRY_MAX_DELAY => 1,
    MOOG_WEBHOOK_TIMEOUT => 2, MOOG_MAX_INFLIGHT => 16,
    CIRCUIT_BREAKER_TIMEOUT => 1,
    ALERTER_QUEUE_WARN_THRESHOLD => 10_000_000,
    ALERTER_QUEUE_SHED_THRESHOLD => 10_000_000, BRPOPLPUSH_TIMEOUT => 1,
    DB_TIMEOUT_MS => 2000);

my @promises = ('an alert in an error log', 'a sanitizer report',
    'a process ended unasked', 'a stray key', 'an open transaction');

# File descriptors that a process may have more after recovery than before:
# pools and keep-alive connections are not always full.
use constant SPARE_FDS => 24;

###############################################################################

sub new {
    my ($class, $scenario, %options) = @_;

    return bless {
        scenario => $scenario, quick => $options{quick}, broken => [],
        notes => [], mortal => {}, loads => [], result => {},
        seed => $options{seed}, seconds => $options{seconds},
        t => Mutt::Test->new(),
    }, $class;
}

sub t { return $_[0]->{t} }
sub result { return $_[0]->{result} }
sub seconds { return $_[0]->{seconds} }
sub pick { return $_[0]->{quick} ? $_[1] : $_[2] }

# Runs the scenario; returns its result.
sub run {
    my ($self) = @_;

    eval {
        local $SIG{ALRM} = sub { die "the scenario took too long\n" };
        alarm(($self->{scenario}{within} // 300) + ($self->{seconds} // 0));
        $self->act();
        alarm 0;
        1;
    } or $self->expect(0, "it died: $@");

    $self->stop_load();
    $self->wind_up();

    my @broken = @{ $self->{broken} };
    my $logs = @broken ? $self->logs() : '';

    return { %{ $self->{result} }, broken => \@broken, logs => $logs,
        notes => $self->{notes} };
}

sub act {
    my ($self) = @_;

    my ($t, $scenario) = ($self->{t}, $self->{scenario});

    $t->has(@{ $scenario->{parts} // \@parts })
        ->redis_conf('--appendfsync', 'always')->env(%env);
    $self->call('setup');
    $t->run();
    $self->{rule} = $t->rule(match_string => 'fault');
    $self->wait_rules();

    if ($scenario->{load} // 1) {
        $self->start_load(%{ ref $scenario->{load} ? $scenario->{load} : {} });
        $self->until(sub { $t->ledger()->{accepted} > 0 }, 10,
            'load is accepted before the fault');
    }

    my %fds = $self->fds();

    $self->pause($self->pick(0.5, 2));
    $self->call('fault');
    $self->{healed_at} //= time();
    $self->recover();
    $self->stop_load();
    $self->until(sub { $self->drained() }, 120, 'the queues drain')
        unless $scenario->{holds};
    $self->judge_fds(%fds);
    $self->judge();
    $self->call('check');
}

sub call {
    my ($self, $name) = @_;

    my $sub = $self->{scenario}{$name} or return;

    return $sub->($self);
}

# For a fault that no sender is to notice: neither Redis' disk nor the machine
# being busy with something else may make a difference.
sub unhurried {
    my ($self) = @_;

    $self->{t}->redis_conf('--appendfsync', 'everysec');
    $self->{t}->env(REDIS_TIMEOUT_MS => 8000);
    return $self;
}

# After it: none has failed.
sub nobody_noticed {
    my ($self) = @_;

    my $load = $self->{result}{load};

    $self->expect($load->{ok} == $load->{sent},
        "$load->{ok} of $load->{sent} were accepted");
    $self->note("$load->{requests} requests, p99 $load->{p99_ms} ms");
}

# Everything works again: recovery is measured from here.  fault() may say so
# itself, where its last steps belong to recovery.
sub healed {
    my ($self) = @_;

    $self->{healed_at} = time();
    return $self;
}

###############################################################################
# What a scenario does

sub expect {
    my ($self, $true, $text) = @_;

    push @{ $self->{broken} }, $text =~ s/\s+\z//r unless $true;
    return $true;
}

sub note {
    my ($self, $text) = @_;

    push @{ $self->{notes} }, $text;
    return $self;
}

sub until {
    my ($self, $condition, $seconds, $text) = @_;

    # what is asked may be away just now
    my $value = $self->{t}->wait_for(sub { eval { $condition->() } }, $seconds);

    return $self->expect($value, "not within $seconds s: $text");
}

sub pause {
    my ($self, $seconds) = @_;

    sleep $seconds;
    return $self;
}

sub every {
    my ($self, $seconds, $times, $sub) = @_;

    my $next = time();

    for my $n (1 .. $times) {
        $sub->($n);
        $next += $seconds;
        sleep $next - time() if $n < $times && $next > time();
    }

    return $self;
}

sub mortal {
    my ($self, @names) = @_;

    for my $name (@names) {
        $self->{mortal}{$name} = 1;
        $self->{t}->process($name)->{asked} = 'any';
    }

    return $self;
}

sub revive {
    my ($self, @names) = @_;

    my @dead = grep { !$self->{t}->process($_)->running() } @names;

    for my $name (@dead) {
        $self->{t}->launch($name);
        $self->mortal($name) if $self->{mortal}{$name};
    }

    return scalar @dead;
}

# Mounts of this process and its children only, gone with them.
sub tmpfs {
    my ($self, $dir, $size) = @_;

    private_mounts();
    mkdir $dir;
    system('mount', '-t', 'tmpfs', '-o', "size=$size,mode=0777", 'tmpfs',
        $dir) == 0 or die "mount tmpfs $dir failed\n";
    push @{ $self->{mounts} }, $dir;
    return $dir;
}

# Another text in place of a file, for this run's processes.
sub bind_file {
    my ($self, $path, $text) = @_;

    my $own = $self->{t}->dir() . '/bound';

    open my $out, '>', $own or die "$own: $!\n";
    print $out $text;
    close $out;
    private_mounts();
    system('mount', '--bind', $own, $path) == 0 or die "mount $path failed\n";
    return $self;
}

my $private;

sub private_mounts {
    my ($clone_newns, $sys_unshare) = (0x00020000, 272);

    return if $private++;
    syscall($sys_unshare, $clone_newns) == 0 or die "unshare: $!\n";
    system('mount', '--make-rprivate', '/') == 0 or die "mount failed\n";
}

###############################################################################
# Load

# Sends in the background, until stop_load(): rate events a second, batch of
# them a request, connections, count, seconds, retry, key; timeout in ms.
sub start_load {
    my ($self, %options) = @_;

    my $t = $self->{t};
    my $n = @{ $self->{loads} };
    my $file = $t->dir() . "/acked.$n";
    my $process = Mutt::Process->new(name => "load$n",
        log => $t->dir() . "/load$n.json", grace => 60,
        command => [ "$t->{build}/t/fault_load",
            '-k', $options{key} // $t->key('ingest'),
            '-c', $options{connections} // 4,
            '-r', $options{rate} // 300, '-b', $options{batch} // 1,
            '-n', $options{count} // 0, '-T', $options{timeout} // 2000,
            '-t', $options{seconds} // 0,
            '-s', ($self->{seed} & 0xffffff) << 8 | $n,
            $options{retry} ? '-R' : (),
            'http://127.0.0.1:' . $t->port('nginx') . '/api/v2/ingest',
            $file ]);

    push @{ $self->{loads} }, { process => $process, file => $file };
    $process->start(LSAN_OPTIONS => 'detect_leaks=0',
        ASAN_OPTIONS => 'detect_leaks=0');
    return $self;
}

sub stop_load {
    my ($self) = @_;

    for my $load (@{ $self->{loads} }) {
        $load->{process}->stop();
        $self->expect(0, $_) for splice @{ $load->{process}{faults} };
    }

    return $self;
}

# Sends so many events and waits for the end of it.
sub send {
    my ($self, %options) = @_;

    $self->start_load(rate => 0, batch => 100, retry => 1, timeout => 10_000,
        %options);

    my $process = $self->{loads}[-1]{process};

    $self->expect($process->expect_end('exit 0', $options{within} // 120),
        "$options{count} events are sent");
    return $self;
}

# What the senders have counted, added up; the worst of latencies.
sub load_report {
    my ($self) = @_;

    my %sum;

    for my $load (@{ $self->{loads} }) {
        my $json = eval { decode_json($load->{process}->log_text()) } // {};

        for my $name (keys %$json) {
            my $value = $json->{$name};

            $sum{$name} = $name =~ /_ms$/
                ? ($sum{$name} // 0) > $value ? $sum{$name} : $value
                : ($sum{$name} // 0) + $value;
        }
    }

    return \%sum;
}

# What became of each id: ok, rejected, unknown.  {result}{why}: how often for
# which reason.
sub outcomes {
    my ($self) = @_;

    my %outcome;
    my $why = $self->{result}{why} = {};

    for my $load (@{ $self->{loads} }) {
        open my $in, '<', $load->{file} or next;

        while (<$in>) {
            my ($id, $word, $reason) = /^(\S+) (\S+) (.*)$/ or next;

            $outcome{$id} = $word;
            $why->{"$word: $reason"}++ if $word ne 'ok';
        }
    }

    return \%outcome;
}

###############################################################################
# Recovery: a new event gets all the way, with the others behind and before it

sub recover {
    my ($self) = @_;

    my ($t, $within) = ($self->{t}, $self->{scenario}{recovers} // 60);
    my $sent = 0;
    my $id;

    $self->until(sub {
        $id = sprintf 'ffffffff-%04x-7000-8000-%012x', $self->{seed} & 0xffff,
            ++$sent;
        $t->ingest({ event_id => $id, message => 'fault probe' },
            -timeout => 5)->{code} == 200
    }, $within, 'an event is accepted after the fault') or return;

    my $done = $self->{scenario}{webhook} // $t->{parts}{sink}
        ? sub { $self->at_sink()->{"$id:$self->{rule}"} }
        : sub { $self->rows_of($id) };

    $self->until($done, $within, 'an event gets all the way after the fault')
        if $t->{parts}{alerter};
    $self->{result}{recovery} = time() - $self->{healed_at};
}

sub drained {
    my ($self) = @_;

    my $ledger = $self->{t}->ledger();

    return !grep { $ledger->{$_} } qw(ingest_queue alert_queue processing
        retry);
}

sub wait_rules {
    my ($self) = @_;

    my $t = $self->{t};

    for my $name (grep { /^alerter/ } keys %{ $t->{parts} }) {
        $self->until(sub { $t->metrics($name)
            ->{mutt_alerter_cache_rules_count} }, 20, "$name reads its rule");
    }
}

sub rows_of {
    my ($self, $id) = @_;

    return $self->{t}->sql(
        'SELECT count(*) FROM event_audit_log WHERE event_id = ?', $id);
}

# Idempotency-Key => how often the webhook was given it.
sub at_sink {
    my ($self) = @_;

    return {} unless $self->{t}{parts}{sink};

    my $body = Mutt::Http::request($self->{t}->port('sink'), 'GET', '/keys')
        ->{body};

    return { map { /^(\S+) (\d+)$/ ? ($1 => $2) : () } split /\n/, $body };
}

###############################################################################
# The verdict

sub judge {
    my ($self) = @_;

    my ($t, $scenario, $r) = ($self->{t}, $self->{scenario}, $self->{result});
    my $ledger = $r->{ledger} = $t->ledger();

    $r->{load} = $self->load_report();
    $self->expect($ledger->{difference} == 0,
        "the ledger's difference is $ledger->{difference}");
    $self->judge_ids();
    $self->expect(!$r->{load}{crossed},
        ($r->{load}{crossed} // 0) . " answers were another request's");
    $self->judge_alerts() if $t->{parts}{sink} && !$scenario->{forgets};
}

# L1: what was acknowledged is there once, what was refused is not there.
sub judge_ids {
    my ($self) = @_;

    my ($t, $r) = ($self->{t}, $self->{result});
    my $outcome = $self->outcomes();
    my %rows = map { @$_ } $t->sql(
        'SELECT event_id, count(*) FROM event_audit_log GROUP BY 1');
    my %letters = $self->ids_in('mutt:dlq:alerter', 'mutt:dlq:dead');
    my %queued = $self->{scenario}{holds} || !$t->{parts}{alerter}
        ? $self->ids_in('mutt:ingest_queue') : ();
    my %count = (ok => 0, rejected => 0, unknown => 0);
    my ($lost, $twice, $refused) = (0, 0, 0);
    my @lost;

    for my $id (keys %$outcome) {
        my $times = ($rows{$id} // 0) + ($letters{$id} // 0)
            + ($queued{$id} // 0);

        $count{ $outcome->{$id} }++;
        push @lost, $id if $outcome->{$id} eq 'ok' && $times == 0;
        $twice += $times - 1 if $times > 1;
        $refused++ if $outcome->{$id} eq 'rejected' && $times > 0;
    }

    $r->{acked} = $count{ok};
    $r->{rejected} = $count{rejected};
    $r->{unknown} = $count{unknown};
    $r->{lost} = @lost;
    $r->{dup_rows} = $twice;
    $r->{letters} = keys %letters;
    $lost = @lost;

    # a scenario that has Redis lose data says itself how much it may be
    if (!$self->{scenario}{forgets}) {
        $self->expect($lost == 0, "$lost acknowledged events are lost: "
            . join ' ', grep { $_ } @lost[0 .. 2]);
        $self->expect($twice == 0, "$twice events are there twice");
    }

    $self->expect($refused == 0, "$refused refused events are there");
    $self->expect($count{ok} > 0, 'no event was acknowledged at all')
        if @{ $self->{loads} };
}

# Every alert that was raised is at the webhook or in a list, once, and every
# repetition at the webhook had the same Idempotency-Key.
sub judge_alerts {
    my ($self) = @_;

    my ($t, $r) = ($self->{t}, $self->{result});
    my $ledger = $r->{ledger};
    my $keys = $self->at_sink();
    my $raised = $ledger->{meta_created} + $t->sql('SELECT count(DISTINCT
        event_id) FROM event_audit_log WHERE forwarded_to_moog');
    my $waiting = $ledger->{alert_queue} + $ledger->{retry}
        + $ledger->{dlq_moog};
    my $repeats = 0;

    $repeats += $_ - 1 for values %$keys;
    $r->{dup_webhook} = $repeats;
    $r->{dup_queue} = $ledger->{delivered} + $waiting - $raised;
    return if $self->{scenario}{holds};

    $self->expect($r->{dup_queue} <= 0, "$r->{dup_queue} alerts are doubled");
    $self->expect($r->{dup_queue} >= 0 || $ledger->{dead},
        -$r->{dup_queue} . ' alerts are missing');

    my $distinct = keys %$keys;

    # what was sent and not answered may be delivered and still be waiting
    $self->expect($distinct >= $ledger->{delivered}
        && $distinct <= $ledger->{delivered} + $waiting,
        "$ledger->{delivered} alerts delivered, $distinct keys at the webhook")
        if $self->{scenario}{webhook} // 1;
}

# Event id => how often it is in these lists.
sub ids_in {
    my ($self, @lists) = @_;

    my %times;

    for my $list (@lists) {
        for my $item ($self->{t}->redis('lrange', $list, 0, -1)) {
            $times{$1}++ if $item =~ /"_?event_id":"([0-9a-f-]{36})"/;
        }
    }

    return %times;
}

# Part => [ pid, open files ] of the MUTT processes.
sub fds {
    my ($self) = @_;

    my $t = $self->{t};
    my %fds;

    for my $name (grep { /^(?:alerter|forwarder)/ } keys %{ $t->{parts} }) {
        my $pid = $t->process($name)->pid() or next;
        my @open = glob "/proc/$pid/fd/*";

        $fds{$name} = [ $pid, scalar @open ];
    }

    return %fds;
}

# L2: who has lived through it has not left files open.
sub judge_fds {
    my ($self, %before) = @_;

    my %after = $self->fds();

    for my $name (grep { $after{$_} && $before{$_}[0] == $after{$_}[0] }
        sort keys %before)
    {
        my ($had, $has) = ($before{$name}[1], $after{$name}[1]);

        $self->expect($has <= $had + SPARE_FDS,
            "$name had $had files open, and has $has");
    }
}

# Stops everything; what the harness' promises say goes into the verdict.
sub wind_up {
    my ($self) = @_;

    my $t = $self->{t};

    $_->signal('CONT') for grep { $_ } values %{ $t->{parts} };

    my @found = eval { $t->settle() };

    $self->expect(0, "it does not stop: $@") if $@;
    system('umount', '-l', $_) for @{ $self->{mounts} // [] };

    for my $i (0 .. $#found) {
        $self->expect(0, "$promises[$i]: $found[$i]") if $found[$i] ne '';
    }
}

# The end of every log, for a run that is broken.
sub logs {
    my ($self) = @_;

    my $text = '';

    for my $path (glob($self->{t}->dir() . '/*.log'),
        glob($self->{t}->dir() . '/sanitizer.*'))
    {
        my @lines = split /\n/, Mutt::Test::slurp($path);

        next if !@lines || $path =~ m{/access\.log$};
        @lines = ('...', @lines[-30 .. -1]) if @lines > 30;
        $text .= join "\n", "--- $path", @lines, '';
    }

    return $text;
}

1;
