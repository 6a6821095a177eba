# muttdev logs: what a stack's programs wrote, each in its own way, in one
# order.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use IPC::Open3;
use JSON::XS;
use Test::More;
use Time::HiRes qw(sleep time);

my $build = $ENV{MUTT_BUILD} // 'build-san';
my $muttdev = ($build =~ m{^/} ? '' : "$FindBin::Bin/../") . "$build/muttdev";
my $home = tempdir(CLEANUP => 1);

delete @ENV{grep { /^MUTT_(?:URL|API_KEY)/ } keys %ENV};
$ENV{MUTT_HOME} = $home;
$ENV{TZ} = 'Etc/GMT-2';
mkdir "$home/log";

sub add {
    my ($path, @lines) = @_;

    open my $file, '>>', "$home/$path" or die "$path: $!\n";
    print $file map { "$_\n" } @lines;
    close $file;
}

# The exit status and what it said.
sub muttdev {
    my @command = @_;

    my $pid = open my $out, '-|' // die $!;
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec 'timeout', 60, $muttdev, @command or die;
    }
    my $said = do { local $/; <$out> } // '';
    close $out;
    return ($? >> 8, $said);
}

sub logs {
    my ($status, $said) = muttdev('logs', @_);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($status, 0, "muttdev logs @_") or diag($said);
    return $said;
}

sub worker {
    my ($at, $level, $message, %more) = @_;

    return encode_json({ timestamp => "2026-11-21T10:00:$at.000000Z",
        level => $level, service => 'mutt-alerter', message => $message,
        correlation_id => 'system', %more });
}

###############################################################################

my ($status, $said) = muttdev('logs');

is($status, 1, 'without a stack there is nothing to show');
like($said, qr/MUTT_HOME.*journalctl/, 'that is said');

add('mutt.env', 'MUTT_URL=http://127.0.0.1:1');
add('log/alerter.log', worker('01', 'INFO', 'started'),
    worker('05', 'ERROR', "bad\e[2J row", error => 'sqlstate 22001',
        correlation_id => 'c-5'), worker('09', 'DEBUG', 'claimed'));
add('log/error.log', '2026/11/21 12:00:02 [notice] 7#7: start worker',
    '2026/11/21 12:00:06 [warn] 7#7: *1 slow, client: 127.0.0.1');
add('log/redis.log', '7:M 21 Nov 2026 12:00:03.250 * Ready to accept',
    '7:M 21 Nov 2026 12:00:07.000 # Disk is full');
add('log/postgres.log', '2026-11-21 10:00:04.500 UTC [9] LOG:  ready',
    '2026-11-21 10:00:08.500 UTC [9] FATAL:  no pg_hba entry', "\tdetail");
add('log/access.log', encode_json({ timestamp => '2026-11-21T10:00:03+00:00',
    service => 'mutt', method => 'POST', path => '/ingest', status => 503,
    correlation_id => 'c-1' }));

my @lines = split /\n/, logs('all');

is(join(' ', map { substr $_, 17, 2 } @lines),
    '01 02 03 04 05 06 07 08 08 09', 'all logs, in the order of their time');
is(join(' ', map { (split)[1] } @lines),
    'INFO INFO INFO INFO ERROR WARNING WARNING ERROR ERROR DEBUG',
    'with levels of one scale');
like($lines[4], qr/mutt-alerter +bad\\u001b\[2J row: sqlstate 22001  c-5$/,
    'an error has its cause and its event, and moves no terminal');
like($lines[8], qr/detail/, 'a line without a time belongs to the one before');

is(scalar(() = logs('-n', 3) =~ /\n/g), 3, 'the last ones');
is(scalar(() = logs(qw(all --level warning)) =~ /\n/g), 5, 'of a level');
is(scalar(() = logs(qw(--grep DISK)) =~ /\n/g), 1, 'with a text');
is(scalar(() = logs('alerter') =~ /\n/g), 3, 'of one service');
like(logs('access'), qr/ERROR +mutt +POST \/ingest 503  c-1/,
    'requests are asked for by name');

my @objects = map { decode_json($_) } split /\n/, logs(qw(redis --json));

is($objects[0]{timestamp}, '2026-11-21T10:00:03.250000Z',
    'as JSON, a line each, in UTC');
is("$objects[1]{level} $objects[1]{service} $objects[1]{message}",
    'WARNING redis Disk is full', 'with its members');

# a line that is no text at all
add('log/sink.log', "\xff\xfe", '{"broken');
like(logs('sink'), qr/no UTF-8.*\{"broken/s, 'whatever is in a log is shown');

###############################################################################
# What comes while one looks

my $pid = open3(my $in, my $out, undef, 'timeout', 60, $muttdev, 'logs', 'alerter', '-f',
    '-n', '1', '--for', '30');

like(scalar <$out>, qr/claimed/, 'the last line at once');
add('log/alerter.log', worker('10', 'INFO', 'claims again'));
like(scalar <$out>, qr/claims again/, 'then what comes');

rename "$home/log/alerter.log", "$home/log/alerter.log.1";
add('log/alerter.log', worker('11', 'INFO', 'a new file'));
like(scalar <$out>, qr/a new file/, 'also in a file that was made anew');
kill 'TERM', $pid;
waitpid $pid, 0;

($status) = muttdev(qw(logs nobody));
is($status, 2, 'an unknown service is a fault of usage');
($status, $said) = muttdev(qw(logs --level LOUD));
is($status, 2, 'so is an unknown level');
like($said, qr/^muttdev logs: --level wants DEBUG[^\n]*\n\z/,
    'in one line that says what is wanted');

done_testing();
