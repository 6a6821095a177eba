# Every unit test program under t/unit, each as one subtest: its own lines,
# its exit status, no sanitizer report.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use TAP::Parser;
use Test::More;

my $root = abs_path(dirname(__FILE__) . '/..');
my $build = $ENV{MUTT_BUILD} // (-d "$root/build-san" ? 'build-san' : 'build');

$build = "$root/$build" unless $build =~ m{^/};

local $ENV{CMOCKA_MESSAGE_OUTPUT} = 'TAP';
local $ENV{ASAN_OPTIONS} = 'detect_leaks=1';
local $ENV{LSAN_OPTIONS} = "suppressions=$root/t/lsan.supp";

###############################################################################

for my $source (sort glob "$root/t/unit/*.c") {
    my $name = basename($source, '.c');

    subtest $name => sub {
        my $parser = TAP::Parser->new({
            exec => [ "$build/t/$name" ], merge => 0 });
        my $tests = 0;

        while (my $result = $parser->next()) {
            next unless $result->is_test();
            $tests++;
            (my $title = $result->description()) =~ s/^- //;
            ok($result->is_ok(), $title);
        }

        ok($tests, 'it tests something');
        is($parser->exit(), 0, 'it ends well');
    };
}

done_testing();
