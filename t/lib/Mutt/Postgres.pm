package Mutt::Postgres;

# Databases for tests.  One cluster with the schema and the login roles is
# made per version of sql/ and kept in the build directory; each test gets a
# copy of it.

use strict;
use warnings;

use Digest::SHA qw(sha1_hex);
use Fcntl qw(:flock);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use Mutt::Process;
use Time::HiRes qw(sleep time);

# Who the server runs as: it refuses root.
my $uid = $< == 0 ? scalar getpwnam('postgres') : undef;

###############################################################################

# A server of its own on a copy of the template, not started yet.
sub new {
    my ($class, %arg) = @_;

    my $template = template($arg{root}, $arg{build});
    my $dir = "$arg{dir}/pg";

    system('cp', '-a', $template, $dir) == 0 or die "cp $template failed\n";

    return bless {
        dir => $dir,
        process => server($dir, "$arg{dir}/postgres.log"),
    }, $class;
}

sub process {
    return $_[0]->{process};
}

# libpq address for a login role, past a proxy if there is one; the owner is
# "mutt".
sub url {
    my ($self, $role, $proxy) = @_;

    return "postgresql://$role\@127.0.0.1:$proxy/mutt?sslmode=disable"
        if $proxy;
    return 'postgresql:///mutt?host=' . $self->{dir} . "&user=$role";
}

sub dsn {
    my ($self) = @_;

    return "dbi:Pg:dbname=mutt;host=$self->{dir};user=mutt";
}

sub wait_ready {
    my ($self) = @_;

    wait_socket($self->{process}, $self->{dir});
}

sub bin {
    my ($program) = @_;

    my ($newest) = sort { $b cmp $a } glob '/usr/lib/postgresql/*/bin';

    die "PostgreSQL is not installed\n" unless $newest;
    return "$newest/$program";
}

sub server {
    my ($dir, $log) = @_;

    return Mutt::Process->new(
        name => 'postgres', log => $log, uid => $uid, stop => 'INT',
        orphan => 'QUIT',
        command => [ bin('postgres'), '-D', $dir, '-k', $dir ]);
}

# The postmaster writes "ready" to its pid file when it takes connections.
sub wait_socket {
    my ($process, $dir) = @_;

    my $deadline = time() + 30;

    while (time() < $deadline) {
        die "postgres did not start:\n" . $process->log_text()
            unless $process->running();

        if (open my $file, '<', "$dir/postmaster.pid") {
            my @lines = <$file>;
            return if ($lines[7] // '') =~ /^ready/;
        }

        sleep 0.02;
    }

    die "postgres is not ready:\n" . $process->log_text();
}

sub template {
    my ($root, $build) = @_;

    my $sum = join '', map { file_sum($_) }
        sort glob("$root/sql/[0-9]*.sql"), __FILE__;
    my $name = "$build/pg-" . substr sha1_hex($sum), 0, 12;

    make_path($build);
    open my $lock, '>', "$build/pg.lock" or die "$build/pg.lock: $!\n";
    flock $lock, LOCK_EX or die "flock: $!\n";

    if (!-d $name) {
        remove_tree($_) for grep { -d } glob "$build/pg-*";
        make_template($root, $name);
    }

    return $name;
}

# Made where the server's user can reach it, then moved.
sub make_template {
    my ($root, $name) = @_;

    my $top = tempdir('mutt-pg-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $dir = "$top/data";

    chmod 0711, $top;
    mkdir $dir, 0700 or die "$dir: $!\n";

    if (defined $uid) {
        chown $uid, -1, $dir;
    }

    my $init = Mutt::Process->new(
        name => 'initdb', log => "$top/initdb.log", uid => $uid,
        command => [ bin('initdb'), '-D', $dir, '-U', 'mutt', '-A', 'trust',
            '-E', 'UTF8', '--no-locale', '--no-sync', '--wal-segsize=1' ]);

    $init->start();
    my $end = $init->expect_end('exit 0', 60);
    die "initdb: $end\n" . $init->log_text() if $end ne 'exit 0';

    open my $conf, '>>', "$dir/postgresql.conf" or die "$dir: $!\n";
    print $conf <<'EOC';
listen_addresses = ''
fsync = off
full_page_writes = off
shared_buffers = 16MB
max_connections = 60
autovacuum = off
timezone = 'UTC'
log_min_messages = warning
EOC
    close $conf;

    my $process = server($dir, "$top/postgres.log");

    $process->start();
    wait_socket($process, $dir);

    my @psql = ('psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-h', $dir,
        '-U', 'mutt');

    system(@psql, '-d', 'postgres', '-c', 'CREATE DATABASE mutt') == 0
        or die "CREATE DATABASE failed\n";
    {
        local $ENV{DATABASE_URL} = "postgresql:///mutt?host=$dir&user=mutt";
        system("$root/tools/migrate > $top/migrate.log 2>&1") == 0
            or die "migrate failed\n", `cat $top/migrate.log`;
    }
    system(@psql, '-d', 'mutt', '-f', "$root/sql/logins.sql") == 0
        or die "login roles failed\n";

    $process->stop();
    system('cp', '-a', $dir, "$name.new") == 0 or die "cp $dir failed\n";
    rename "$name.new", $name or die "rename $name: $!\n";
}

sub file_sum {
    my ($path) = @_;

    return Digest::SHA->new(1)->addfile($path)->hexdigest();
}

1;
