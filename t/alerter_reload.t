# Rules, development hosts and teams are read at the start, at a notice, at
# SIGHUP and on a timer, replaced whole, and kept when they cannot be read.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter))->plan(23);

$t->env(CACHE_RELOAD_INTERVAL => 86400, DB_TIMEOUT_MS => 1000);
$t->run();

sub metric { return $t->metrics('alerter')->{$_[0]} // 0 }
sub rules { return metric('mutt_alerter_cache_rules_count') }
sub loads { return metric('mutt_alerter_cache_reload_total{status="success"}') }
sub failures { return metric('mutt_alerter_cache_reload_failures_total') }
sub notice { $t->redis('publish', 'mutt:config:updates', 'rules') }

# a rule that nobody is told of
sub rule {
    my ($match, $type) = @_;

    return $t->sql('INSERT INTO alert_rules (match_string, match_type,
        prod_handling, dev_handling, team_assignment)
        VALUES (?, ?, ?, ?, ?) RETURNING id', $match, $type // 'contains',
        'log_ONLY', 'Suppress', 'NETO');
}

# how an event of this message ends
sub fate {
    my (%event) = @_;
    my %before = %{ $t->ledger() };

    $t->ingest(\%event);

    return $t->wait_for(sub {
        my %now = %{ $t->ledger() };
        my ($moved) = grep { $now{$_} > $before{$_} }
            qw(logged suppressed unhandled dead);
        $moved;
    }, 10);
}

###############################################################################

is(fate(message => 'link down'), 'unhandled', 'without rules nothing matches');

my $first = rule('link');

is(fate(message => 'link down'), 'unhandled', 'a new rule waits to be read');
notice();
ok($t->wait_for(sub { rules() == 1 }, 10), 'a notice has it read');
is(fate(message => 'link down'), 'logged', 'then it counts');

$t->sql("INSERT INTO development_hosts VALUES ('LAB1')");
$t->signal('alerter', 'HUP');
ok($t->wait_for(sub { metric('mutt_alerter_cache_dev_hosts_count') == 1 }, 10),
    'SIGHUP has a host read');
is(fate(message => 'link down', hostname => 'lab1'), 'suppressed',
    'then it is one for development');

my $loads = loads();

notice();
ok($t->wait_for(sub { loads() > $loads }, 10),
    'a load that brings nothing new succeeds');
is(() = $t->log_of('alerter') =~ /using 1 rules, 1 dev/g, 1,
    'and is not compiled again');

$t->sql('UPDATE alert_rules SET deleted_at = now() WHERE id = ?', $first);
my $inactive = rule('inactive');
$t->sql('UPDATE alert_rules SET is_active = false WHERE id = ?', $inactive);
rule('other');
notice();
$t->wait_for(sub { $t->log_of('alerter') =~ /using 1 rules, 1 dev.*using 1 /s },
    10);
is(fate(message => 'link down'), 'unhandled', 'a deleted rule matches nothing');
is(fate(message => 'inactive'), 'unhandled', 'nor does an inactive one');
is(fate(message => 'other'), 'logged', 'the others do');

###############################################################################
# rules that cannot be used

my $broken = rule('(', 'regex');
my $word = rule('word');
$t->sql("UPDATE alert_rules SET prod_handling = 'Call_me' WHERE id = ?",
    $word);
rule('x.{500}y', 'regex');
rule('last');
notice();
ok($t->wait_for(sub { rules() == 3 }, 20), 'the good ones are used');
is(fate(message => 'at last'), 'logged', 'and match');
like($t->log_of('alerter'), qr/rule $broken: .*at offset 1/,
    'a pattern that does not compile is named');
like($t->log_of('alerter'), qr/rule $word: unknown prod_handling/,
    'so is an unknown word');

###############################################################################
# a load that fails

$t->sql('ALTER TABLE alert_rules RENAME COLUMN priority TO prio');
notice();
ok($t->wait_for(sub { failures() > 0 }, 10), 'a failed load is counted');
is(fate(message => 'at last'), 'logged', 'the last good rules stay');
is($t->health('alerter')->{code}, 200, 'it works on');
like($t->health('alerter')->{json}{checks}{rules}, qr/last good/,
    'and /health tells of it');
rule('repeated');
$t->sql('ALTER TABLE alert_rules RENAME COLUMN prio TO priority');
ok($t->wait_for(sub { rules() == 4 }, 15), 'it is repeated by itself');
is(fate(message => 'repeated'), 'logged', 'so that no change is missed');

###############################################################################
# the timer

$t->restart('alerter', CACHE_RELOAD_INTERVAL => 5);
is(fate(message => 'by the timer'), 'unhandled', 'not known yet');
rule('by the timer');
ok($t->wait_for(sub { rules() == 5 }, 15), 'read without being told');
