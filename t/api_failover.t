# Two PostgreSQL servers of which one takes nothing: nginx is with the other,
# also when they change places; and a role of which another is to be tried is
# tried at the same address.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use DBI;
use Mutt::Postgres;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres));

$t->run();

my $first = $t->dir();
my $second = "$first/second";

mkdir $second, 0711 or die "$second: $!\n";

my $pg = Mutt::Postgres->new(root => "$FindBin::Bin/..", build => $t->{build},
    dir => $second);

open my $conf, '>>', "$second/pg/postgresql.auto.conf" or die $!;
print $conf "default_transaction_read_only = on\n";
close $conf;
$pg->process()->start();
$pg->wait_ready();

my $other = DBI->connect($pg->dsn(), 'mutt', '', { RaiseError => 1,
    AutoCommit => 1 });

sub set {
    my ($what, $value) = @_;

    ref $what ? $what->do("ALTER SYSTEM SET default_transaction_read_only = $value")
        : $t->sql("ALTER SYSTEM SET default_transaction_read_only = $value");
    ref $what ? $what->do('SELECT pg_reload_conf()')
        : $t->sql('SELECT pg_reload_conf()');
}

my $n = 0;

sub add_host {
    return $t->http('POST', '/api/v2/dev-hosts',
        '{"hostname":"h' . ++$n . '"}', 'X-API-KEY' => $t->key('admin'))
        ->{code};
}

sub takes_changes {
    my ($title) = @_;

    $t->wait_for(sub { add_host() == 201 }, 20, $title);
}

$t->env('nginx.DATABASE_URL' =>
    "host=$second/pg,$first/pg dbname=mutt user=mutt_module_app");
$t->start('nginx');
$t->linked('nginx is there');
takes_changes('a server that takes nothing is passed over');
cmp_ok($t->sql('SELECT count(*) FROM development_hosts'), '>', 0,
    'for the one that does');

# the owner's own sessions may write whatever is the default
$other->do('SET default_transaction_read_only = off');
set($other, 'off');
set(undef, 'on');

# a session hears of it when it hears of it
$t->wait_for(sub { add_host() == 201
    && $other->selectrow_array('SELECT count(*) FROM development_hosts') > 0 },
    20, 'one that takes nothing any more is left for one that does');
$t->sql('SET default_transaction_read_only = off');
set(undef, 'off');

$other->disconnect();
$pg->process()->stop();

###############################################################################
# the next role

$t->env('nginx.DATABASE_URL' => "host=$first/pg dbname=mutt user=nobody",
    'nginx.DB_USER_NEXT' => 'mutt_module_app',
    'alerter.DATABASE_URL' => "host=$first/pg dbname=mutt user=nobody",
    'alerter.DB_USER_NEXT' => 'mutt_alerter_app');
$t->restart('nginx');
$t->linked('nginx is there again');
takes_changes('DB_USER_NEXT is tried where DATABASE_URL says');
$t->launch('alerter');
$t->wait_for(sub { $t->log_of('alerter') =~ /using \d+ rules/ }, 20,
    'by workers too');

$t->done();
