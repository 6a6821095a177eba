# Large dead letters go back a few at a time: Redis would end a connection
# that had to be sent all of them at once.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres alerter remediation));

$t->env(REMEDIATION_INTERVAL => 1, REMEDIATION_BATCH_SIZE => 1000)->run();

sub length_of { return $t->redis('llen', "mutt:$_[0]") }

###############################################################################

$t->redis('config', 'set', 'client-output-buffer-limit',
    'normal 16777216 16777216 0');

my $text = 'y' x 1_000_000;

for my $n (1 .. 40) {
    $t->redis('lpush', 'mutt:dlq:moog', sprintf '{"_attempts":0,"_replays":0,'
        . '"_event_id":"01930000-0000-7000-8000-%012d","_correlation_id":"c",'
        . '"_received_at":"2026-01-01T00:00:00Z","message_body":"%s"}', $n,
        $text);
}

$t->wait_for(sub { length_of('dlq:moog') == 0 }, 60,
    'large letters are looked at a few at a time');
is(length_of('alert_queue'), 40, 'and all go back');

like($t->redis('lindex', 'mutt:alert_queue', -1),
    qr/"_replays":1,"_event_id":.*"message_body":"\Q$text\E"\}\z/, 'whole');

$t->done();
