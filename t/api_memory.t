# Memory that runs out while a body is read is no fault of the sender's: the
# answer is never that it is too large.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx));
my $memory = $t->shim('alloc', 'nginx');

$t->allow_alert(qr/(?:malloc|posix_memalign)\(.*\) failed/);
$t->run();

my $body = encode_json({ hostname => 'h', reason => 'x' x 60_000 });

sub add {
    return $t->http('POST', '/api/v2/dev-hosts', $body,
        'X-API-KEY' => $t->key('admin'), -timeout => 10)->{code};
}

$t->wait_for(sub { add() == 400 }, 15, 'such a reason is too long');

my %came;

# What nginx does besides takes some of the failures, so that it may need more
# than one round.
for my $round (1 .. 10) {
    for my $n (1 .. 60) {
        $memory->set(0, $n);
        $came{ add() }++;
    }

    last if $came{500};
}

$memory->set(0, 0);
diag(encode_json(\%came)) if $came{413};
is($came{413} // 0, 0, 'no answer is that it is too large');
cmp_ok($came{500} // 0, '>', 0, 'some are that memory ran out');
cmp_ok($memory->get(2), '>', 0, 'which it did');
$t->wait_for(sub { add() == 400 }, 15, 'and afterwards all is well');

$t->done();
