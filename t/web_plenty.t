# The dashboard in a browser with more than a page can hold: it keeps what is
# in sight, misses none, and answers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Browser;
use Mutt::Test;
use Test::More;

my $rows = 5_000;
my $t = Mutt::Test->new()->has(qw(redis postgres nginx));

# Seven events have one time, so that a page may end between them.
sub fill {
    my ($from, $to, $first) = @_;

    $t->sql('INSERT INTO event_audit_log (event_id, received_at,'
        . ' event_timestamp, hostname, matched_rule_id, handling_decision,'
        . ' forwarded_to_moog, raw_message) SELECT gen_random_uuid(), now(),'
        . " now() - interval '1 hour' - (i / 7) * interval '1 second',"
        . " 'host-' || i % 9, 1, 'Log_only', false,"
        . " '{\"hostname\":\"h\",\"message\":\"' || ? || i || '\"}'"
        . ' FROM generate_series(?::int, ?::int, -1) AS i', $first, $from, $to);
}

$t->run();
$t->sql('SELECT create_audit_partition(now())');
fill($rows, 1, 'row ');
$t->wait_for(sub { $t->http('GET', '/health')->{json}{status} eq 'healthy' },
    30, 'the server is healthy');

Mutt::Browser->new($t, 'plenty')->can_do(
    'take newer events' => sub { fill(-1, -300, 'newer ') },
)->run($rows);

$t->done();
