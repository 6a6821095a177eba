# Real traps, v2c and v3, through the real snmptrapd and our traphandle: each
# reaches the webhook with its OID and its values; none is lost while MUTT is
# away.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Ports;
use Mutt::Process;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()
    ->has(qw(redis postgres nginx sink alerter forwarder))->plan(15);

$t->run();

my $rule = $t->rule(trap_oid => '1.3.6.1.6.3.1.1.5', match_type => 'oid_prefix');

$t->wait_for(sub { ($t->metrics('alerter')
    ->{mutt_alerter_cache_rules_count} // 0) == 1 }, 10);

###############################################################################

my $root = "$FindBin::Bin/..";
my $dir = $t->dir();
my $port = Mutt::Ports::take();
my $handle = "$root/packaging/inputs/snmptrapd/mutt-traphandle --url "
    . 'http://127.0.0.1:' . $t->port('nginx') . '/api/v2/ingest'
    . " --key-file $dir/key --spool $dir/spool";
my $engine = '8000000001020304';

sub put {
    my ($name, $text) = @_;

    open my $file, '>', "$dir/$name" or die "$name: $!\n";
    print $file $text;
    close $file;
}

put('key', $t->key('ingest') . "\n");
mkdir "$dir/snmp";
put('snmptrapd.conf', <<"EOC");
authCommunity execute public
createUser -e 0x$engine mutt SHA "auth-pass-phrase" AES "priv-pass-phrase"
authUser execute mutt priv
traphandle default $handle
EOC

# its own state, and the senders'
$ENV{SNMP_PERSISTENT_DIR} = $dir;

my $daemon = Mutt::Process->new(name => 'snmptrapd', log => "$dir/snmptrapd.log",
    command => [ 'snmptrapd', '-f', '-Lo', '-On', '-Ox', '-m', '', '-C', '-c',
        "$dir/snmptrapd.conf", '-p', "$dir/snmptrapd.pid",
        "udp:127.0.0.1:$port" ]);

$daemon->start(SNMP_PERSISTENT_DIR => "$dir/snmp", SNMPCONFPATH => "$dir/snmp");
ok($t->wait_for(sub { $daemon->log_text() =~ /NET-SNMP version/ }, 10),
    'snmptrapd runs');

# sends a trap; values are pairs of OID and text
sub trap {
    my ($auth, $oid, @values) = @_;
    my @arguments;

    while (my ($name, $text) = splice @values, 0, 2) {
        my $bytes = $text;

        utf8::encode($bytes);
        push @arguments, $name, 's', $bytes;
    }

    return system('snmptrap', '-m', '', @$auth, "127.0.0.1:$port", '', $oid,
        @arguments) == 0;
}

sub newest { return JSON::XS->new->decode($t->sink_stats()->{last}[-1]) }

my $v2c = [ '-v2c', '-c', 'public' ];
my $v3 = [ '-v3', '-e', "0x$engine", '-u', 'mutt', '-l', 'authPriv', '-a',
    'SHA', '-A', 'auth-pass-phrase', '-x', 'AES', '-X', 'priv-pass-phrase' ];
my $link_down = '.1.3.6.1.6.3.1.1.5.3';
my $descr = '.1.3.6.1.2.1.2.2.1.2.1';
my $text = "ge-0/0/1 \"up\\link\" \x{e9}\x{4e2d}\nline 2";

ok(trap($v2c, $link_down, $descr => $text), 'a v2c trap is sent');
ok($t->wait_for(sub { $t->sink_stats()->{distinct} == 1 }, 15),
    'and is at the webhook') or diag($daemon->log_text());

my $alert = newest();

is($alert->{custom_info}{rule_id}, $rule, 'matched by its OID');
is($alert->{custom_info}{event}{trap_oid}, '1.3.6.1.6.3.1.1.5.3',
    'with its OID');
is($alert->{custom_info}{event}{variables}{'1.3.6.1.2.1.2.2.1.2.1'}, $text,
    'with its value intact');
like($alert->{description}, qr/\Q$text\E/, 'which the message tells');
is($alert->{custom_info}{event}{source_ip}, '127.0.0.1', 'with its source');
ok($alert->{source_id} ne '', 'as a host');

ok(trap($v3, $link_down, $descr => 'by v3'), 'a v3 trap is sent');
ok($t->wait_for(sub { $t->sink_stats()->{distinct} == 2 }, 15),
    'and is at the webhook') or diag($daemon->log_text());
is(newest()->{custom_info}{event}{variables}{'1.3.6.1.2.1.2.2.1.2.1'},
    'by v3', 'with its value');

###############################################################################
# MUTT is away

$t->stop('nginx');
trap($v2c, $link_down, $descr => "waiting $_") for 1 .. 3;
ok($t->wait_for(sub { (() = glob "$dir/spool/*.json") == 3 }, 15),
    'traps are spooled while MUTT is away');
$t->start('nginx');
trap($v2c, $link_down, $descr => 'the next one');
ok($t->wait_for(sub { $t->sink_stats()->{distinct} == 6 }, 15),
    'and sent with the next one');
is((() = glob "$dir/spool/*.json"), 0, 'and taken out of the spool');
$daemon->stop();
