package Mutt::Scenarios::Postgres;

# PostgreSQL dies, is full, refuses, answers nobody, locks.

use strict;
use warnings;

use DBI;

my $audit = 'INSERT INTO event_audit_log';

sub crash {
    my ($f) = @_;

    $f->every($f->pick(1.5, 4), $f->pick(2, 10), sub {
        # what pg_ctl stop -m immediate sends
        $f->t->kill('postgres', 'QUIT');
        $f->pause($f->pick(0.3, 1));
        $f->t->start('postgres');
    });
}

# The row is committed, and nobody hears of it: the batch is written again.
sub unanswered {
    my ($f) = @_;

    $f->t->fault('postgres', 'unanswered', 2, $audit);

    my $lost = sub {
        my @lines = map { split /\n/, $f->t->log_of($_) } qw(alerter alerter2);

        return scalar grep { /"WARNING".*postgresql/i } @lines;
    };

    $f->until(sub { $lost->() >= $f->pick(5, 200) }, 200,
        'answers to the insert are lost');
    $f->t->fault('postgres', 'pass');
    $f->note($lost->() . ' answers lost');
}

# The partition of a month is gone before its first event; how many days from
# now that is.
sub no_partition {
    my ($f, $days) = @_;

    my ($partition) = map { $_->[0] } $f->t->sql(<<'EOS', $days);
SELECT c.oid::regclass FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'event_audit_log'::regclass AND
    pg_get_expr(c.relpartbound, c.oid) LIKE '%FROM (''' ||
        to_char(now() + make_interval(days => ?), 'YYYY-MM') || '-01 %'
EOS

    $f->expect($partition, 'there is a partition of the month');
    $f->t->sql("DROP TABLE $partition");
    $f->send(count => $f->pick(500, 5000));
}

sub check_partition {
    my ($f) = @_;

    $f->expect($f->result->{ledger}{dead} == 0, 'events are dead');
    $f->expect($f->result->{letters} == 0, 'events are dead letters');
}

sub read_only {
    my ($f) = @_;

    $f->t->sql('ALTER SYSTEM SET default_transaction_read_only = on');
    $f->t->sql('SELECT pg_reload_conf()');
    $f->until(sub { $f->t->health('alerter')->{code} == 503 }, 20,
        '/health of the alerter says so');
    $f->pause($f->pick(1, 5));
    # this session is older than the setting or leaves it
    $f->t->sql('SET default_transaction_read_only = off');
    $f->t->sql('ALTER SYSTEM RESET default_transaction_read_only');
    $f->t->sql('SELECT pg_reload_conf()');
}

# Ends every connection of MUTT's.
sub terminate {
    my ($f) = @_;

    $f->t->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE usename LIKE 'mutt\_%'});
}

sub full_house {
    my ($f) = @_;

    my $dsn = $f->t->process('postgres')->{dsn};
    my @connections;

    $f->t->sql('SELECT 1');

    while (@connections < 200) {
        terminate($f) if @connections % 10 == 9;

        my $one = DBI->connect($dsn, 'mutt', '',
            { RaiseError => 0, PrintError => 0 }) or last;

        push @connections, $one;
    }

    # the superuser's reserve is taken as well
    terminate($f);
    push @connections, grep { $_ } map { DBI->connect($dsn, 'mutt', '',
        { RaiseError => 0, PrintError => 0 }) } 1 .. 10;
    $f->until(sub { $f->t->health('alerter')->{code} == 503 }, 20,
        '/health of the alerter says so');
    $f->pause($f->pick(1, 5));
    $f->note(scalar(@connections) . ' connections taken');
    $_->disconnect() for @connections;
}

# Every insert takes two locks in order; this session takes them the other way
# round and waits longer, so that the alerter is the victim.
sub deadlock {
    my ($f) = @_;

    my $t = $f->t;
    my $dbh = DBI->connect($t->process('postgres')->{dsn}, 'mutt', '',
        { RaiseError => 1, PrintError => 0, AutoCommit => 0 });

    $t->sql('ALTER SYSTEM SET deadlock_timeout = 100');
    $t->sql('SELECT pg_reload_conf()');
    $t->sql(<<'EOS');
CREATE FUNCTION lock_both() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1);
    PERFORM pg_advisory_xact_lock(2);
    RETURN NULL;
END $$
EOS
    $t->sql('CREATE TRIGGER lock_both BEFORE INSERT ON event_audit_log
        FOR EACH STATEMENT EXECUTE FUNCTION lock_both()');
    $dbh->do("SET deadlock_timeout = '60s'");
    $dbh->commit();

    my $victims = 0;

    for (1 .. $f->pick(3, 20)) {
        $dbh->do('SELECT pg_advisory_xact_lock(2)');
        $f->until(sub { $t->sql('SELECT count(*) FROM pg_locks
            WHERE NOT granted AND objid = 2') }, 10, 'the alerter waits');
        $dbh->do('SELECT pg_advisory_xact_lock(1)');
        $victims++;
        $dbh->rollback();
        $f->pause(0.3);
    }

    $t->sql('DROP TRIGGER lock_both ON event_audit_log');
    $dbh->disconnect();

    my $said = () = $t->log_of('postgres') =~ /deadlock detected/g;

    $f->note("$said deadlocks");
    $f->expect($said >= $victims, "$said deadlocks of $victims");
}

# The month's partition lies on a small disk that somebody else fills.
sub on_small_disk {
    my ($f) = @_;

    my $dir = $f->tmpfs($f->t->dir . '/space', '8m');
    my $uid = $< == 0 ? scalar getpwnam('postgres') : $<;

    chown $uid, -1, $dir;
    chmod 0700, $dir;
}

sub disk_full {
    my ($f) = @_;

    my $t = $f->t;
    my $ballast = $t->dir . '/space/ballast';

    $t->sql('CREATE TABLESPACE small LOCATION ' . "'" . $t->dir . "/space'");
    $t->sql("ALTER TABLE $_->[0] SET TABLESPACE small") for $t->sql(<<'EOS');
SELECT inhrelid::regclass FROM pg_inherits
WHERE inhparent = 'event_audit_log'::regclass
EOS
    system("head -c 8m /dev/zero > $ballast 2> /dev/null");
    $f->until(sub { $t->health('alerter')->{code} == 503 }, 60,
        '/health of the alerter says so');
    $f->expect($t->log_of('postgres') =~ /No space left/, 'the disk is full');
    $f->pause($f->pick(1, 5));
    unlink $ballast;
}

return (
    {
        id => 'F23',
        what => 'PostgreSQL: stopped at once and started, ten times',
        fault => \&crash,
    },
    {
        id => 'F25',
        what => 'PostgreSQL: connection lost behind the commit, 200 times',
        setup => sub { $_[0]->t->proxy('postgres') },
        fault => \&unanswered,
    },
    {
        id => 'F26',
        what => "PostgreSQL: the month's partition is missing",
        load => 0,
        fault => sub { no_partition($_[0], 0) },
        check => \&check_partition,
    },
    {
        id => 'F26a',
        what => "PostgreSQL: the next month's is, nginx and Redis are at +40 days",
        load => 0,
        setup => sub {
            # nginx alone would not be believed
            $_[0]->t->shim('clock', 'nginx', 'redis')
                ->set(0, 40 * 86_400 * 1_000_000);
        },
        fault => sub { no_partition($_[0], 40) },
        check => sub {
            my ($f) = @_;
            my $there = $f->t->sql("SELECT count(*) FROM event_audit_log
                WHERE received_at > now() + interval '30 days'");

            $f->expect($there >= $f->result->{acked}, "$there rows are there");
            check_partition($f);
        },
    },
    {
        id => 'F28',
        what => 'PostgreSQL: default_transaction_read_only = on',
        fault => \&read_only,
        check => \&check_partition,
    },
    {
        id => 'F29',
        what => 'PostgreSQL: max_connections exhausted',
        fault => \&full_house,
        check => \&check_partition,
    },
    {
        id => 'F31',
        what => 'PostgreSQL: deadlocks, the alerter is the victim',
        fault => \&deadlock,
        check => \&check_partition,
    },
    {
        id => 'F32',
        what => "PostgreSQL: the partition's disk is full",
        setup => \&on_small_disk,
        fault => \&disk_full,
        check => \&check_partition,
    },
    {
        id => 'F34',
        what => 'PostgreSQL: pg_terminate_backend every 300 ms',
        fault => sub {
            my ($f) = @_;

            $f->every(0.3, $f->pick(8, 60), sub { terminate($f) });
        },
    },
    {
        id => 'F35',
        what => 'PostgreSQL: behind pgbouncer, transaction pooling',
        skip => 'pgbouncer is not among the packages MUTT is tested with; it'
            . ' comes with the deployment feature',
    },
);
