# The layers of the source: includes go one way, foreign libraries stay where
# they belong, the module looks like nginx, and the checks see what is wrong.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;

my $root = abs_path(dirname(__FILE__) . '/..');

# What a check says of a tree with one file, without the matrix.
sub said {
    my ($check, $path, $text) = @_;

    my $dir = tempdir(CLEANUP => 1);

    for my $file ([ $path, $text ], [ 'lib/core/mutt_str.h', '' ],
        [ 'lib/io/mutt_pg.h', '' ])
    {
        make_path("$dir/" . dirname($file->[0]));
        open my $out, '>', "$dir/$file->[0]" or die "$file->[0]: $!\n";
        print $out $file->[1];
        close $out;
    }

    return join '', grep { /:/ } `$root/tools/$check $dir`;
}

###############################################################################

my $includes = `$root/tools/check_includes $root`;

is($?, 0, 'every include goes the way of the layers') or diag($includes);

my $style = `$root/tools/check_style $root`;

is($?, 0, 'the source keeps the house style') or diag($style);

is(said('check_includes', 'lib/domain/mutt_a.c',
    qq{#include "core/mutt_str.h"\n}), '', 'the domain may know the core');
like(said('check_includes', 'lib/core/mutt_a.c',
    qq{#include "io/mutt_pg.h"\n}), qr/core may not include/,
    'the core may not know io');
like(said('check_includes', 'ngx_mutt_module/ngx_mutt_a.c',
    qq{#include "io/mutt_pg.h"\n}), qr/module may not include/,
    'the module may not know io: it blocks');
like(said('check_includes', 'lib/domain/mutt_a.c',
    qq{#include <sys/socket.h>\n}), qr/the domain is pure/,
    'the domain may not know sockets');
like(said('check_includes', 'workers/a.c', qq{#include <libpq-fe.h>\n}),
    qr/belongs in/, 'a worker may not know libpq');

like(said('check_style', 'lib/core/mutt_a.c', "int x; // y\n"),
    qr{a // comment}, 'a comment of the other kind is seen');
is(said('check_style', 'lib/core/mutt_a.c', qq{char *u = "http://x";\n}), '',
    'an address in a string is none');
like(said('check_style', 'lib/core/mutt_a.c', "    strcpy(a, b);\n"),
    qr/strcpy\(\) is not used here/, 'a banned call is seen');
like(said('check_style', 'ngx_mutt_module/ngx_a.c', 'x' x 81 . "\n"),
    qr/longer than 80/, 'a long line of the module is seen');
like(said('check_style', 'ngx_mutt_module/ngx_a.c', "}\n\nstatic int\n\n"),
    qr/one blank line/, 'functions too close are seen');

done_testing();
