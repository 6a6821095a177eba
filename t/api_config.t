# Live settings over the API: CONTRACT 3 and 7.  PostgreSQL has them, Redis is
# the mirror that all processes read.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));

$t->env(MOOG_RATE_LIMIT => 77)->run();

sub api {
    my ($method, $path, $body, %headers) = @_;

    return $t->http($method, "/api/v2/$path",
        ref $body ? encode_json($body) : $body,
        'X-API-KEY' => $t->key('admin'), %headers);
}

sub set { return api('PUT', "config/$_[0]", { value => $_[1] }) }
sub mirrored { return scalar $t->redis('get', "mutt:config:$_[0]") }

$t->wait_for(sub { api('GET', 'config')->{code} == 200 }, 10, 'it is there');

###############################################################################
# what there is

my $r = api('GET', 'config');
my ($entry) = grep { $_->{key} eq 'unhandled_threshold' }
    @{ $r->{json}{entries} };

is($r->{json}{config}{unhandled_threshold}, '100', 'values are listed as text');
is(delete($entry->{description}) =~ /meta-alert/, 1, 'and explained');
is_deeply($entry, { key => 'unhandled_threshold', value => 100,
    default => 100, type => 'int', unit => 'events', min => 1,
    max => 1000000, choices => undef, reader => 'alerter',
    is_default => JSON::XS::true, updated_at => undef, updated_by => undef },
    'with all there is to know');
is(scalar keys %{ $r->{json}{config} }, scalar @{ $r->{json}{entries} },
    'every key has an entry');
is_deeply(api('GET', 'config/alerter_shed_mode')->{json}{choices},
    [ qw(dlq defer) ], 'choices are listed');
is(api('GET', 'config/moog_rate_limit')->{json}{value}, 77,
    'the environment gives an initial value');
is(api('GET', 'config/redis_host')->{code}, 404,
    'what is not live is not there');
is(api('GET', 'config/webui_api_key')->{code}, 404, 'least of all a key');
is(api('GET', 'config/%ff')->{code}, 404, 'nor bytes');

###############################################################################
# change

$r = api('PUT', 'config/unhandled_threshold',
    { value => 5, reason => 'quiet' }, 'X-Correlation-ID' => 'c-1');
is($r->{code}, 200, 'a setting is stored') or diag($r->{body});
is_deeply($r->{json}, { key => 'unhandled_threshold', old_value => undef,
    new_value => '5' }, 'old is null when it was the default');
is(api('GET', 'config/unhandled_threshold')->{json}{value}, 5, 'it counts');
is(api('GET', 'config/unhandled_threshold')->{json}{updated_by}, 'webui',
    'and who said so is known');
ok($t->wait_for(sub { (mirrored('unhandled_threshold') // '') eq '5' }, 2),
    'Redis has it');
is_deeply(set('unhandled_threshold', '+6')->{json},
    { key => 'unhandled_threshold', old_value => '5', new_value => '6' },
    'text is taken too, and stored plainly');
is(set('audit_unhandled', 'YES')->{json}{new_value}, 'true',
    'as are booleans');
is(set('alerter_shed_mode', 'DEFER')->{json}{new_value}, 'defer',
    'and choices');

$r = api('DELETE', 'config/unhandled_threshold', { reason => 'enough' });
is_deeply($r->{json}, { key => 'unhandled_threshold', old_value => '6',
    new_value => '100' }, 'a setting returns to its default');
$r = api('DELETE', 'config/unhandled_threshold');
is($r->{code}, 200, 'again');
is($r->{json}{old_value}, undef, 'which changes nothing');
ok($t->wait_for(sub { !defined mirrored('unhandled_threshold') }, 2),
    'Redis has it no more');

###############################################################################
# refused

for my $case ([ 'unhandled_threshold', 0 ], [ 'unhandled_threshold', -1 ],
    [ 'unhandled_threshold', 1e18 ], [ 'unhandled_threshold', '' ],
    [ 'unhandled_threshold', 'NaN' ], [ 'unhandled_threshold', undef ],
    [ 'unhandled_threshold', [ 1 ] ], [ 'unhandled_threshold', 1.5 ],
    [ 'alerter_shed_mode', 'none' ], [ 'alerter_shed_mode', 1 ],
    [ 'audit_unhandled', 'perhaps' ], [ 'slo_burn_rate_warning', 'x' x 999 ],
    [ 'alerter_queue_shed_threshold', 999 ],
    [ 'alerter_queue_warn_threshold', 2001 ],
    [ 'slo_burn_rate_critical', 1 ])
{
    my ($key, $value) = @$case;
    my $r = set($key, $value);

    is($r->{code}, 400, "refused: $key " . substr encode_json([ $value ]), 0,
        20);
    ok($r->{json}{fields}{value}, 'with the reason');
}

is_deeply(api('PUT', 'config/log_level', {})->{json}{missing_fields},
    [ 'value' ], 'a missing value is listed');
is(set('nothing', 1)->{code}, 404, 'an unknown key is none');
is(api('DELETE', 'config/nothing')->{code}, 404, 'nor to delete');

is(set('alerter_queue_shed_threshold', 5000)->{code}, 200, 'one after');
is(set('alerter_queue_warn_threshold', 4000)->{code}, 200, 'the other');
is(api('DELETE', 'config/alerter_queue_shed_threshold')->{code}, 400,
    'a default has to fit too');

# two changes that fit alone but not together
for my $round (1 .. 5) {
    $t->sql('DELETE FROM dynamic_config');

    my @pids = map {
        my ($key, $value) = @$_;
        my $pid = fork() // die "fork: $!\n";

        if (!$pid) {
            set($key, $value);
            require POSIX;
            POSIX::_exit(0);
        }

        $pid;
    } [ 'alerter_queue_warn_threshold', 2000 ],
        [ 'alerter_queue_shed_threshold', 1000 ];

    waitpid $_, 0 for @pids;
    is($t->sql('SELECT count(*) FROM dynamic_config'), 1,
        'one of two that do not fit is refused');
}

###############################################################################
# history

$r = api('GET', 'config/history?key=unhandled_threshold');
is_deeply([ map { [ $_->{operation}, $_->{old_values}{value},
    $_->{new_values}{value}, $_->{reason}, $_->{record_key} ] }
    @{ $r->{json}{history} } ], [
    [ 'DELETE', '6', undef, 'enough', 'unhandled_threshold' ],
    [ 'UPDATE', '5', '6', undef, 'unhandled_threshold' ],
    [ 'CREATE', undef, '5', 'quiet', 'unhandled_threshold' ] ],
    'each change is told, the last first');
is($r->{json}{history}[2]{correlation_id}, 'c-1', 'with its request');
is($r->{json}{pagination}{total}, 3, 'and counted');

###############################################################################
# a running process, and a mirror that is behind

$t->sql('DELETE FROM dynamic_config');
set('unhandled_threshold', 3);
ok($t->wait_for(sub {
    $t->ingest('odd');
    $t->wait_for(sub { !$t->redis('llen', 'mutt:ingest_queue') }, 5);
    $t->redis('llen', 'mutt:alert_queue');
}, 10), 'the alerter goes by it');

$t->redis('set', 'mutt:config:unhandled_threshold', 9);
$t->redis('set', 'mutt:config:log_level', 'DEBUG');
ok($t->wait_for(sub { mirrored('unhandled_threshold') eq '3'
    && !defined mirrored('log_level') }, 30), 'PostgreSQL is right');

$t->stop('redis');
is(set('unhandled_threshold', 4)->{code}, 200, 'Redis need not be there');
$t->start('redis');
ok($t->wait_for(sub { (eval { mirrored('unhandled_threshold') } // '') eq '4' },
    30), 'it is told later');

$t->done();
