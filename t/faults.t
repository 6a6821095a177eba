# The short form of the faults that everything rests on, by the runner that
# `make faults` uses for all of them; and that the runner sees a loss.
#
# MUTT_FAULT_SEED chooses another run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Fault;
use Test::More;

my @ids = qw(F01 F02 F07 F16 F23 F25 F37a F47 F52);
my $seed = $ENV{MUTT_FAULT_SEED} // int rand 2**31;

diag("MUTT_FAULT_SEED=$seed");

###############################################################################

my $said = qx($^X $FindBin::Bin/fault/run --quick --jobs 4 --seed $seed @ids);
my %row = map { /^(F\w+) +\S/ ? ($1 => $_) : () } split /\n/, $said;

like($row{$_} // '', qr/  ok(?:;|$)/, $row{$_} // $_) for @ids;
is($?, 0, 'no promise is broken') or diag($said);

###############################################################################
# events are taken away, and one is doubled, behind everybody's back

sub tamper {
    my ($f) = @_;

    $f->t->kill('alerter');
    $f->send(count => 20, batch => 10);
    $f->t->redis('rpop', 'mutt:ingest_queue') for 1 .. 3;
    $f->t->redis('lpush', 'mutt:ingest_queue',
        scalar $f->t->redis('lindex', 'mutt:ingest_queue', 0));
    $f->t->launch('alerter');
}

my $result = Mutt::Fault->new({ id => 'loss', load => 0, fault => \&tamper,
    parts => [ qw(redis postgres nginx sink alerter forwarder) ] },
    quick => 1, seed => 1)->run();
my $verdict = join "\n", @{ $result->{broken} };

is($result->{lost}, 3, 'what is lost is counted');
is($result->{dup_queue}, 1, 'and what is doubled');
like($verdict, qr/3 acknowledged events are lost/, 'a loss is told');
like($verdict, qr/difference is 2/, 'with the difference of the ledger');
like($verdict, qr/1 alerts are doubled/, 'and the doubled alert');

done_testing();
