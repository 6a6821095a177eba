# The dashboard in a browser while Redis, PostgreSQL, nginx or the session goes
# away: it says so, and goes on without being loaded again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Browser;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx));

$t->run();
$t->rule(match_string => 'a rule of the test');
$t->wait_for(sub { $t->http('GET', '/health')->{json}{status} eq 'healthy' },
    30, 'the server is healthy');

my $browser = Mutt::Browser->new($t, 'outage');

for my $part (qw(postgres redis nginx)) {
    $browser->can_do("stop $part" => sub { $t->stop($part) },
        "start $part" => sub { $t->start($part) });
}

# Every session's key; the cookie is none that the server knows then.
$browser->can_do('end sessions' => sub {
    $t->redis('del', $t->redis('keys', 'mutt:session:*'));
});
$browser->run();

$t->done();
