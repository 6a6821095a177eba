# A password that is not written as a URL wants it: libpq takes a part of it
# for a host or a port, and no log repeats that.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis));

$t->run();

my $n = 0;

# What an alerter says until it waits for PostgreSQL at an address.
sub said {
    my ($url, $title) = @_;
    my $name = 'alerter' . ++$n;

    $t->launch($name, DATABASE_URL => $url);
    $t->wait_for(sub { $t->log_of($name) =~ /waiting for a dependency.*\n/ },
        20, $title);
    $t->stop($name);
    return $t->log_of($name);
}

for my $password ('canary@secret', 'secret/canary', '11/canary',
    'secret?canary', 'secret@canary/x')
{
    my $said = said("postgresql://mutt:$password\@127.0.0.1:1/mutt",
        "with $password it waits");

    unlike($said, qr/canary|secret[@\/?]|"secret|secret"/, 'does not say why');
    like($said, qr/ is %40/, 'but what to look at');
}

unlike(said('host=127.0.0.1 password=a canary', 'a password with a space'),
    qr/canary/, 'is not told either');
like(said('postgresql://mutt:canary@127.0.0.1:1/mutt', 'a good address'),
    qr/Connection refused/, 'has its reason told');

$t->start('nginx', DATABASE_URL =>
    'postgresql://mutt:canary@secret@127.0.0.1:1/mutt');
$t->linked('both processes of nginx are there');
$t->wait_for(sub { $t->log_of('nginx') =~ /postgresql: .* is %40/ }, 20,
    'nginx does not tell why either');
$t->stop('nginx');
unlike($t->log_of('nginx'), qr/canary|secret@/, 'in no line');

$t->done();
