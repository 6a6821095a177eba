# What the documentation tells people to type works as it stands there: each
# call of muttdev is one that it understands, and each example of curl,
# muttdev, redis-cli and psql is run, in the order of the page, against a MUTT.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Cwd qw(abs_path);
use Mutt::Test;
use Test::More;

my $root = abs_path("$FindBin::Bin/..");
my $t = Mutt::Test->new()->has(qw(redis postgres nginx));

$t->run();

# What an example stands on: a private stack's variables, a clone, a file.
my $dir = $t->dir() . '/clone';

mkdir $dir;
mkdir "$dir/var";
symlink $t->{build}, "$dir/build" or die "$dir/build: $!\n";
write_file("$dir/events.ndjson", <<'EOF_EVENTS');
{"hostname":"r1","message":"one","timestamp":"2026-01-01T00:00:00Z"}
{"hostname":"r1","message":"two","timestamp":"2026-01-01T00:00:01Z"}
EOF_EVENTS

my %variable = (
    MUTT_URL => 'http://127.0.0.1:' . $t->port('nginx'),
    MUTT_API_KEY => $t->key('admin'), MUTT_INGEST_KEY => $t->key('ingest'),
    REDIS_URL => 'redis://127.0.0.1:' . $t->port('redis'),
    DATABASE_URL => $t->database_url('mutt'),
);

write_file("$dir/var/mutt.env",
    map { "$_='$variable{$_}'\n" } sort keys %variable);

# curl that tells a refusal by its status, and asks again after a 503, as a
# worker of nginx may not have found PostgreSQL yet; a stream without an end is
# one that goes well for a moment.
write_file("$dir/run", <<'EOF_RUN');
set -euo pipefail
. var/mutt.env
curl() {
    case " $* " in
        *" -N "*) command curl -sS --fail -m 1 "$@" || [ $? = 28 ] ;;
        *) command curl -sS --fail-with-body --retry 9 "$@" ;;
    esac
}
. "$1"
EOF_RUN

sub write_file {
    my ($path, @text) = @_;

    open my $file, '>', $path or die "$path: $!\n";
    print $file @text;
    close $file or die "$path: $!\n";
}

sub text {
    my ($path) = @_;

    open my $file, '<', $path or die "$path: $!\n";
    local $/;
    return scalar <$file>;
}

# The blocks of a page that are set in by four columns.
sub blocks {
    my ($text) = @_;

    return map { s/^    //mgr } $text =~ /(?:\A|\n\n)((?:    .*\n)+)/g;
}

# Runs a script in the clone, as a person with the stack's variables, and again
# while it meets a 503.  Returns its exit status and what it said.
sub bash {
    my ($script, @args) = @_;

    local %ENV = (%ENV, MUTT_HOME => "$dir/var");

    my ($status, $said);

    $t->wait_for(sub {
        $said = qx(cd $dir && timeout 60 bash $script @args 2>&1 < /dev/null);
        $status = $? >> 8;
        $status == 0 || $said !~ /status 503|error: 503/ }, 20);
    return ($status, $said);
}

###############################################################################
# Every call of muttdev, in the text and in examples

my %page = map { $_ => text("$root/$_") }
    grep { $_ ne 'docs/muttdev.md' }
    map { substr $_, length "$root/" } "$root/README.md", glob "$root/docs/*.md";

# Words that stand for others.
my %word = (SERVICE => 'all', LEVEL => 'fsync');
my %tried;

for my $name (sort keys %page) {
    my $text = $page{$name} =~ s/\\\n\s*/ /gr;
    my @calls = ($text =~ /^    (?:\w+=\S+ )*build\/muttdev (.*)$/mg,
        map { s/\s+/ /gr } $text =~ /`(?:build\/)?muttdev ([^`]+)`/g);

    for my $call (map { s/\s+#.*//r } @calls) {
        next if $tried{$call}++;
        $call =~ s/\b([A-Z]{3,})\b/$word{$1} \/\/ $1/ge;
        write_file("$dir/call", "build/muttdev $call --help");

        my ($status, $said) = bash('call');

        is($status, 0, "$name: muttdev $call") or diag($said);
    }
}

###############################################################################
# Every example

my $n = 0;

for my $name (qw(docs/api.md docs/inputs.md docs/ALERTER_BACKPRESSURE.md
    docs/ONCALL_RUNBOOK.md docs/queue.md README.md))
{
    for my $block (blocks($page{$name})) {

        # what stands alone: no other program's file, no stack that is made
        next unless $block
            =~ /\A(?:\(umask|\. var|curl |psql |redis-cli |build\/muttdev )/;
        next if $block =~ /^make |e2e|SINK|--level fsync|--wait-drain/m;

        write_file("$dir/example", $block);

        my ($status, $said) = bash('run', 'example');

        is($status, 0, "$name: " . ($block =~ /\A(.*)/)[0]) or diag($said);
        $n++;
    }
}

cmp_ok($n, '>=', 15, 'the examples were found');

$t->done();
