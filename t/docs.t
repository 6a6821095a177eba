# The documentation can be found and followed: every page and decision is in
# the index, every link leads somewhere, every file that is named exists.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

my $root = abs_path(dirname(__FILE__) . '/..');
my @pages = ("$root/README.md", glob("$root/docs/*.md"),
    glob("$root/docs/*/*.md"));

sub text {
    my ($path) = @_;

    open my $file, '<', $path or die "$path: $!\n";
    local $/;
    return scalar <$file>;
}

sub within {
    my ($path) = @_;

    return substr $path, length "$root/";
}

###############################################################################

my $index = text("$root/docs/index.md");

for my $page (glob("$root/docs/*.md"), glob("$root/docs/*/*.md")) {
    (my $name = $page) =~ s{^\Q$root\E/docs/}{};
    next if $name eq 'index.md';
    like($index, qr/\]\(\Q$name\E\)/, "$name is in the index");
}

for my $page (@pages) {
    my $text = text($page);
    my @broken = grep { !-e dirname($page) . "/$_" }
        grep { !/^(?:https?:|#)/ } map { s/#.*//r } $text =~ /\]\(([^)\s]+)\)/g;

    is("@broken", '', 'the links of ' . within($page) . ' lead somewhere');

    # Names in code style that look like a file of the tree.
    my @absent = grep { !/[A-Z]{4}/ && !grep { -e } glob "$root/$_" } $text
        =~ m{`((?:lib|workers|sql|t|tools|docs|ngx_mutt_module)/[\w./*-]*)`}g;

    is("@absent", '', 'the files that ' . within($page) . ' names exist');
}

done_testing();
