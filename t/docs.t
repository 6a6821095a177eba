# The documentation can be found and followed: every page and decision is in
# the index, every link leads to a heading that is there, every file and every
# variable that is named exists, also in the configurations and units that are
# shipped.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
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

# The anchors that the headings of a page have.
my %anchors;

sub anchors {
    my ($path) = @_;

    return $anchors{$path} //= { map { ($_ => 1) }
        map { s/[^\w\s-]//gr =~ s/\s/-/gr } map { lc }
        text($path) =~ /^#+ (.+?)\s*$/mg };
}

sub anchored {
    my ($page, $link) = @_;

    my ($file, $anchor) = split /#/, $link, 2;
    my $path = $file eq '' ? $page : dirname($page) . "/$file";

    return -e $path && anchors($path)->{$anchor};
}

# Words of the source, and of what is shipped with it: what a page names has to
# be among them.
my %word;

for my $path (glob("$root/{lib,ngx_mutt_module,workers,cli,tools,bench,t}/*"),
    glob("$root/{lib,workers,t}/*/*"), glob("$root/{lib,t}/*/*/*"),
    glob("$root/sql/*"), "$root/Makefile")
{
    next unless -f $path && -T $path;
    $word{$_} = 1 for text($path) =~ /\w+/g;
}

# What starts as a variable of ours does.
my $variable = qr/(?:MUTT|ALERTER|MOOG|REDIS|DB|RETENTION|VAULT|OTEL|METRICS
    |INGEST|WEBUI|UNHANDLED|REQUIRED|LOG|PROMETHEUS)_[A-Z][A-Z0-9_]*[A-Z0-9]/x;

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

    my @lost = grep { !anchored($page, $_) }
        grep { /^[^:]*#/ } $text =~ /\]\(([^)\s]+)\)/g;

    is("@lost", '', 'and to a heading that is there');

    my @unknown = grep { !$word{$_} && !$word{s/_FILE$//r} }
        map { /\b($variable)\b/g } $text =~ /`([^`\n]+)`/g;

    is("@unknown", '', 'the variables that ' . within($page) . ' names exist');

    # Names in code style that look like a file of the tree.
    my @absent = grep { !/[A-Z]{4}/ && !grep { -e } glob "$root/$_" } $text
        =~ m{`((?:lib|workers|sql|t|tools|docs|ngx_mutt_module)/[\w./*-]*)`}g;

    is("@absent", '', 'the files that ' . within($page) . ' names exist');
}

# What is shipped for other programs: its variables, but those it makes itself,
# and the calls of units.
for my $path ("$root/nginx.conf.example", glob("$root/packaging/*/*/*")) {
    my $text = text($path);
    my @unknown = grep { !$word{$_} && !$word{s/_FILE$//r}
        && $text !~ /value\("$_"\)/ } $text =~ /\b($variable)\b/g;

    is("@unknown", '', 'and so do those of ' . within($path));
}

for my $unit (glob "$root/packaging/*/*/*.service") {
    my ($program, $options) = text($unit) =~ /^ExecStart=(\S+) (.*)$/m;
    my ($source) = grep { -x } dirname($unit) . '/' . basename($program);

    ok($source, within($unit) . ' starts what is shipped') or next;
    is(join(' ', grep { text($source) !~ /\b\Q$_\E\b/ }
        $options =~ /--([\w-]+)/g), '', 'with options that it has');
    like(text("$root/docs/inputs.md"), qr/^    install .*\Q$program\E$/m,
        'from where the documentation puts it');
}

done_testing();
