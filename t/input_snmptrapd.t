# Real traps, v1, v2c and v3, through the real snmptrapd with the shipped
# configuration and our traphandle: each reaches the webhook as its device's,
# with its OID and its values; none is lost while MUTT is away, and none waits
# for a MUTT that hangs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use JSON::XS;
use Mutt::Ports;
use Mutt::Process;
use Mutt::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Mutt::Test->new()
    ->has(qw(redis postgres nginx sink alerter forwarder))->plan(54);

$t->run();

my $rule = $t->rule(trap_oid => '1.3.6.1.6.3.1.1.5', match_type => 'oid_prefix');

$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 10);

###############################################################################

my $shipped = "$FindBin::Bin/../packaging/inputs/snmptrapd";
my $handle = "$shipped/mutt-traphandle";
my $dir = $t->dir();
my $port = Mutt::Ports::take();
my $url = 'http://127.0.0.1:' . $t->port('nginx') . '/api/v2/ingest';
my $engine = '8000000001020304';
my $community = 'c0mmunity';

sub put {
    my ($name, $text) = @_;

    open my $file, '>', "$dir/$name" or die "$name: $!\n";
    print $file $text;
    close $file;
}

sub text_of {
    open my $file, '<', $_[0] or return '';
    local $/;
    return scalar <$file>;
}

# what an operator fills in
my $conf = text_of("$shipped/snmptrapd.conf");

$conf =~ s/put-the-community-here/$community/;
$conf =~ s/put-the-(auth|priv)-passphrase-here/$1-pass-phrase/g;
$conf =~ s{(?<= -e 0x)\w+}{$engine};
$conf =~ s{/usr/lib/mutt/mutt-traphandle}{$handle};
$conf =~ s{(?<=--url )\S+}{$url};
$conf =~ s{(?<=--key-file )\S+}{$dir/key};
$conf =~ s{(?<=--spool )\S+}{$dir/spool};
put('snmptrapd.conf', $conf);
put('key', $t->key('ingest') . "\n");
mkdir "$dir/snmp";

# its own state, and the senders'
$ENV{SNMP_PERSISTENT_DIR} = $dir;

my $daemon = Mutt::Process->new(name => 'snmptrapd', log => "$dir/snmptrapd.log",
    command => [ 'snmptrapd', '-f', '-LOw', '-m', '', '-C', '-c',
        "$dir/snmptrapd.conf", "udp:127.0.0.1:$port" ]);

sub start_daemon {
    $daemon->start(SNMP_PERSISTENT_DIR => "$dir/snmp",
        SNMPCONFPATH => "$dir/snmp");

    my $bound = sprintf '0100007F:%04X ', $port;

    return $t->wait_for(sub { text_of('/proc/net/udp') =~ /$bound/
        || !$daemon->running() }, 10) && $daemon->running();
}

ok(start_daemon(), 'snmptrapd runs');

# sends a trap; values are pairs of OID and text
sub trap {
    my ($auth, $oid, @values) = @_;
    my @arguments;

    while (my ($name, $text) = splice @values, 0, 2) {
        my $bytes = $text;

        utf8::encode($bytes);
        push @arguments, $name, $text =~ /^\d+\.\d+\.\d+\.\d+$/ ? 'a' : 's',
            $bytes;
    }

    return system('snmptrap', '-m', '', @$auth, "127.0.0.1:$port",
        ref $oid ? @$oid : ('', $oid), @arguments) == 0;
}

sub newest { return JSON::XS->new->decode($t->sink_stats()->{last}[-1]) }

# waits for the webhook to have had $n alerts
sub arrived {
    my ($n, $title) = @_;

    ok($t->wait_for(sub { $t->sink_stats()->{distinct} == $n }, 20), $title)
        or diag($daemon->log_text());
}

# the handler by itself: the trap's lines, a spool, and more options; its exit
# and what it said
sub take {
    my ($lines, $spool, @options) = @_;

    put('trap', $lines);

    my $said = `$handle --key-file $dir/key --spool $dir/$spool @options 2>&1 <$dir/trap`;

    return ($? >> 8, $said);
}

# what --flush answers: its exit and what it said
sub flush {
    my ($spool, @options) = @_;
    my $said = `$handle --key-file $dir/key --spool $dir/$spool @options --flush 2>&1`;

    return ($? >> 8, $said);
}

sub spooled { return (() = glob "$dir/$_[0]/*.json") }

# the one process that sends, or 0
sub sender {
    my ($pid) = text_of("$dir/$_[0]/lock") =~ /(\d+)/;

    return $pid && kill(0, $pid) ? $pid : 0;
}

sub stop_sender {
    my ($spool) = @_;

    $t->wait_for(sub { sender($spool) }, 10) or die "no sender\n";
    kill 'KILL', sender($spool);
    $t->wait_for(sub { !sender($spool) }, 10) or die "the sender lives\n";
}

my $v2c = [ '-v2c', '-c', $community ];
my $v3 = [ '-v3', '-e', "0x$engine", '-u', 'mutt', '-l', 'authPriv', '-a',
    'SHA', '-A', 'auth-pass-phrase', '-x', 'AES', '-X', 'priv-pass-phrase' ];
my $link_down = '.1.3.6.1.6.3.1.1.5.3';
my $descr = '.1.3.6.1.2.1.2.2.1.2.1';
my $text = "ge-0/0/1 \"up\\link\" \x{e9}\x{4e2d}\nline 2";

ok(trap($v2c, $link_down, $descr => $text), 'a v2c trap is sent');
arrived(1, 'and is at the webhook');

my $alert = newest();

is($alert->{custom_info}{rule_id}, $rule, 'matched by its OID');
is($alert->{custom_info}{event}{trap_oid}, '1.3.6.1.6.3.1.1.5.3',
    'with its OID');
is($alert->{custom_info}{event}{variables}{'1.3.6.1.2.1.2.2.1.2.1'}, $text,
    'with its value intact');
like($alert->{description}, qr/\Q$text\E/, 'which the message tells');
is($alert->{custom_info}{event}{source_ip}, '127.0.0.1', 'with its source');
ok($alert->{source_id} ne '', 'as a host');
ok(!exists $alert->{custom_info}{event}{relay_ip}, 'that sent it itself');

ok(trap($v3, $link_down, $descr => 'by v3'), 'a v3 trap is sent');
arrived(2, 'and is at the webhook');
is(newest()->{custom_info}{event}{variables}{'1.3.6.1.2.1.2.2.1.2.1'},
    'by v3', 'with its value');

###############################################################################
# whose trap it is

ok(trap([ '-v1', '-c', $community ], [ '1.3.6.1.4.1.9', '192.0.2.77', 2, 0,
    55 ], $descr => 'by v1'), 'a v1 trap is sent');
arrived(3, 'and is at the webhook');
$alert = newest();
is($alert->{source_id}, '192.0.2.77', 'as of the agent it names');
is($alert->{custom_info}{event}{source_ip}, '192.0.2.77', 'by its address');
is($alert->{custom_info}{event}{relay_ip}, '127.0.0.1', 'and who passed it on');
unlike(JSON::XS->new->encode($alert), qr/$community|1\.3\.6\.1\.6\.3\.18\.1\.4/,
    'without the community');

ok(trap($v2c, $link_down, $descr => 'relayed',
    '.1.3.6.1.6.3.18.1.3.0' => '192.0.2.78'), 'one passed on by v2c');
arrived(4, 'is at the webhook');
is(newest()->{source_id}, '192.0.2.78', 'as of the agent it names');
ok(trap($v2c, $link_down, $descr => 'nowhere',
    '.1.3.6.1.6.3.18.1.3.0' => '0.0.0.0'), 'one from an agent without address');
arrived(5, 'is at the webhook');
is(newest()->{custom_info}{event}{source_ip}, '127.0.0.1', 'as its sender\'s');

###############################################################################
# MUTT is away

my $answered = 'mutt_ingest_requests_total{status="success",reason=""}';

$t->stop('nginx');
trap($v2c, $link_down, $descr => "waiting $_") for 1 .. 30;
ok($t->wait_for(sub { spooled('spool') == 30 }, 15),
    'traps are spooled while MUTT is away');
ok($t->wait_for(sub { -e "$dir/spool/last-error" }, 15), 'and it is said why');
like(text_of("$dir/spool/last-error"), qr/^20\S+Z \Q$url\E: 599 .*refused/,
    'in a file');
ok($t->wait_for(sub { sender('spool') }, 10), 'one process waits for MUTT');
ok($t->wait_for(sub { 1 == grep { text_of($_) =~ m{\Q$dir\E/spool} }
    glob '/proc/[0-9]*/cmdline' }, 10), 'and no other');
is((flush('spool', '--url', $url))[0], 1, '--flush says that they wait');

$daemon->stop();
ok(start_daemon(), 'snmptrapd can start again meanwhile');
$t->start('nginx');
trap($v2c, $link_down, $descr => 'the next one');
arrived(36, 'all are sent when MUTT is back');
ok($t->wait_for(sub { spooled('spool') == 0 }, 10), 'and are out of the spool');
cmp_ok($t->metrics('nginx')->{$answered}, '<', 10, 'in few requests');
ok($t->wait_for(sub { !sender('spool') }, 10), 'and the sender ends');
ok(!-e "$dir/spool/last-error", 'with nothing to complain of');
$daemon->stop();

###############################################################################
# a MUTT that takes the connection and says nothing

my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1')
    or die "listen: $@\n";
my $lines = "device\nUDP: [127.0.0.1]:5->[127.0.0.1]:162\n"
    . ".1.3.6.1.6.3.1.1.4.1.0 $link_down\n";
my @silent = ('--url', 'http://127.0.0.1:' . $silent->sockport() . '/ingest');
my $began = time;

is(scalar(grep { (take($lines, 'silent', @silent))[0] == 0 } 1 .. 10), 10,
    'traps are taken while MUTT hangs');
cmp_ok(time - $began, '<', 8, 'at once');
is(spooled('silent'), 10, 'and wait');
stop_sender('silent');

###############################################################################
# a full spool

take($lines, 'full', @silent) for 1 .. 3;

my ($exit, $said) = take($lines, 'full', @silent, '--max', 3);

is($exit, 1, 'past its bound one is lost');
like($said, qr/trap from device is lost: 3 wait/, 'which is said');
is(spooled('full'), 3, 'the oldest are kept');
stop_sender('full');

###############################################################################
# what MUTT refuses, and what a crash has left

put('full/00000000-0000-7000-8000-000000000000.json', '{"hostname":"x"}');
put('full/00000000-0000-7000-8000-000000000001.json', '');
put('full/rejected/00000000-0000-7000-8000-000000000000.json.reason.new', '');
put('full/new/00000000-0000-7000-8000-000000000000.json.reason.1', '{"ho');
put('full/rejected/' . sprintf('00000000-0000-6000-8000-%012d.json', $_), '{}')
    for 1 .. 1000;

($exit, $said) = flush('full', '--url', $url);

is("$exit $said", '0 ', '--flush sends what waits');
arrived(39, 'the good ones');
like(text_of("$dir/full/rejected/00000000-0000-7000-8000-000000000000.json.reason"),
    qr/"validation_failed"/, 'what is refused is kept with the reason');
is(scalar(grep { -e "$dir/full/rejected/00000000-0000-7000-8000-00000000000$_.json" }
    0, 1), 2, 'also what is no trap at all');
is(spooled('full/rejected'), 1000, 'the oldest of those go');

($exit, $said) = flush('silent', '--url', $url, '--key-file', "$dir/no-key");
is($exit, 1, 'without the key --flush fails');
like($said, qr/10 still to be sent: .*no-key/, 'and says so');
is((flush('silent', '--url', "$url/none"))[0], 1, 'nor at a wrong URL');
is(spooled('silent'), 10, 'which loses nothing');

SKIP: {
    skip 'not root', 2 if $> != 0;

    my ($uid, $gid) = (getpwnam 'nobody')[2, 3];

    chown $uid, $gid, glob "$dir/silent $dir/silent/*";
    unlink "$dir/silent/lock";
    is((flush('silent', '--url', $url))[0], 0, 'root can send what waits');
    is((stat "$dir/silent/lock")[4], $uid, 'as the owner of the spool');
}
