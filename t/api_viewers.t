# Who watches live events: as many as may, to the last place, whichever process
# of nginx they come to; and what came too fast for nginx itself is told of.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use JSON::XS;
use List::Util qw(sum0);
use Mutt::Test;
use Test::More;

my $MAX = 8;
my $t = Mutt::Test->new()->has(qw(redis postgres nginx));

$t->env(LIVE_VIEWERS_MAX => $MAX);
$t->run();
$t->linked('nginx is there');

sub viewers { return $t->metrics('nginx')->{mutt_webui_live_viewers} // -1 }

sub asks {
    return "GET /api/v2/events/stream HTTP/1.1\r\nHost: localhost\r\n"
        . 'X-API-KEY: ' . $t->key('admin') . "\r\n\r\n";
}

# Reads for at most a tenth of a second.
sub look {
    my ($viewer) = @_;

    if (IO::Select->new($viewer->{socket})->can_read(0.1)) {
        sysread $viewer->{socket}, my $more, 1 << 20;
        $viewer->{text} .= $more // '';
    }
    return $viewer->{text};
}

sub answered {
    my (@viewers) = @_;

    return $t->wait_for(sub {
        !grep { look($_) !~ m{^HTTP/1.1 \d+} } @viewers }, 30);
}

###############################################################################
# many at a time: all are connected, then all ask

for my $round (1 .. 5) {
    my @viewers = map { { socket => $t->http_raw(''), text => '' } } 1 .. 40;

    syswrite $_->{socket}, asks() for @viewers;
    ok(answered(@viewers), 'all are answered');

    my @in = grep { $_->{text} =~ m{^HTTP/1.1 200} } @viewers;
    my @out = grep { $_->{text} =~ m{^HTTP/1.1 503.*busy}s } @viewers;

    is(@in, $MAX, 'as many as may are let in');
    is(@out, 40 - $MAX, 'the others may come later');
    is(viewers(), $MAX, 'they are counted');
    close $_->{socket} for @viewers;
    ok($t->wait_for(sub { viewers() == 0 }, 30), 'and nobody when they left');
}

###############################################################################
# messages that are gone before nginx asks for them

my $script = do { local (@ARGV, $/) =
    "$FindBin::Bin/../lib/domain/lua/live.lua"; <> } =~ s/^#![^\n]*//r;
my @keys = (2, 'mutt:live:events', 'mutt:live:total');

# what an alerter leaves, so often, with nobody in between
sub leave {
    my ($times, $passed, @events) = @_;

    $t->redis('eval', "local all for i = 1, $times do all = (function()"
        . " $script end)() end return all", @keys, 200, $passed,
        map { encode_json({ event_id => $_, message => 'x' }) } @events);
}

my $viewer = { socket => $t->http_raw(asks()), text => '' };

sub text { return look($viewer) =~ s/\r\n[0-9a-f]+\r\n//gr }
sub shown { return scalar(() = text() =~ /"event_id":"many"/g) }
sub missed { return sum0(text() =~ /"sampled_out":(\d+)/g) }

ok($t->wait_for(sub { leave(1, 1, 'first'); text() =~ /"event_id":"first"/ },
    30), 'a viewer sees what is left');
leave(1, 1, 'last');
ok($t->wait_for(sub { text() =~ /"event_id":"last"/ }, 30), 'all of it');

my $before = missed();

leave(1000, 7, 'many');
ok($t->wait_for(sub { shown() == 200 }, 30), 'of many messages the last');
ok($t->wait_for(sub { missed() - $before >= 1000 * 7 - 200 }, 30),
    'and of the others how many events they were about');
is(missed() - $before, 1000 * 7 - 200, 'exactly');

# what was counted begins anew
$t->redis('del', 'mutt:live:total');
leave(3, 2, 'anew');
ok($t->wait_for(sub { (() = text() =~ /"event_id":"anew"/g) == 3 }, 30),
    'a count that begins anew');
ok($t->wait_for(sub { missed() - $before >= 1000 * 7 - 200 + 3 }, 30),
    'is no loss');
is(missed() - $before, 1000 * 7 - 200 + 3, 'of anything');

$t->done();
