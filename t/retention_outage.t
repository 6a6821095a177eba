# Retention tells that PostgreSQL is away when it is, not only when a run is
# due, a day later.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres retention));

$t->run();

sub says {
    my ($code, $title) = @_;

    $t->wait_for(sub { $t->health('retention')->{code} == $code }, 30, $title)
        or diag($t->health('retention')->{body});
}

$t->wait_for(sub { $t->log_of('retention') =~ /a run of/ }, 30,
    'its first run is over');
says(200, 'all is well');
$t->stop('postgres');
says(503, 'with PostgreSQL away it is not');
like(join(' ', @{ $t->health('retention')->{json}{errors} }), qr/unavail/,
    'and it says so');
unlike($t->log_of('retention'), qr/run of.*run of/s, 'no run was due');
$t->start('postgres');
says(200, 'and is well again when it is back');

$t->done();
