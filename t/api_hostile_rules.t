# Patterns made to hurt: refused with the reason, or harmless; and rules that
# came another way keep no other rule from loading and no event waiting.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));
my %rule = (match_type => 'regex', prod_handling => 'Log_only',
    dev_handling => 'Log_only', team_assignment => 'NETO');

$t->run();

sub api {
    my ($method, $path, $body) = @_;

    return $t->http($method, "/api/v2/$path",
        ref $body ? encode_json($body) : $body,
        'X-API-KEY' => $t->key('admin'), 'Content-Type' => 'application/json');
}

sub loaded {
    my ($n) = @_;

    return $t->wait_for(sub { ($t->metrics('alerter')
        ->{mutt_alerter_cache_rules_count} // 0) == $n }, 30);
}

$t->wait_for(sub { api('GET', 'rules')->{code} == 200 }, 10, 'it is there');

###############################################################################
# refused

my @hurts = (
    [ '^(([a-z])+.)+[A-Z]([a-z])+$', 'backtracks' ],
    [ '(a|aa)+\1$', 'backtracks' ],
    [ '(a+)+$', 'backtracks' ],
    [ '((\w{1,30}){1,30}){1,30}', 'too large' ],
    [ '(\w{1,200}\s){1,20}', 'too large' ],
    [ '((((a{1,90}){1,90}){1,90}){1,90}){1,90}', 'large' ],
    [ '(' x 300 . ')' x 300, 'nest|deep' ],
    [ '(', 'parenthes' ],
    [ 'a{2,1}', 'order' ],
    [ 'a|' x 600, '1024' ],
);

for my $case (@hurts) {
    my ($pattern, $why) = @$case;
    my $r = api('POST', 'rules', { %rule, match_string => $pattern });
    my $name = substr $pattern, 0, 30;

    is($r->{code}, 400, "$name is refused");
    like($r->{json}{fields}{match_string}, qr/$why/, 'with the reason');
}

###############################################################################
# harmless

for my $pattern ('link (up|down)', '.{1,1000}x.{1,1000}y', '(.{1,50}a){10}',
    '(\w+\s*){1,64}', join('|', map { chr(97 + $_ % 26) x 2 } 1 .. 340),
    '\w+-\w+-\w+-\w+-\w+-\w+: \d+')
{
    my $r = api('POST', 'rules', { %rule, match_string => $pattern,
        syslog_severity => 7 });

    is($r->{code}, 201, substr($pattern, 0, 30) . ' is taken')
        or diag($r->{body});
}

ok(loaded(6), 'and loaded');

###############################################################################
# what the API refuses, but the table has

$t->sql('INSERT INTO alert_rules (match_string, match_type, prod_handling,'
    . " dev_handling, team_assignment) VALUES (?, 'regex', 'Log_only',"
    . " 'Log_only', 'NETO')", $_->[0])
    for grep { $_->[1] =~ /backtracks$|too large$/ } @hurts;

my $r = api('POST', 'rules', { %rule, match_string => 'fan', priority => 1,
    match_type => 'contains' });

is($r->{code}, 201, 'a rule comes after them') or diag($r->{body});
ok(loaded(6 + 5 + 1), 'and is in force, and so are they');

my @sent = map { $t->event(message => $_ % 2 ? 'fan failure ' . $_
    : 'a' x 3000 . '!') } 1 .. 500;

$t->ingest(\@sent);
ok($t->wait_for(sub { $t->sql('SELECT count(*) FROM event_audit_log') >= 250
    && !$t->redis('llen', 'mutt:ingest_queue') }, 20),
    'events that make them backtrack hold up no other');

$t->done();
