package Mutt::Scenarios::Nginx;

# nginx is reloaded, replaced, stopped, and has rude clients.

use strict;
use warnings;

use Mutt::Http;
use Time::HiRes qw(sleep time);

# What nginx would not hand to its successor: the sanitizer's, not MUTT's.
my $env = join "\n", map { "env $_;" } qw(LD_PRELOAD ASAN_OPTIONS
    UBSAN_OPTIONS LSAN_OPTIONS);

sub reload {
    my ($f) = @_;

    $f->every(0.2, $f->pick(10, 300), sub { $f->t->signal('nginx', 'HUP') });
    $f->until(sub { my @workers = $f->t->nginx_workers(); @workers == 2 }, 60,
        'old workers are gone');
}

sub master_in {
    my ($f, $file) = @_;

    my ($pid) = Mutt::Test::slurp($f->t->dir . "/$file") =~ /^(\d+)/;

    return $pid;
}

sub children {
    my ($pid) = @_;

    return grep { Mutt::Test::slurp("/proc/$_/comm") =~ /nginx/ }
        split ' ', Mutt::Test::slurp("/proc/$pid/task/$pid/children");
}

# A second nginx beside the first, and its pid.
sub start_successor {
    my ($f) = @_;

    $f->t->signal('nginx', 'USR2');
    $f->until(sub {
        my $old = master_in($f, 'nginx.pid.oldbin') or return;
        my $new = master_in($f, 'nginx.pid') or return;

        $new != $old && children($new) == 2
    }, 30, 'the successor has workers');
    $f->pause($f->pick(0.3, 2));
    $f->t->signal('nginx', 'WINCH');

    my $new = master_in($f, 'nginx.pid');

    $f->until(sub { !grep { $_ != $new }
        children($f->t->process('nginx')->pid()) }, 30,
        'the old workers are gone');
    $f->pause($f->pick(0.3, 2));
    return $new;
}

# nginx makes no successor while its first parent lives: it is to be a daemon,
# and as an orphan it becomes this process' child.
sub daemonize {
    my ($f) = @_;

    my $process = $f->t->process('nginx');

    syscall 157, 36, 1, 0, 0, 0;
    $f->t->stop('nginx');
    $process->{command}[-1] = 'daemon on;';
    $f->t->launch('nginx');
    $process->expect_end('exit 0');
    $f->until(sub { adopt($process, master_in($f, 'nginx.pid')) }, 10,
        'nginx is a daemon');
}

sub adopt {
    my ($process, $pid) = @_;

    $process->{asked} = undef;
    return $process->{pid} = $pid;
}

sub upgrade {
    my ($f) = @_;

    daemonize($f);
    $f->start_load(timeout => 10_000);
    $f->pause(0.5);

    my $new = start_successor($f);

    $f->t->signal('nginx', 'HUP');
    $f->until(sub { children($f->t->process('nginx')->pid()) == 3 }, 20,
        'the old workers are back');
    kill 'QUIT', $new;
    $f->until(sub { !kill 0, $new }, 30, 'the successor has left');
    $f->pause($f->pick(0.3, 2));

    $new = start_successor($f);

    my $process = $f->t->process('nginx');

    $process->{asked} = 'exit 0';
    $process->signal('QUIT');
    $f->until(sub { !$process->running() }, 30, 'the old one has left');
    adopt($process, $new);
}

sub kill_worker {
    my ($f) = @_;

    $f->t->allow_alert(qr/exited on signal 9/);
    $f->every(0.5, $f->pick(4, 30), sub {
        my @pids = $f->t->nginx_workers();

        kill 'KILL', $pids[rand @pids];
    });
    $f->until(sub { my @workers = $f->t->nginx_workers(); @workers == 2 }, 10,
        'workers are there again');
}

# nginx leaves while Redis does not answer: who asked is answered.
sub quit_hanging {
    my ($f) = @_;

    for (1 .. $f->pick(1, 5)) {
        $f->t->signal('redis', 'STOP');
        $f->pause(0.2);

        my $began = time();

        $f->t->stop('nginx');

        my $took = time() - $began;

        $f->note(sprintf 'left in %.1f s', $took);
        $f->expect($took < 5, "nginx needs $took s to leave");
        $f->t->signal('redis', 'CONT');
        $f->t->start('nginx');
    }
}

sub slow_clients {
    my ($f) = @_;

    my $n = $f->pick(200, 1000);
    my $path = 'POST /api/v2/ingest HTTP/1.1';
    my $key = 'X-API-KEY: ' . $f->t->key('ingest');
    my @slow = map { Mutt::Http::open_raw($f->t->port('nginx'), $_ % 2
        ? "$path\r\nHost: x\r\n$key\r\nContent-Type: application/json\r\n"
            . "Content-Length: 100\r\n\r\n{" : "$path\r\nX-A: ") } 1 .. $n;
    my $began = time();
    my $closed = 0;

    local $SIG{PIPE} = 'IGNORE';
    $f->until(sub {
        my @open;

        for my $socket (@slow) {
            my $select = IO::Select->new($socket);

            if ($select->can_read(0) && !sysread $socket, my $bytes, 4096) {
                $closed++;
            } else {
                syswrite $socket, 'x';
                push @open, $socket;
            }
        }

        @slow = @open;
        sleep 3;
        !@slow
    }, $f->pick(30, 60), 'slow clients are closed');
    $f->note(sprintf '%d slow clients closed within %.0f s', $closed,
        time() - $began);
}

# The new key is valid before the first sender has it, the old one until the
# last has left it.
sub rotate_key {
    my ($f) = @_;

    my ($old, $new) = ($f->t->key('ingest'), 'test-ingest-next');
    my $reload = sub {
        my ($current, $next) = @_;

        key_files($f, $current, $next);
        $f->expect($f->t->reload(), 'nginx is reloaded');
        $f->pause($f->pick(0.3, 2));
    };

    $reload->($old, $new);
    $f->start_load(key => $new);
    $reload->($new, $old);
    $f->{loads}[0]{process}->stop();
    $f->until(sub { $reload->($new, $new); $f->t->ingest('fault', 'X-API-KEY' =>
        $old)->{code} == 401 }, 10, 'the old key is refused in the end');
    $f->{t}{key}{ingest} = $new;
}

sub key_files {
    my ($f, @keys) = @_;

    for my $name ('current', 'next') {
        open my $out, '>', $f->t->dir . "/$name" or die "$name: $!\n";
        print $out shift @keys;
        close $out;
    }
}

return (
    {
        id => 'F52',
        what => 'nginx: reloaded every 200 ms for 60 s',
        load => { rate => 500, connections => 16, timeout => 10_000 },
        setup => sub { $_[0]->unhurried },
        fault => \&reload,
        check => sub { $_[0]->nobody_noticed },
    },
    {
        id => 'F53',
        what => 'nginx: USR2 upgrade, rolled back, then for good',
        load => 0,
        setup => sub { $_[0]->unhurried->t->main_conf($env) },
        fault => \&upgrade,
        check => sub { $_[0]->nobody_noticed },
    },
    {
        id => 'F54',
        what => 'nginx: a worker is killed every 0.5 s',
        fault => \&kill_worker,
    },
    {
        id => 'F55',
        what => 'nginx: QUIT while Redis is stopped',
        fault => \&quit_hanging,
    },
    {
        id => 'F68',
        what => 'nginx: the API key is rotated under load, by reloads',
        setup => sub {
            my ($f) = @_;
            my $dir = $f->t->dir;

            key_files($f, ($f->t->key('ingest')) x 2);
            $f->unhurried->t->env(INGEST_API_KEY => undef,
                INGEST_API_KEY_FILE => "$dir/current",
                INGEST_API_KEY_NEXT_FILE => "$dir/next");
        },
        fault => \&rotate_key,
        check => sub { $_[0]->nobody_noticed },
    },
    {
        id => 'F70',
        what => 'nginx: 1,000 slow clients, half in the header',
        setup => sub { $_[0]->unhurried->t->http_conf('client_header_timeout 2s;
            client_body_timeout 2s;') },
        fault => \&slow_clients,
        check => sub { $_[0]->nobody_noticed },
    },
);
