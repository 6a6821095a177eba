# A new binary of nginx takes over (USR2): it has the keys and addresses of the
# environment without a word about them in the configuration.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use POSIX ();
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis nginx));

# the sanitizer's own, which are not MUTT's; a key of the configuration's
$t->main_conf(join ' ', map { "env $_;" } qw(LD_PRELOAD ASAN_OPTIONS
    UBSAN_OPTIONS LSAN_OPTIONS));
$t->env(A_KEY_OF_MINE => 'the-key-of-mine')
    ->http_conf('mutt_key mine read env:A_KEY_OF_MINE;');
$t->run();

# nginx makes no successor while its first parent lives: it is to be a daemon,
# which this process adopts (PR_SET_CHILD_SUBREAPER).
syscall((POSIX::uname())[4] eq 'aarch64' ? 167 : 157, 36, 1, 0, 0, 0);

my $process = $t->process('nginx');

sub master_in {
    my ($pid) = Mutt::Test::slurp($t->dir() . "/$_[0]") =~ /^(\d+)/;

    return $pid;
}

sub adopt {
    my ($pid) = @_;

    $process->{asked} = undef;
    return $process->{pid} = $pid;
}

$t->stop('nginx');
$process->{command}[-1] = 'daemon on;';
$t->launch('nginx');
$process->expect_end('exit 0', 20);
$t->wait_for(sub { master_in('nginx.pid') && adopt(master_in('nginx.pid')) },
    20, 'nginx is a daemon');
$t->linked('with its workers');

###############################################################################

my $old = $process->pid();

$t->signal('nginx', 'USR2');
$t->wait_for(sub {
    my $new = master_in('nginx.pid');

    $new && $new != $old && -e $t->dir() . '/nginx.pid.oldbin'
        || $t->log_of('nginx') =~ /new binary process \d+ exited/;
}, 20);
unlike($t->log_of('nginx'), qr/emerg|new binary process \d+ exited/,
    'a successor is there');

my $new = master_in('nginx.pid') // 0;

isnt($new, $old, 'of another process');

if ($new && $new != $old) {
    $process->{asked} = 'exit 0';
    $process->signal('QUIT');
    $t->wait_for(sub { !$process->running() }, 30, 'who was before has left');
    adopt($new);
}

$t->linked('the successor is linked to the same Redis');
is($t->ingest('x')->{code}, 200, 'takes events with the same key');
is($t->redis('llen', 'mutt:ingest_queue'), 1, 'there');
is($t->http('GET', '/api/v2/status', undef,
    'X-API-KEY' => 'the-key-of-mine')->{code}, 200, 'and knows the others');

$t->done();
