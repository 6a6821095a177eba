# A set of rules that is imported, and what is changed in it at once: events
# are decided by the newest, and each alerter says which set it uses.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));

# nothing is seen by the timer
$t->env(CACHE_RELOAD_INTERVAL => 86400);
$t->run();
$t->linked('nginx is there');

my $json = JSON::XS->new->utf8->canonical;

# What is busy or not there yet is asked again, as senders do.
sub call {
    my ($method, $path, $body) = @_;
    my $r;

    $t->wait_for(sub {
        $r = $t->http($method, "/api/v2/$path", $body && $json->encode($body),
            'X-API-KEY' => $t->key('admin'),
            'Content-Type' => 'application/json');
        $r->{code} != 503;
    }, 30);
    return $r;
}

sub version { return call('GET', 'rules/export')->{header}{etag} =~ s/"//gr }
sub used { return $t->health('alerter')->{json}{checks}{rules_version} // '' }

# how an event of this message ends
sub fate {
    my ($message) = @_;
    my %before = %{ $t->ledger() };

    $t->ingest({ message => $message });
    return $t->wait_for(sub {
        my %now = %{ $t->ledger() };
        my ($moved) = grep { $now{$_} > $before{$_} }
            qw(logged suppressed unhandled dead);
        $moved;
    }, 30);
}

sub rules {
    my ($n) = @_;

    return [ map { { match_type => $_ % 4 ? 'contains' : 'regex',
        match_string => $_ % 4 ? "pattern $_ x" : "pattern $_ (up|down) \\d+",
        prod_handling => 'Log_only', dev_handling => 'Log_only',
        team_assignment => 'NETO' } } 1 .. $n ];
}

sub import_rules {
    my ($rules) = @_;

    return call('POST', 'rules/import', { rules => $rules, mode => 'replace',
        reason => 'another set' });
}

###############################################################################

my $empty = version();

ok($t->wait_for(sub { used() eq $empty }, 30),
    'an alerter says which set it uses');
is(fate('pattern 1000 down 7'), 'unhandled', 'of no rules');

my $r = import_rules(rules(2000));

is($r->{code}, 200, 'a large set is imported') or diag($r->{body});

my ($regex) = grep { $_->{rule}{match_string} =~ /^pattern 1000 / }
    @{ $r->{json}{rules}{added} };
my ($word) = grep { $_->{rule}{match_string} eq 'pattern 999 x' }
    @{ $r->{json}{rules}{added} };

is(call('PUT', "rules/$regex->{id}", { prod_handling => 'Suppress' })
    ->{code}, 200, 'and a rule of it is changed at once');
isnt(my $changed = version(), $r->{header}{etag} =~ s/"//gr,
    'which makes another set');
ok($t->wait_for(sub { used() eq $changed }, 60), 'alerters use the newest');
is(fate('pattern 1000 down 7'), 'suppressed', 'with the rule as it was changed');
is(fate('pattern 999 x'), 'logged', 'and the others as they came');

# without a pause: none is the last for long
for my $n (1 .. 20) {
    call('PUT', "rules/$word->{id}", { priority => $n,
        prod_handling => $n % 2 ? 'Ignore' : 'Suppress' });
}

my $last = version();

ok($t->wait_for(sub { used() eq $last }, 60),
    'of many changes the last is used');
is(fate('pattern 999 x'), 'suppressed', 'and decides');

# the way back, while the way there may not have been gone
import_rules([]);
is(import_rules(rules(10))->{code}, 200, 'one set follows another');
my $final = version();
ok($t->wait_for(sub { used() eq $final }, 60), 'the last one is used');
is(fate('pattern 999 x'), 'unhandled', 'and nothing else');

# what does not decide is part of a set, too
my ($id) = map { $_->{id} } @{ call('GET', 'rules')->{json}{rules} };

call('PUT', "rules/$id", { is_active => JSON::XS::false });
ok($t->wait_for(sub { my $now = version(); $now ne $final && used() eq $now },
    60), 'a rule that is switched off makes another set');
call('DELETE', "rules/$id", { reason => 'not needed' });
ok($t->wait_for(sub { my $now = version(); used() eq $now }, 60),
    'so does one less, that nobody was matched by');

$t->done();
