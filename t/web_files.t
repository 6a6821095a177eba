# The dashboard as files: how they are served, what they weigh, and what is
# not in them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Digest::SHA qw(sha256_hex);
use IO::Uncompress::Gunzip qw(gunzip);
use Mutt::Test;
use Test::More;

my $root = "$FindBin::Bin/..";
my $web = "$root/build/web";
my $t = Mutt::Test->new()->has(qw(redis nginx));

sub text {
    open my $file, '<:raw', $_[0] or die "$_[0]: $!\n";
    local $/;
    return scalar <$file>;
}

sub get {
    my ($path, %headers) = @_;

    return $t->http('GET', $path, undef, %headers);
}

my %policy = (
    'default-src' => "'none'", 'script-src' => "'self'",
    'style-src' => "'self'", 'connect-src' => "'self'", 'img-src' => "'self'",
    'base-uri' => "'none'", 'frame-ancestors' => "'none'",
    'form-action' => "'self'", 'require-trusted-types-for' => "'script'",
    'trusted-types' => "'none'",
);

$t->run();

###############################################################################
# the page

my $page = get('/');

is($page->{code}, 200, 'the page is there without a key');
is($page->{header}{'content-type'}, 'text/html; charset=utf-8', 'as HTML');
is($page->{body}, text("$web/index.html"), 'as it was built');
is_deeply({ map { split / /, $_, 2 } split /; /,
    $page->{header}{'content-security-policy'} }, \%policy,
    'nothing but what is ours may run, load or be asked');
is($page->{header}{'x-content-type-options'}, 'nosniff', 'types are as told');
is($page->{header}{'referrer-policy'}, 'no-referrer', 'no address leaves');
is($page->{header}{'cache-control'}, 'no-cache', 'it is asked for each time');
is(get('/audit')->{body}, $page->{body}, '/audit is the same page');

my @assets = $page->{body} =~ m{"/assets/([^"]+)"}g;

is(scalar @assets, 3, 'it names a script, a style sheet and an icon');
unlike($page->{body}, qr{<script(?![^>]*src=)|<style|\son\w+=|https?://},
    'nothing is inline or from elsewhere');

###############################################################################
# the files

my %type = (js => 'text/javascript; charset=utf-8',
    css => 'text/css; charset=utf-8', svg => 'image/svg+xml');
my $weight = 0;

for my $name (@assets) {
    my $plain = get("/assets/$name");
    my $small = get("/assets/$name", 'Accept-Encoding' => 'gzip');
    my ($suffix) = $name =~ /\.(\w+)$/;
    my $unpacked;

    is($plain->{header}{'content-type'}, $type{$suffix}, "$name has its type");
    is(sha256_hex($plain->{body}), sha256_hex(text("$web/$name")),
        'and is what was built');
    like($plain->{header}{'cache-control'}, qr/max-age=31536000, immutable/,
        'it may be kept, since its name changes with it');
    is($small->{header}{'content-encoding'}, 'gzip', 'it comes compressed');
    is($small->{header}{vary}, 'Accept-Encoding', 'to who takes it');
    isnt($small->{header}{etag}, $plain->{header}{etag},
        'which is another thing with another tag');
    gunzip(\$small->{body}, \$unpacked);
    is(sha256_hex($unpacked), sha256_hex($plain->{body}), 'with the same in it');
    is($plain->{header}{'content-security-policy'},
        $page->{header}{'content-security-policy'}, 'under the same policy');
    $weight += length $small->{body};
}

$weight += length get('/', 'Accept-Encoding' => 'gzip')->{body};
cmp_ok($weight, '<', 150_000, "all of it is under 150 KB, compressed");

my $tag = $page->{header}{etag};

like($tag, qr/^"[0-9a-f]{32}"$/, 'there is a tag');
is(get('/', 'If-None-Match' => $tag)->{code}, 304, 'what is known is not sent');
is(get('/', 'If-None-Match' => '"other"')->{code}, 200, 'what is not is');
is($t->http('HEAD', "/assets/$assets[0]")->{body}, '', 'HEAD has no body');
is($t->http('POST', '/', '{}')->{code}, 405, 'it is only read');
like(get('/licences.txt')->{code} . get('/assets/licences.txt')->{body},
    qr/^404preact.*MIT/s, 'the licences of its parts are with it');

for my $path (qw(/assets/ /assets/x.js /assets/../index.html /index.html
    /assets/%2e%2e/%2e%2e/Makefile /assets/..%2f..%2fMakefile
    /assets/.git /.git/config /.env /nginx.conf /assets/index.html.gz
    /assets/%00 /favicon.ico), "/assets/$assets[0].map")
{
    my $r = get($path);

    like($r->{code}, qr/^(?:404|400)$/, "$path is nothing");
}

###############################################################################
# a directory that is none

for my $case ([ 'missing', sub { }, qr/directory .*missing cannot be read/ ],
    [ 'empty', sub { mkdir $_[0] }, qr/without an index.html/ ])
{
    my ($name, $make, $reason) = @$case;
    my $dir = $t->dir() . "/$name";

    $make->($dir);
    open my $file, '>', $t->dir() . '/bad.conf' or die $!;
    print $file 'load_module ', $t->{build}, "/ngx_http_mutt_module.so;\n",
        "events {}\nhttp { server { location / { mutt_dashboard $dir; } } }\n";
    close $file;

    my %env = ($t->part_env('nginx'), $t->shim_env('nginx'));
    local @ENV{ keys %env } = values %env;
    local $ENV{ASAN_OPTIONS} = 'detect_leaks=0';

    like(scalar qx(nginx -t -p '${\$t->dir()}' -e bad.log -c bad.conf 2>&1),
        $reason, "a directory that is $name is no dashboard, and nginx says so");
}

###############################################################################
# the source

my @source = grep { -f } glob "$root/web/src/*.* $root/web/src/*/*.*";

cmp_ok(scalar @source, '>', 15, 'there is a source');

for my $path (@source) {
    my $text = text($path);
    (my $name = $path) =~ s{.*/web/}{};

    unlike($text, qr/innerHTML|outerHTML|insertAdjacentHTML|document\.write
        |\beval\(|new\ Function|createContextualFragment|srcdoc
        |dangerouslySet/x, "$name writes no markup");
    unlike($text, qr{(?:https?:)?//(?!www\.w3\.org/2000/svg)[a-z0-9-]+\.[a-z]}i,
        'and names no other place');
}

unlike(text("$web/$_"), qr{https?://(?!www\.w3\.org/|preactjs\.com)},
    "$_ asks nobody else") for @assets;

my $said = qx(cd '$root/web' && node_modules/.bin/tsc -p . 2>&1);

is($? >> 8, 0, 'the types fit') or diag($said);

$t->done();
