# muttdev tail: events as they are decided, those that one asks for, and how
# it ends.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Cli;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis postgres nginx alerter));

$t->run();

my $cli = Mutt::Cli->new($t);
my $rule = $t->rule(match_string => 'link');

# Runs it beside us; its output is read by seen().
sub tail {
    my @command = @_;

    my $pid = open my $out, '-|' // die $!;
    if (!$pid) {
        %ENV = (%ENV, %{ $cli->{env} });
        exec 'timeout', 60, $cli->{program}, 'tail', @command or die;
    }
    return { pid => $pid, out => $out };
}

# Sends events until it prints a line: nobody knows when it began to watch.
sub seen {
    my ($tail, @events) = @_;

    my $line;

    $t->wait_for(sub {
        $t->ingest([ map { $t->event(%$_) } @events ]);
        my $vector = '';
        vec($vector, fileno $tail->{out}, 1) = 1;
        $line = readline $tail->{out} if select $vector, undef, undef, 0.5;
        defined $line }, 40);
    return $line // '';
}

sub stop {
    my ($tail) = @_;

    kill 'TERM', $tail->{pid};
    close $tail->{out};
}

###############################################################################

my $tail = tail('--json');
my $event = decode_json(seen($tail, { message => 'link down' }) || '{}');

is($event->{message}, 'link down', 'an event is seen as it is decided');
ok(exists $event->{outcome}, 'with what became of it');
stop($tail);

$tail = tail(qw(--host r2 --text), 'a & b', qw(--severity 3));
like(seen($tail, { hostname => 'r1', message => 'a & b', syslog_severity => 1 },
    { hostname => 'r2', message => 'other', syslog_severity => 1 },
    { hostname => 'r2', message => 'a & b', syslog_severity => 6 },
    { hostname => 'r2', message => "a & b \e[2J", syslog_severity => 3 }),
    qr/^\S+ \S+ +sev 3  r2  rule .*a & b \\u001b\[2J$/,
    'of many those that one asks for, harmlessly');
stop($tail);

my ($status, $out, $err) = $cli->run(qw(tail --for 1));

is($status, 0, 'it ends when it is told to') or diag($err);
$cli->fails(2, qr/--severity wants a number from 0 to 7/,
    qw(tail --severity 9));
$cli->fails(1, qr/no answer.*muttdev status/,
    qw(tail --url http://127.0.0.1:1));
$cli->env(MUTT_API_KEY => $t->key('ingest'));
$cli->fails(1, qr/403 forbidden/, 'tail');

$t->done();
