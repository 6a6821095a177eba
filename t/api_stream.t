# Live events: what was decided as it is decided, filtered, sampled and told
# of; viewers that do not read, that may not any more, too many of them, and
# nobody.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use IO::Socket::INET;
use JSON::XS;
use Mutt::Test;
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));

# where little fits between nginx and who does not read
$t->reserve('narrow');
$t->http_conf('server { listen 127.0.0.1:%%narrow_PORT%% sndbuf=8k;'
    . ' location / { mutt_api; } }');
$t->run();
$t->linked('nginx is there');
$t->rule(match_string => 'fan');
$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 10);

sub asks {
    my ($query, $header) = @_;

    return 'GET /api/v2/events/stream' . ($query // '') . " HTTP/1.1\r\n"
        . "Host: localhost\r\n"
        . ($header // 'X-API-KEY: ' . $t->key('admin')) . "\r\n\r\n";
}

sub watch { return { socket => $t->http_raw(asks(@_)), text => '' } }

# One with a small window, of what reads nothing.
sub watch_narrowly {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $t->port('narrow'),
        Sockopts => [ [ SOL_SOCKET, SO_RCVBUF, pack 'i', 4096 ] ])
        or die "narrow: $!\n";

    syswrite $socket, asks();
    return { socket => $socket, text => '' };
}

# Reads for at most a tenth of a second.
sub look {
    my ($viewer) = @_;

    my $more = '';

    if (IO::Select->new($viewer->{socket})->can_read(0.1)) {
        my $n = sysread $viewer->{socket}, $more, 1 << 20;

        $viewer->{over} = 1 if !$n;
    }

    $viewer->{text} .= $more;
    $viewer->{over} = 1 if $viewer->{text} =~ /\r\n0\r\n\r\n\z/;
    return $viewer->{text};
}

sub ended {
    my ($viewer) = @_;

    return $t->wait_for(sub { look($viewer); $viewer->{over} }, 20);
}

# The stream of somebody who is let in once all workers know him.
sub let_in {
    my ($header) = @_;

    my $viewer;

    $t->wait_for(sub {
        $viewer = watch('', $header);
        $t->wait_for(sub { look($viewer) =~ m{^HTTP/1.1 \d+} }, 10);
        $viewer->{text} =~ m{^HTTP/1.1 200};
    }, 20);
    return $viewer;
}

sub call {
    my ($method, $path, $body, %headers) = @_;

    return $t->http($method, "/api/v2/$path", $body && encode_json($body),
        'Content-Type' => 'application/json', %headers);
}

my %admin = ('X-API-KEY' => $t->key('admin'));

# What has come as events; chunks may divide a line.
sub text_of { return $_[0]->{text} =~ s/\r\n[0-9a-f]+\r\n//gr }
sub events {
    return map { decode_json($_) }
        text_of($_[0]) =~ /(?:^|\n\n|live\n\n)data: (\{.*\})(?=\n\n)/g;
}

sub counted {
    my ($viewer, $what) = @_;
    my $text = text_of($viewer);
    my $n = 0;

    $n += $1 while $text =~ /"$what":(\d+)/g;
    return $n;
}

sub watched {
    my ($viewer) = @_;

    return $t->wait_for(sub { look($viewer) =~ /: live/ }, 10);
}

###############################################################################

my $all = watch();
my $some = watch('?hostname=R2&text=FAN&severity=3');

ok(watched($all), 'a stream is opened');
like($all->{text}, qr{^HTTP/1.1 200 .*content-type: text/event-stream}is,
    'of its type');
ok(watched($some), 'another one, with filters');

# the alerter looks once a second whether somebody watches
ok($t->wait_for(sub {
    $t->ingest({ hostname => 'r1', message => 'fan failure <b>',
        syslog_severity => 2 });
    look($all);
    grep { $_->{team_assignment} } events($all);
}, 15), 'events come');

my ($event) = grep { $_->{team_assignment} } events($all);

is_deeply([ @$event{qw(hostname message syslog_severity matched_rule_id
    handling_decision team_assignment forwarded_to_moog outcome)} ], [ 'r1',
    'fan failure <b>', 2, 1, 'Page_and_ticket', 'NETO', JSON::XS::true,
    'alert' ], 'with what was decided') or diag($all->{text});
is_deeply([ grep { $_->{outcome} eq 'unhandled' && defined
    $_->{matched_rule_id} } events($all) ], [], 'no rule where none matched');
ok($t->wait_for(sub {
    $t->ingest([ map { $t->event(hostname => $_->[0], message => $_->[1],
        syslog_severity => $_->[2]) } [ 'r1', 'fan 1', 1 ],
        [ 'r2', 'disk', 1 ], [ 'r2', 'fan 2', 5 ], [ 'r2', 'fan 3', 3 ] ]);
    look($some);
    events($some) > 0;
}, 15), 'filters let through');
is_deeply([ sort keys %{ { map { $_->{message} => 1 } events($some) } } ],
    [ 'fan 3' ], 'what they should');

ok($t->wait_for(sub {
    $t->ingest([ map { $t->event(message => "many $_") } 1 .. 300 ]);
    look($all);
    counted($all, 'sampled_out') > 0;
}, 15), 'what is not in the sample is told of');

###############################################################################
# a viewer that does not read

my $slow = watch_narrowly();
my @fat = map { ('e', encode_json({ event_id => 1, message => 'x' x 2000 })) }
    1 .. 20;

sub flood {
    $t->redis('xadd', 'mutt:live:events', 'MAXLEN', 200, '*', 'n', 20, @fat)
        for 1 .. 5;
}

ok(watched($slow), 'a slow viewer comes');

# it reads nothing while another one gets more than fits in between
my $before = length $all->{text};

ok($t->wait_for(sub { flood(); look($all);
    length($all->{text}) - $before > 1 << 18 }, 30), 'and much for it');
ok($t->wait_for(sub { flood(); look($slow); counted($slow, 'dropped') > 0 },
    30), 'what was too much for it is dropped, and it is said');

###############################################################################
# too many, mistakes, nobody

my @viewers = map { watch() } 1 .. 40;
my $refused = 0;

ok($t->wait_for(sub {
    look($_) for grep { $_->{text} eq '' } @viewers;
    !grep { $_->{text} eq '' } @viewers;
}, 20), 'all viewers are answered');
cmp_ok(scalar(grep { $_->{text} =~ m{^HTTP/1.1 503} } @viewers), '>=', 40 - 32,
    'but not all are let in');
cmp_ok($t->metrics('nginx')->{mutt_webui_live_viewers}, '>=', 16,
    'those who are, are counted');
close $_->{socket} for @viewers, $some, $slow, $all;
ok($t->wait_for(sub {
    $t->metrics('nginx')->{mutt_webui_live_viewers} == 0 }, 15),
    'and those who left are gone');

for my $bad (qw(severity=8 severity=x seconds=301 rule_id=0 text=%ff)) {
    my $r = $t->http('GET', "/api/v2/events/stream?$bad", undef,
        'X-API-KEY' => $t->key('admin'));
    my ($name) = $bad =~ /^(\w+)/;

    is($r->{code}, 400, "$bad is refused");
    ok($r->{json}{fields}{$name}, 'by its name');
}

is($t->http('GET', '/api/v2/events/stream?seconds=0')->{code}, 401,
    'it takes a key');
is($t->http('GET', '/api/v2/events/stream?seconds=0', undef,
    'X-API-KEY' => $t->key('admin'))->{code}, 200, 'a stream may be short');
# a live setting is with each worker in its time
$t->setting('live_viewers_max', 0);
ok($t->wait_for(sub { !grep { $_ != 503 } map { call('GET',
    'events/stream?seconds=0', undef, %admin)->{code} } 1 .. 8 }, 15),
    'the operator says how many may watch');
$t->setting('live_viewers_max', 64);
ok($t->wait_for(sub { !grep { $_ != 200 } map { call('GET',
    'events/stream?seconds=0', undef, %admin)->{code} } 1 .. 8 }, 15),
    'at any time');
ok($t->wait_for(sub { !$t->redis('exists', 'mutt:live:viewers') }, 15),
    'when nobody watches no one is asked');
ok($t->wait_for(sub {
    my $ttl = $t->redis('ttl', 'mutt:live:events');

    $ttl == -2 || ($ttl > 0 && $ttl <= 60);
}, 15), 'and nothing is kept for long');

###############################################################################
# who may not any more

my $key = call('POST', 'keys', { name => 'wall', scopes => [ 'read' ] }, %admin)
    ->{json}{key};
my $wall = let_in("X-API-KEY: $key");
my $in = $t->http('POST', '/api/v2/session', encode_json({ api_key =>
    $t->key('admin') }), 'Content-Type' => 'application/json');
my ($cookie) = ($in->{header}{'set-cookie'} // '') =~ /^([^;]*)/;
my $signed = let_in("Cookie: $cookie");

ok(watched($wall), 'a named key watches');
ok(watched($signed), 'a session watches');
call('DELETE', 'keys/wall', undef, %admin);
ok(ended($wall), 'a revoked key does not');
look($signed);
ok(!$signed->{over}, 'others do');
is(call('DELETE', 'session', undef, Cookie => $cookie,
    'X-CSRF-Token' => $in->{json}{csrf_token})->{code}, 204, 'signed out');
ok(ended($signed), 'a session that is over does not watch');

###############################################################################
# nginx and Redis go

my ($reader, $idle) = (watch(), watch_narrowly());

ok(watched($reader), 'one who reads');

# a Redis that is slow to answer ends streams, and who watches comes again
ok($t->wait_for(sub {
    ($reader, $idle) = (watch(), watch_narrowly())
        if $reader->{over} || $reader->{text} =~ m{^HTTP/1.1 503};
    flood();
    look($reader);
    length($reader->{text}) > 1 << 18;
}, 60), 'and one who does not');
$t->reload();
$t->linked('the old workers wait for nobody', 30);
ok(ended($reader), 'streams end with them');
ok(ended($idle), 'read or not');

my $last = let_in();

$t->stop('redis');
ok(ended($last), 'a stream ends with Redis');
is(call('GET', 'events/stream', undef, %admin)->{code}, 503, 'none begins');
$t->start('redis');

$t->done();
