# Settings that a worker cannot live with: one line that says what is wrong,
# and exit 1, at the start and by --check alike.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new();

$t->reserve($_) for qw(alerter forwarder remediation);

# exit status and what it said
sub run_worker {
    my ($worker, $option, %env) = @_;

    local %ENV = (%ENV, $t->part_env($worker), REDIS_URL => '',
        DATABASE_URL => '', MOOG_WEBHOOK_URL => 'http://127.0.0.1:9/', %env);
    my $said = qx(timeout 30 $t->{build}/mutt-$worker $option 2>&1);

    return ($? >> 8, $said);
}

###############################################################################

for my $case (
    [ 'alerter', qr/ALERTER_JANITOR_TIMEOUT is 30 s.*ALERTER_HEARTBEAT_INTERVAL/,
        ALERTER_HEARTBEAT_INTERVAL => 30 ],
    [ 'forwarder', qr/MOOG_JANITOR_TIMEOUT is 19 s.*MOOG_HEARTBEAT_INTERVAL/,
        MOOG_JANITOR_TIMEOUT => 19 ],
    [ 'alerter', qr/ALERTER_QUEUE_SHED_THRESHOLD is 999.*WARN_THRESHOLD, 1000/,
        ALERTER_QUEUE_SHED_THRESHOLD => 999 ],
    [ 'remediation', qr/ALERTER_QUEUE_SHED_THRESHOLD is 2000.*, 2001/,
        ALERTER_QUEUE_WARN_THRESHOLD => 2001 ],
    [ 'remediation', qr/ALERTER_DLQ_NAME and MOOG_DLQ_NAME are the same/,
        ALERTER_DLQ_NAME => 'x', MOOG_DLQ_NAME => 'x' ],
    [ 'forwarder', qr/MOOG_WEBHOOK_URL is not set/, MOOG_WEBHOOK_URL => '' ],
    [ 'forwarder', qr/MOOG_WEBHOOK_URL must be/,
        MOOG_WEBHOOK_URL => 'ftp://127.0.0.1/' ],
    # two long names would be one when cut, and their owners rob each other
    [ 'alerter', qr/POD_NAME has 128 bytes, at most 127/,
        POD_NAME => 'x' x 128 ],
    [ 'forwarder', qr/POD_NAME .* no spaces/, POD_NAME => 'pod 1' ],
    [ 'alerter', qr/bad value "x" in REDIS_PORT/, REDIS_PORT => 'x' ])
{
    my ($worker, $line, %env) = @$case;

    for my $option ('', '--check') {
        my ($status, $said) = run_worker($worker, $option, %env);
        my $title = join ' ', "mutt-$worker", $option || 'at the start', %env;

        is($status, 1, "$title: exit 1");
        like($said, qr/\Amutt-[\w-]+: $line.*\n\z/, 'and one line says why');
    }
}

for my $worker (qw(alerter forwarder remediation)) {
    my ($status, $said) = run_worker($worker, '--check',
        ALERTER_QUEUE_SHED_THRESHOLD => 1000, POD_NAME => 'x' x 127);

    is($status, 0, "mutt-$worker --check finds nothing wrong with the rest");
    is($said, '', 'and says nothing');
}

$t->done();
