package Mutt::Test;

# A private MUTT for one test file: the real programs on free ports in a
# temporary directory.
#
#     my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));
#
#     $t->env(UNHANDLED_THRESHOLD => 3);
#     $t->run();
#
#     is($t->ingest('link down')->{code}, 200, 'accepted');
#     $t->wait_for(sub { $t->sql('SELECT count(*) FROM event_audit_log') },
#         5, 'audited');
#     $t->done();
#
# Parts are redis, postgres, nginx, sink, and the workers alerter, forwarder,
# remediation and retention; a digit behind a worker's name makes another one
# of its kind (alerter2).  done() stops them all and adds what every file
# promises: no alert, no sanitizer report, no unasked end of a process, no
# Redis key outside the key table, no transaction left open.

use strict;
use warnings;

use Cwd qw(abs_path);
use DBI;
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use JSON::XS;
use Mutt::Http;
use Mutt::Keys;
use Mutt::Ports;
use Mutt::Postgres;
use Mutt::Process;
use Mutt::Proxy;
use Mutt::Shim;
use Redis;
use Test::More import => [qw(diag done_testing is ok)];
use Time::HiRes qw(sleep time);

my $root = abs_path(dirname(__FILE__) . '/../../..');
my @promises = ('no alert in an error log', 'no sanitizer report',
    'every process ended as asked', 'no redis key outside the key table',
    'no transaction left open');

my %port_of = (alerter => 'ALERTER', forwarder => 'MOOG',
    remediation => 'REMEDIATION', retention => 'RETENTION');

my $workers = 2;    # of nginx

my @running;

# nginx is where an ordinary user does not look for programs.
$ENV{PATH} .= ':/usr/sbin:/sbin';

###############################################################################

sub new {
    my ($class) = @_;

    my $dir = tempdir('mutt-test-XXXXXX', TMPDIR => 1, CLEANUP => 1);

    # PostgreSQL runs as another user when root tests.
    chmod 0711, $dir;

    my $self = bless {
        dir => $dir, pid => $$, build => find_build(), parts => {},
        order => [], env => {}, server => undef, http => '', main => '',
        allowed => [], port => {}, redis_conf => [], primary => 'redis',
        key => { ingest => 'test-ingest-' . random_hex(),
            admin => 'test-admin-' . random_hex() },
    }, $class;

    push @running, $self;
    return $self;
}

sub has {
    my ($self, @parts) = @_;

    push @{ $self->{order} }, map { $_ eq 'pg' ? 'postgres' : $_ } @parts;
    return $self;
}

# The number of the file's own assertions.
sub plan {
    my ($self, $n) = @_;

    Test::More::plan(tests => $n + @promises);
    return $self;
}

# Environment of every MUTT process, nginx too; also "alerter.NAME" for one
# part's alone.  Applies at the next start.
sub env {
    my ($self, %env) = @_;

    $self->{env}{$_} = $env{$_} for keys %env;
    return $self;
}

# Text for nginx: in its server block instead of the usual location, in its
# http block, at the top.  %%NAME%% is replaced: PORT, DIR, or part_PORT.
sub conf { $_[0]->{server} = $_[1]; return $_[0] }
sub http_conf { $_[0]->{http} = $_[1]; return $_[0] }
sub main_conf { $_[0]->{main} = $_[1]; return $_[0] }

# Options of redis-server's command line, e.g. '--maxmemory', '2mb'.
sub redis_conf {
    my ($self, @options) = @_;

    push @{ $self->{redis_conf} }, @options;
    return $self;
}

# Puts a proxy in front of redis, postgres or sink, for every MUTT process.
sub proxy {
    my ($self, @names) = @_;

    push @{ $self->{order} }, map { "$_-proxy" } @names;
    $self->{proxied}{$_} = 1 for @names;
    return $self;
}

# What the proxy does from now on; see Mutt::Proxy.
sub fault {
    my ($self, $name, @words) = @_;

    Mutt::Proxy::command($self->port("$name-control"), @words);
    return $self;
}

# Loads a shared object of t/fault/shims into parts, at their next start;
# returns the numbers they share with it, see Mutt::Shim.
sub shim {
    my ($self, $name, @parts) = @_;

    my $shim = Mutt::Shim->new($self->{build}, $self->{dir}, $name);

    push @{ $self->{shims}{$_} }, $shim for @parts;
    return $shim;
}

# Cuts Redis' power: what it has not synced is gone.  Needs the shim "fsync"
# in redis; returns how many bytes it were.
sub lose_power {
    my ($self, $shim) = @_;

    $self->kill('redis');
    return $shim->lose_power(glob "$self->{dir}/appendonlydir/*.incr.aof");
}

# A pattern of lines that may be in an error log although they are alerts.
sub allow_alert {
    my ($self, $pattern) = @_;

    push @{ $self->{allowed} }, $pattern;
    return $self;
}

###############################################################################
# Processes

my %rank = ('redis-proxy' => -1, 'postgres-proxy' => -1, 'sink-proxy' => -1,
    redis => 0, postgres => 1, sink => 2, nginx => 9);

sub run {
    my ($self) = @_;

    my @parts = sort {
        ($rank{$a} // 5) <=> ($rank{$b} // 5) || $a cmp $b
    } @{ $self->{order} };

    $self->reserve($_) for @parts;
    $self->start($_) for @parts;
    $self->linked() if grep({ $_ eq 'nginx' } @parts)
        && grep({ $_ eq $self->{primary} } @parts);
    return $self;
}

# Starts a part, for the first time or again, and waits until it is ready.
# The environment given counts for this start only.
sub start {
    my ($self, $name, %env) = @_;

    $self->launch($name, %env);
    $self->wait_ready($name);
    return $self;
}

# start() without waiting, for parts that are not expected to become ready.
sub launch {
    my ($self, $name, %env) = @_;

    $self->reserve($name);
    $self->{parts}{$name} = $self->make($name) unless $self->{parts}{$name};
    $self->write_conf() if $name eq 'nginx';
    $self->process($name)->start($self->part_env($name),
        $self->shim_env($name), %env);
    return $self;
}

# Makes a part of a program of the test's own, under t/tools.
sub program {
    my ($self, $name, $program) = @_;

    $self->{parts}{$name} = Mutt::Process->new(name => $name,
        log => "$self->{dir}/$name.log",
        command => [ "$self->{build}/t/$program" ]);
    return $self;
}

sub stop {
    my ($self, $name, $grace) = @_;

    delete $self->{redis} if $name eq 'redis';
    delete $self->{dbh} if $name eq 'postgres';
    $self->process($name)->stop($grace);
    return $self;
}

# Ends a part as a crash does; KILL unless another signal is named.
sub kill {
    my ($self, $name, $signal) = @_;

    delete $self->{redis} if $name eq 'redis';
    delete $self->{dbh} if $name eq 'postgres';
    $self->process($name)->kill_hard($signal);
    return $self;
}

sub restart {
    my ($self, $name, %env) = @_;

    return $self->stop($name)->start($name, %env);
}

# Sends a signal that does not end it: HUP, STOP, CONT.
sub signal {
    my ($self, $name, $signal) = @_;

    return $self->process($name)->signal($signal);
}

sub process {
    my ($self, $name) = @_;

    return $self->{parts}{$name} // die "no part $name\n";
}

sub log_of {
    my ($self, $name) = @_;

    return $self->process($name)->log_text()
        . ($name eq 'nginx' ? slurp("$self->{dir}/error.log") : '');
}

# Reloads nginx; true when its new workers are there.
sub reload {
    my ($self) = @_;

    my %old = map { $_ => 1 } $self->nginx_workers();

    $self->write_conf();
    $self->signal('nginx', 'HUP');
    return $self->wait_for(sub {
        grep { !$old{$_} } $self->nginx_workers() }, 20);
}

sub nginx_workers {
    my ($self) = @_;

    my $pid = $self->process('nginx')->pid() or return;

    return split ' ', slurp("/proc/$pid/task/$pid/children");
}

# Waits until every worker of nginx holds its link to Redis, and none of an
# older configuration is left: each has its own, so that an answer from one
# says nothing of the others.
sub linked {
    my ($self, $title, $seconds) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return $self->wait_for(sub {
        my @workers = $self->nginx_workers();
        my $m = $self->metrics('nginx');

        @workers == $workers
            && $m->{'mutt_redis_link_changes_total{change="up"}'}
            - $m->{'mutt_redis_link_changes_total{change="down"}'} == @workers;
    }, $seconds // 20, $title);
}

# Waits for a condition, at most so many seconds.  With a title it is an
# assertion.  Returns what the condition returned.
sub wait_for {
    my ($self, $condition, $seconds, $title) = @_;

    my $deadline = time() + $seconds;
    my $value = $condition->();

    while (!$value && time() < $deadline) {
        sleep 0.02;
        $value = $condition->();
    }

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok($value, $title) or diag("not within $seconds s") if defined $title;
    return $value;
}

###############################################################################
# What a test talks to

sub port {
    my ($self, $name) = @_;

    return $self->{port}{$name} // die "no port of $name\n";
}

sub dir { return $_[0]->{dir} }

sub key {
    my ($self, $scope) = @_;

    return $self->{key}{$scope};
}

# A request to nginx.  Response: code, header (by lower-case name), headers
# (as they came), body, json.  code 0: no answer.
sub http {
    my ($self, $method, $path, $body, %headers) = @_;

    return Mutt::Http::request($self->port('nginx'), $method, $path, $body,
        %headers);
}

# Bytes as they are to nginx; returns the socket.
sub http_raw {
    my ($self, $bytes) = @_;

    return Mutt::Http::open_raw($self->port('nginx'), $bytes);
}

# A worker's or nginx's own port: health('alerter'), metrics('alerter').
sub health {
    my ($self, $name) = @_;

    return Mutt::Http::request($self->port($name), 'GET', '/health');
}

# Metrics as a hash: the series as written => its value.
sub metrics {
    my ($self, $name) = @_;

    my $body = Mutt::Http::request($self->port($name), 'GET', '/metrics')
        ->{body};

    return { map { /^([^#\s]\S*(?:\{.*\})?) (\S+)$/ ? ($1 => $2) : () }
        split /\n/, $body };
}

# Sends to ingest with the ingest key.  A hash is one event, an array a batch,
# text that opens with a bracket goes as it is, other text is the message of
# an event.
sub ingest {
    my ($self, $what, %headers) = @_;

    my $body = ref $what eq 'HASH' ? encode($self->event(%$what))
        : ref $what ? encode($what)
        : $what =~ /^\s*[\[{]/ ? $what
        : encode($self->event(message => $what));

    return $self->http('POST', '/api/v2/ingest', $body,
        'X-API-KEY' => $self->key('ingest'),
        'Content-Type' => 'application/json', %headers);
}

# An event with the three required fields, unless given.
sub event {
    my ($self, %fields) = @_;

    return { hostname => 'r1', message => 'a message',
        timestamp => '2026-01-01T00:00:00Z', %fields };
}

# One Redis command; dies on an error reply.
sub redis {
    my ($self, $command, @args) = @_;

    my $redis = $self->{redis} //= Redis->new(
        sock => "$self->{dir}/$self->{primary}.sock", cnx_timeout => 5,
        read_timeout => 20, encoding => undef, on_connect => sub { });
    my $method = lc $command;

    # the server may be gone without a word
    local $SIG{PIPE} = 'IGNORE';
    my @reply = eval { $redis->$method(@args) };

    if ($@) {
        my $error = $@;
        delete $self->{redis};
        die $error;
    }

    return wantarray ? @reply : $reply[0];
}

# A statement as the owner.  Rows: their number, or in a list the rows as
# arrays; a single value in scalar context when it is a query.
sub sql {
    my ($self, $statement, @values) = @_;

    my $dbh = $self->{dbh} //= DBI->connect(
        $self->process('postgres')->{dsn}, 'mutt', '',
        { RaiseError => 1, PrintError => 0, AutoCommit => 1,
            pg_enable_utf8 => 0 });

    my $rows = eval {
        my $query = $dbh->prepare($statement);
        my $n = $query->execute(@values);
        $query->{NUM_OF_FIELDS} ? $query->fetchall_arrayref() : $n;
    };

    if ($@) {
        my $error = $@;
        delete $self->{dbh};
        die $error;
    }

    return $rows unless ref $rows;
    return wantarray ? @$rows : @$rows ? $rows->[0][0] : undef;
}

# The conservation equation as one hash; "difference" is always 0.
sub ledger {
    my ($self) = @_;

    return { $self->redis('eval', slurp("$root/lib/domain/lua/ledger.lua"), 7,
        'mutt:ledger', 'mutt:workers', 'mutt:ingest_queue',
        'mutt:alert_queue', 'mutt:retry:moog', 'mutt:dlq:alerter',
        'mutt:dlq:moog', 'mutt:processing:') };
}

# Adds a rule; returns its id.  The alerter is told.
sub rule {
    my ($self, %rule) = @_;

    %rule = (match_type => 'contains', prod_handling => 'Page_and_ticket',
        dev_handling => 'Log_only', team_assignment => 'NETO', %rule);

    my @names = sort keys %rule;
    my $id = $self->sql('INSERT INTO alert_rules (' . join(', ', @names)
        . ') VALUES (' . join(', ', ('?') x @names) . ') RETURNING id',
        @rule{@names});

    $self->redis('publish', 'mutt:config:updates', 'rules')
        if $self->{parts}{redis} && $self->process('redis')->running();
    return $id;
}

# Stores a live setting, everywhere it is kept, and tells of it.
sub setting {
    my ($self, $key, $value) = @_;

    $self->sql('INSERT INTO dynamic_config (key, value, updated_by)'
        . " VALUES (?, ?, 'test') ON CONFLICT (key) DO UPDATE SET value = ?",
        $key, $value, $value) if $self->{parts}{postgres};
    $self->redis('set', "mutt:config:$key", $value);
    $self->redis('publish', 'mutt:config:updates', $key);
    return $self;
}

# What the webhook sink has seen.
sub sink_stats {
    my ($self) = @_;

    return Mutt::Http::request($self->port('sink'), 'GET', '/stats')->{json};
}

###############################################################################
# The end of the file

sub done {
    my ($self) = @_;

    $self->finish();
    done_testing() unless Test::More->builder->has_plan();
}

sub finish {
    my ($self) = @_;

    return if $self->{finished};

    my @found = $self->settle();

    for my $i (0 .. $#promises) {
        is($found[$i], '', $promises[$i]);
    }

    if (!Test::More->builder->is_passing()) {
        $self->show_logs();
        File::Temp::cleanup() unless $ENV{MUTT_KEEP};
    }
}

# Stops all parts; returns what speaks against each promise, a text each.
sub settle {
    my ($self) = @_;

    $self->{finished} = 1;

    my @strays = $self->stray_keys();
    my @open = $self->open_transactions();

    delete $self->{redis};
    delete $self->{dbh};

    for my $name (sort {
            ($rank{$b} // 10) <=> ($rank{$a} // 10) || $a cmp $b
        } keys %{ $self->{parts} })
    {
        $self->process($name)->stop();
        $self->process($name)->wipe();
    }

    my @faults = map { $_->faults() } values %{ $self->{parts} };

    return map { join "\n", @$_ } [ $self->alerts() ], [ $self->reports() ],
        \@faults, \@strays, \@open;
}

END {
    my $status = $?;

    for my $self (@running) {
        next if $self->{pid} != $$;

        if ($status == 0 && Test::More->builder->has_plan()) {
            $self->finish();
        } elsif (!$self->{finished}) {
            $_->wipe() for grep { $_ } values %{ $self->{parts} };
            $self->show_logs();
        }
    }

    $? = $status;
}

sub alerts {
    my ($self) = @_;

    my @lines = grep { /\[(?:alert|emerg)\]/ }
        split /\n/, slurp("$self->{dir}/error.log");

    for my $pattern (@{ $self->{allowed} }) {
        @lines = grep { $_ !~ $pattern } @lines;
    }

    return @lines;
}

sub reports {
    my ($self) = @_;

    return map { slurp($_) } glob "$self->{dir}/sanitizer.*";
}

sub stray_keys {
    my ($self) = @_;

    return unless $self->{parts}{redis}
        && $self->process($self->{primary})->running();

    my @keys = eval { $self->redis('keys', '*') };

    return "keys: $@" if $@;
    return Mutt::Keys::strays($root,
        map { [ $_, scalar $self->redis('type', $_) ] } @keys);
}

sub open_transactions {
    my ($self) = @_;

    return unless $self->{parts}{postgres}
        && $self->process('postgres')->running();

    my $open = sub {
        eval { map { "$_->[0]: $_->[1]" } $self->sql(
            "SELECT usename, query FROM pg_stat_activity"
            . " WHERE state LIKE 'idle in transaction%'") };
    };

    # A transaction may just be on its way, and the next one after it.
    my @open;

    $self->wait_for(sub { !(@open = $open->()) }, 5);
    return @open;
}

sub show_logs {
    my ($self) = @_;

    for my $path (glob("$self->{dir}/*.log"), glob("$self->{dir}/sanitizer.*"))
    {
        my @lines = split /\n/, slurp($path);

        @lines = ('...', @lines[-40 .. -1]) if @lines > 40;
        diag(join "\n", "--- $path", @lines) if @lines;
    }
}

###############################################################################
# How each part is made

sub reserve {
    my ($self, $name) = @_;

    $self->{port}{"$1-control"} //= Mutt::Ports::take()
        if $name =~ /^(\w+)-proxy$/;
    $self->{port}{$name} //= Mutt::Ports::take() unless $name eq 'postgres';
}

sub make {
    my ($self, $name) = @_;

    my $dir = $self->{dir};

    if ($name eq 'postgres') {
        my $pg = Mutt::Postgres->new(
            root => $root, build => $self->{build}, dir => $dir);
        my $process = $pg->process();

        $self->{pg} = $pg;
        $process->{dsn} = $pg->dsn();
        return $process;
    }

    my %of = (
        redis => sub { (
            command => [ $self->redis_command($name), @{ $self->{redis_conf} }
            ]) },
        nginx => sub { (
            command => [ program_path('nginx'), '-c', "$dir/nginx.conf", '-e',
                "$dir/error.log", '-g', 'daemon off;' ],
            stop => 'QUIT', orphan => 'TERM') },
        sink => sub { (
            command => [ "$self->{build}/mutt-sink", $self->port('sink') ]) },
    );

    return $self->make_proxy($1) if $name =~ /^(\w+)-proxy$/;

    my ($kind) = $name =~ /^([a-z]+)\d*$/ or die "no part $name\n";
    my $worker = sub { (command => [ "$self->{build}/mutt-$kind" ]) };

    return Mutt::Process->new(name => $name, log => "$dir/$name.log",
        ($of{$name} // $worker)->());
}

# nginx starts its successor by the name it was started with itself.
sub program_path {
    my ($name) = @_;

    my ($path) = grep { -x } map { "$_/$name" } split /:/, $ENV{PATH};

    return $path // $name;
}

sub redis_command {
    my ($self, $name) = @_;

    my $dir = $self->{dir};

    return ('redis-server', '--port', $self->port($name), '--bind',
        '127.0.0.1', '--unixsocket', "$dir/$name.sock", '--dir', $dir,
        '--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '',
        '--maxmemory-policy', 'noeviction');
}

# A second Redis that follows the first, not started yet.
sub replica {
    my ($self, $name) = @_;

    my $dir = "$self->{dir}/$name";

    mkdir $dir;
    $self->reserve($_) for 'redis', $name;
    $self->{parts}{$name} = Mutt::Process->new(name => $name,
        log => "$self->{dir}/$name.log", command => [
            $self->redis_command($name), '--dir', $dir, '--replicaof',
            '127.0.0.1', $self->port('redis') ]);
    return $self;
}

# The replica becomes the Redis that everybody finds behind the proxy.
sub promote {
    my ($self, $name) = @_;

    delete $self->{redis};
    $self->{primary} = $name;
    $self->redis(qw(replicaof no one));
    $self->fault('redis', 'to', $self->port($name));
    return $self;
}

sub make_proxy {
    my ($self, $name) = @_;

    my $server = $name eq 'postgres' ? "$self->{dir}/pg/.s.PGSQL.5432"
        : $self->port($name);

    return Mutt::Process->new(name => "$name-proxy",
        log => "$self->{dir}/$name-proxy.log",
        command => [ $^X, "-I$root/t/lib", '-MMutt::Proxy', '-e',
            'Mutt::Proxy::main(@ARGV)', $self->port("$name-proxy"),
            $self->port("$name-control"), $server ]);
}

# The port at which a MUTT process reaches a part.
sub reached_at {
    my ($self, $name) = @_;

    return $self->port($self->{proxied}{$name} ? "$name-proxy" : $name);
}

# Where a role finds the database, past the proxy if there is one.
sub database_url {
    my ($self, $role) = @_;

    return $self->{pg}->url($role,
        $self->{proxied}{postgres} ? $self->port('postgres-proxy') : undef);
}

sub part_env {
    my ($self, $name) = @_;

    return if $name =~ /^(?:redis\d*|postgres|\w+-proxy)$/;

    my ($kind) = $name =~ /^([a-z]+)/;
    my $san = "log_path=$self->{dir}/sanitizer.$name:exitcode=99"
        . ':verify_asan_link_order=0';
    my %env = (
        ASAN_OPTIONS => "$san:detect_leaks=1",
        UBSAN_OPTIONS => "$san:print_stacktrace=1",
        LSAN_OPTIONS => "suppressions=$root/t/lsan.supp:print_suppressions=0",
        INGEST_API_KEY => $self->key('ingest'),
        WEBUI_API_KEY => $self->key('admin'),
        MOOG_API_KEY => 'test-moog',
        POD_NAME => $name,
        UNHANDLED_DEFAULT_TEAM => 'NETO',
    );

    $env{REDIS_URL} = 'redis://127.0.0.1:' . $self->reached_at('redis')
        if $self->{port}{redis};
    $env{MOOG_WEBHOOK_URL} = 'http://127.0.0.1:' . $self->reached_at('sink')
        . '/webhook' if $self->{port}{sink};
    $env{DATABASE_URL} = $self->database_url($kind eq 'nginx'
        ? 'mutt_module_app' : $kind eq 'retention' ? 'mutt_retention_app'
        : 'mutt_alerter_app') if $self->{pg};
    $env{"METRICS_PORT_$port_of{$kind}"} = $self->port($name)
        if $port_of{$kind};

    for my $key (sort keys %{ $self->{env} }) {
        my ($part, $variable) = $key =~ /^(\w+)\.(\w+)$/ ? ($1, $2)
            : (undef, $key);

        $env{$variable} = $self->{env}{$key}
            if !defined $part || $part eq $name;
    }

    return %env;
}

# The sanitizer's runtime has to come first, except that it must not serve an
# allocation that is to fail.
sub shim_env {
    my ($self, $name) = @_;

    my @shims = @{ $self->{shims}{$name} // [] };
    my $asan = $name !~ /^(?:redis|postgres|\w+-proxy)$/
        && ($name eq 'nginx' || @shims) && $self->sanitized();
    my @objects = ((map { $_->{object} } grep { $_->{name} eq 'alloc' } @shims),
        $asan ? runtime() : (),
        map { $_->{object} } grep { $_->{name} ne 'alloc' } @shims);

    return @objects ? (LD_PRELOAD => "@objects", map { %{ $_->{env} } } @shims)
        : ();
}

sub write_conf {
    my ($self) = @_;

    my $dir = $self->{dir};
    my $server = $self->{server} // <<"EOS";
location / {
            mutt_ingest;
            mutt_api;
            mutt_metrics;
            mutt_health;
            mutt_dashboard "$root/build/web";
        }
EOS
    my $user = $< == 0 ? "user root;\n" : '';

    my $conf = <<"EOC";
${user}worker_processes $workers;
error_log $dir/error.log info;
pid $dir/nginx.pid;
load_module $self->{build}/ngx_http_mutt_module.so;
$self->{main}
events {
    worker_connections 1024;
}

http {
    access_log $dir/access.log;
    client_max_body_size 0;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    $self->{http}
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;
        $server
    }
}
EOC

    $conf =~ s/%%PORT%%/$self->port('nginx')/ge;
    $conf =~ s/%%DIR%%/$dir/g;
    $conf =~ s/%%(\w+)_PORT%%/$self->port($1)/ge;

    open my $file, '>', "$dir/nginx.conf" or die "$dir/nginx.conf: $!\n";
    print $file $conf;
    close $file;
}

sub wait_ready {
    my ($self, $name) = @_;

    return $self->{pg}->wait_ready() if $name eq 'postgres';

    my %ready = (
        # ping() keeps a handle that met a server still loading, and echo is
        # answered by one
        redis => sub { defined $self->redis('exists', 'mutt:ledger') },
        redis2 => sub { Mutt::Http::open_raw($self->port('redis2')) },
        nginx => sub { Mutt::Http::open_raw($self->port('nginx')) },
        sink => sub { Mutt::Http::open_raw($self->port('sink')) },
    );
    $ready{$name} = sub { $self->fault($1, 'pass') } if $name =~ /^(\w+)-proxy/;

    my $ready = $ready{$name} // sub { $self->health($name)->{code} == 200 };
    my $process = $self->process($name);

    my $is_ready;

    $self->wait_for(sub {
        !$process->running() || ($is_ready = eval { $ready->() }) }, 30);
    return if $is_ready;

    my $end = $process->running() ? 'it runs' : $process->end() // 'it ended';

    die "$name is not ready, $end:\n" . $self->log_of($name);
}

sub find_build {
    my $build = $ENV{MUTT_BUILD}
        // (-d "$root/build-san" ? 'build-san' : 'build');

    return $build =~ m{^/} ? $build : "$root/$build";
}

sub sanitized {
    my ($self) = @_;

    return `ldd $self->{build}/ngx_http_mutt_module.so` =~ /libasan/;
}

# The sanitizer's runtime has to come before everything else in stock nginx.
sub runtime {
    my $path = `gcc -print-file-name=libasan.so`;

    chomp $path;
    return $path;
}

sub encode {
    my ($value) = @_;

    return JSON::XS->new->utf8->canonical->encode($value);
}

sub random_hex {
    return join '', map { sprintf '%02x', int rand 256 } 1 .. 12;
}

sub slurp {
    my ($path) = @_;

    open my $file, '<', $path or return '';
    local $/;
    return scalar <$file> // '';
}

1;
