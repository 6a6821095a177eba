# What nginx shows to others and takes from them to be let in: the two
# passwords of Redis, no password over a connection that was to be TLS, and no
# key that is nothing.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis nginx));

# nginx frees nothing when it refuses its configuration
sub refused {
    my ($what, $title) = @_;

    $t->stop('nginx');
    $t->launch('nginx', ASAN_OPTIONS => 'detect_leaks=0');
    is($t->process('nginx')->expect_end('exit 1', 20), 'exit 1', $title);
    like($t->log_of('nginx'), $what, 'and says why');
    $t->env('nginx.REDIS_URL' => $t->{url})->http_conf('');
}

$t->allow_alert(qr/REDIS_TLS_ENABLED|is empty/);
$t->run();
$t->{url} = 'redis://127.0.0.1:' . $t->port('redis');

###############################################################################
# Redis' passwords

sub password { $t->redis(qw(config set requirepass), $_[0]) }

sub links { $t->metrics('nginx')->{'mutt_redis_link_changes_total{change="up"}'} }

# Every worker of nginx loses its link, and has another.
sub answers {
    my ($title) = @_;
    my $before = links();

    $t->redis(qw(client kill type normal skipme yes));
    $t->wait_for(sub { links() >= $before + $t->nginx_workers() }, 20);
    $t->linked($title);
    is($t->ingest('x')->{code}, 200, 'and events are taken');
}

$t->env('nginx.REDIS_PASS_CURRENT' => 'the first',
    'nginx.REDIS_PASS_NEXT' => 'the second');
password('the first');
$t->restart('nginx');
$t->linked('the current password is shown');

password('the second');
answers('the next one where the current one is refused');

password('the first');
answers('and the current one again');

$t->http_conf('mutt_durability memory strict;');
password('the second');
$t->restart('nginx');
$t->linked('a strict nginx asks with both when it starts');

$t->env('nginx.REDIS_URL' =>
    'redis://:at@sign@127.0.0.1:' . $t->port('redis'))->http_conf('');
password('at@sign');
$t->restart('nginx');
$t->linked('a password in the address ends at its last @, as for workers');
password('the first');

my $path = $t->dir() . '/redis@1.sock';

symlink $t->dir() . '/redis.sock', $path or die "$path: $!\n";
$t->http_conf("mutt_redis unix:$path;");
$t->restart('nginx');
$t->linked('an @ of a path ends no password');
$t->http_conf('');
password('');

###############################################################################
# no TLS

$t->env('nginx.REDIS_URL' => '', 'nginx.REDIS_PORT' => $t->port('redis'),
    'nginx.REDIS_TLS_ENABLED' => 'true');
refused(qr/REDIS_TLS_ENABLED.*does not speak TLS/,
    'where TLS is wanted nginx does not go without');

$t->http_conf("mutt_redis $t->{url};");
$t->env('nginx.REDIS_URL' => '', 'nginx.REDIS_PASS_CURRENT' => '',
    'nginx.REDIS_PASS_NEXT' => '');
$t->start('nginx');
$t->linked('but where it is told of a tunnel of its own');

###############################################################################
# no key

open my $file, '>', $t->dir() . '/empty' or die $!;
print $file "\n";
close $file;

$t->http_conf('mutt_key nobody admin file:%%DIR%%/empty;');
refused(qr/key file ".*" is empty/, 'a file with no key in it is no key');

$t->env('nginx.REDIS_TLS_ENABLED' => 'false');
$t->start('nginx');
$t->linked('without it nginx starts');
is($t->http('GET', '/api/v2/status', undef, 'X-API-KEY' => '')->{code}, 401,
    'and nobody is let in with nothing');

$t->done();
