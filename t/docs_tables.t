# The reference pages are what the tables say, and every directive of nginx's
# is documented with its context; nginx.conf.example is a configuration.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has('redis')->plan(9);
my $root = "$FindBin::Bin/..";

sub text {
    open my $file, '<', $_[0] or die "$_[0]: $!\n";
    local $/;
    return scalar <$file>;
}

$t->run();

###############################################################################

for my $page (qw(settings metrics errors)) {
    is(text("$root/docs/$page.md"), scalar qx($t->{build}/mutt-tables $page),
        "docs/$page.md is what the table says (make docs)");
}

is(text("$root/docs/muttdev.md"), scalar qx($t->{build}/muttdev help --markdown),
    'docs/muttdev.md is what the table of commands says (make docs)');

my @directives = text("$root/ngx_mutt_module/ngx_mutt_conf.c")
    =~ /^    \{ ngx_string\("(mutt_\w+)"\),$/mg;
my $manual = text("$root/docs/directives.md");

is_deeply([ $manual =~ /^## (mutt_\w+)$/mg ], \@directives,
    'every directive is documented, in the order of the table');
is(scalar(() = $manual =~ /^    Syntax:/mg), scalar @directives,
    'with its syntax');
is(scalar(() = $manual =~ /^    Context:/mg), scalar @directives,
    'and its context');

# t/openapi.t calls them all; this is sooner.
my $api = text("$root/docs/api.md");
my $operations = text("$root/lib/conf/mutt_operations.def");
my %row = map { $_ => 1 } map { s/", "/ /r }
    $operations =~ /^OPERATION\("(\w+", "[^"]+)"/mg;

is(join(', ', grep { !$row{$_} } map { "$_->[0] $_->[1]" }
    grep { $_->[2] ne 'none' } map { [ /\| (\w+) `([^`]+)` \| (\w+)/ ] }
    $api =~ /^(\| \w+ `[^`]+` \| \w+) \|/mg), '',
    'every route has a row in lib/conf/mutt_operations.def');

my $dir = $t->dir();
my $conf = text("$root/nginx.conf.example");

$conf =~ s{modules/ngx_http}{$t->{build}/ngx_http};
$conf =~ s/^user .*//m;
$conf =~ s{/var/log/nginx/}{$dir/};
$conf =~ s{/usr/share/mutt/web}{$root/build/web};
$conf = "pid $dir/nginx.pid;\n$conf";

# An ordinary user writes neither Debian's log nor its temporary files.
my $own = join '', "access_log $dir/access.log;\n", map {
    ("${_}_temp_path $dir/$_;\n") } qw(client_body proxy fastcgi uwsgi scgi);
$conf =~ s/^http \{\n/http {\n$own/m;

open my $file, '>', "$dir/example.conf" or die $!;
print $file $conf;
close $file;

my %env = ($t->part_env('nginx'), $t->shim_env('nginx'));
local @ENV{ keys %env } = values %env;
delete local $ENV{LD_PRELOAD} unless $env{LD_PRELOAD};

my $said = qx(ASAN_OPTIONS=detect_leaks=0 nginx -t -e $dir/error.log -c $dir/example.conf 2>&1);

like($said, qr/test is successful/, 'nginx.conf.example is a configuration');
