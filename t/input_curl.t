# The curl lines of docs/inputs.md, as they stand there.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::XS;
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has(qw(redis nginx))->plan(13);

$t->run();

my $dir = $t->dir();
my $page = do {
    local (@ARGV, $/) = "$FindBin::Bin/../docs/inputs.md";
    <>;
};
my ($section) = $page =~ /^## curl\n(.*?)^## /ms;
my ($once, $named, $file) = map { s/^    //gmr }
    $section =~ /((?:^    .*\n)+)/mg;
my $setup = $once =~ s/^(.*\n)// ? $1 : '';

# what a shell answers: its exit and what it said
sub run {
    my ($lines, $key) = @_;

    local $ENV{MUTT_URL} = 'http://127.0.0.1:' . $t->port('nginx');
    local $ENV{MUTT_INGEST_KEY} = $key // $t->key('ingest');

    open my $script, '>', "$dir/script" or die $!;
    print $script "cd $dir\n$lines";
    close $script;

    my $said = `sh $dir/script 2>&1`;

    return ($? >> 8, $said);
}

sub accepted { return $t->ledger()->{accepted} // 0 }

my ($exit, $said) = run($setup . $once);

is($exit, 0, 'an event is taken') or diag($said);
is(decode_json($said)->{status}, 'queued', 'which the answer says');
is((stat "$dir/mutt.key")[2] & 0777, 0600, 'the key is for its owner only');
is((run($named))[0], 0, 'an event with a name is taken');
is(decode_json(scalar $t->redis('lindex', 'mutt:ingest_queue', 0))->{message},
    'backup failed', 'as it was');

open my $events, '>', "$dir/events.ndjson" or die $!;
print $events encode_json($t->event(message => "line $_")), "\n" for 1 .. 3;
close $events;
is((run($file))[0], 0, 'a file is taken');
is(accepted(), 5, 'every line of it');

($exit, $said) = run($setup . $once, 'wrong');
isnt($exit, 0, 'a wrong key fails');
like($said, qr/"unauthorized"/, 'and says so');
run($setup);
($exit, $said) = run($once =~ s/"hostname":"core-r1",//r);
isnt($exit, 0, 'so does an event without host');
like($said, qr/"missing_fields":\["hostname"\]/, 'which is named');

$t->stop('nginx');

open my $waiting, '-|', 'sh', '-c', "cd $dir; export MUTT_URL=http://127.0.0.1:"
    . $t->port('nginx') . "; $once" or die $!;
$t->start('nginx');
is(decode_json(join '', <$waiting>)->{status}, 'queued', 'curl waits for MUTT');
is(accepted(), 6, 'and the event is there');
