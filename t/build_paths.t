# Where a clone may be: nginx's configure takes no path with white space, and
# one line says so.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More tests => 2;

my $root = abs_path(dirname(__FILE__) . '/..');
my $clone = tempdir(CLEANUP => 1) . '/a clone';

make_path("$clone/tools", "$clone/build");
copy("$root/tools/build_module", "$clone/tools") or die $!;
chmod 0755, "$clone/tools/build_module";

my $said = qx('$clone/tools/build_module' '$clone/build' 1 -O2 '' 2>&1);

isnt($?, 0, 'a clone whose path has white space is not built');
is($said, "nginx's configure takes no path with white space in it: $clone\n",
    'and one line says why');
