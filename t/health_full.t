# /health tells what being connected does not: a Redis that refuses what is
# written, a PostgreSQL that takes no rows; and that it is over.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));

$t->run();
$t->rule(match_string => 'note', prod_handling => 'Log_only');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 20, 'the rule is there');

# Whether /health says so at last; each process of nginx finds out by itself.
sub says {
    my ($code, $status, $part, $state, $title) = @_;

    $t->wait_for(sub {
        my $h = $t->health('nginx');

        $h->{code} == $code && $h->{json}{status} eq $status
            && $h->{json}{$part} eq $state;
    }, 20, $title) or diag($t->health('nginx')->{body});
}

says(200, 'healthy', 'redis', 'connected', 'all is well');

my ($cookie) = ($t->http('POST', '/api/v2/session',
    encode_json({ api_key => $t->key('admin') }))->{header}{'set-cookie'} // '')
    =~ /(mutt_session=\w+)/;

# Redis can't write its file: a directory has its name
my $file = $t->dir() . '/dump.rdb';

mkdir $file or die "$file: $!\n";
$t->redis(qw(config set save), '3600 1');
$t->redis('bgsave');
$t->wait_for(sub { scalar($t->redis('info', 'persistence'))
    ->{rdb_last_bgsave_status} eq 'err' }, 20, 'Redis fails to save');
is($t->ingest('note')->{code}, 503, 'and takes no event');
says(503, 'unhealthy', 'redis', 'refuses_writes', '/health says so');
is($t->http('GET', '/api/v2/status', undef, Cookie => $cookie)->{code}, 200,
    'who has signed in can look at it');
is($t->http('GET', '/api/v2/status', undef,
    Cookie => 'mutt_session=' . 'a1' x 32)->{code}, 401, 'nobody else can');
rmdir $file or die "$file: $!\n";
$t->redis('bgsave');
says(200, 'healthy', 'redis', 'connected', 'it is over when Redis can save');

# PostgreSQL has no room for a row
$t->sql('CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS'
    . " \$\$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END \$\$");
$t->sql('CREATE TRIGGER full_disk BEFORE INSERT ON event_audit_log'
    . ' FOR EACH ROW EXECUTE FUNCTION full_disk()');
$t->wait_for(sub { $t->ingest('note')->{code} == 200 }, 20,
    'an event is taken');
says(200, 'degraded', 'database', 'refuses_writes',
    'PostgreSQL takes no row, and /health says so');
is($t->ingest('note')->{code}, 200, 'events are taken all the same');
$t->sql('DROP TRIGGER full_disk ON event_audit_log');
$t->wait_for(sub { $t->ledger()->{logged} == 2 }, 30, 'its rows get in');
says(200, 'healthy', 'database', 'connected', 'and all is well again');
is($t->ledger()->{difference}, 0, 'the ledger balances');

$t->done();
