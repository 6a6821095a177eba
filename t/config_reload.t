# Live settings are those of every process of nginx from its first request on:
# of one that has just started, of one that a reload or a crash has brought.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has('redis')->run();

my %codes;

# Sends an event that only the default setting would take.
sub send_one {
    my $code = $t->ingest('x' x 500)->{code};

    $codes{$code}++;
    return $code;
}

sub refused {
    my ($title) = @_;

    is($codes{200} // 0, 0, $title);
    cmp_ok($codes{413} // 0, '>', 0, 'and it was asked');
    %codes = ();
}

# Sends until none of the workers is there any more and others hold their link.
sub meanwhile {
    my (%old) = map { $_ => 1 } @_;

    $t->wait_for(sub { send_one();
        !grep { $old{$_} } $t->nginx_workers() }, 20);
    send_one() for 1 .. 20;
    $t->linked();
    send_one() for 1 .. 20;
}

$t->setting('ingest_max_message_bytes', 256);
$t->start('nginx');
$t->linked();
send_one() for 1 .. 20;
refused('nginx that has just started has the settings that are stored');

my @old = $t->nginx_workers();

$t->signal('nginx', 'HUP');
meanwhile(@old);
refused('so has one that was reloaded');

@old = $t->nginx_workers();
$t->allow_alert(qr/exited on signal 9/);
kill 'KILL', @old;
meanwhile(@old);
refused('and one whose processes were killed');

$t->redis(qw(del mutt:config:ingest_max_message_bytes));
$t->wait_for(sub { !grep { send_one() != 200 } 1 .. 20 }, 20,
    'a setting that is taken back is forgotten');
%codes = ();
@old = $t->nginx_workers();
$t->signal('nginx', 'HUP');
meanwhile(@old);

# those before may have been answered by a process that is gone
%codes = ();
send_one() for 1 .. 20;
is($codes{200}, 20, 'behind a reload too');

$t->done();
