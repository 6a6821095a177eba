# Migrations run from empty, again, and two at once; each is applied once and
# whole, one that was changed afterwards is refused, and none brings data.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use DBI;
use File::Copy qw(copy);
use File::Path qw(make_path);
use Mutt::Test;
use Test::More;

my $t = Mutt::Test->new()->has('postgres')->plan(25);
my $root = "$FindBin::Bin/..";

$t->run();

my $host = $t->process('postgres')->{dsn} =~ /host=([^;]+)/ ? $1 : die;

# a copy of the tool and of the migrations, to change them in
my $copy = $t->dir() . '/copy';

make_path("$copy/sql", "$copy/tools");
copy($_, "$copy/sql") for glob "$root/sql/[0-9]*.sql";
copy("$root/tools/migrate", "$copy/tools");
chmod 0755, "$copy/tools/migrate";

my @files = map { m{([^/]+)$} } glob "$copy/sql/[0-9]*.sql";

sub database {
    my ($name) = @_;

    $t->sql("CREATE DATABASE $name");
    return DBI->connect("dbi:Pg:dbname=$name;host=$host;user=mutt", 'mutt',
        '', { RaiseError => 1, PrintError => 0 });
}

# exit status and what it said
sub migrate {
    my ($name) = @_;

    local $ENV{DATABASE_URL} = "postgresql:///$name?host=$host&user=mutt";
    my $said = `$copy/tools/migrate 2>&1`;

    return ($? >> 8, $said);
}

sub value { return $_[0]->selectrow_array($_[1]) }

###############################################################################

my $db = database('empty');
my ($status, $said) = migrate('empty');

is($status, 0, 'an empty database is migrated');
is(() = $said =~ /^applied /mg, scalar @files, 'by every file');
is(value($db, 'SELECT count(*) FROM schema_version'), scalar @files,
    'each is noted');

is(value($db, "SELECT sum((xpath('/row/n/text()', query_to_xml(format(
    'SELECT count(*) AS n FROM %I', relname), false, true, '')))[1]::text::int)
    FROM pg_class WHERE relkind IN ('r', 'p') AND relname <> 'schema_version'
    AND relnamespace = 'public'::regnamespace"), 0, 'none brings data');

($status, $said) = migrate('empty');
is($status, 0, 'again is no error');
is($said, '', 'and changes nothing');

###############################################################################
# two at once

$db = database('twice');

my @pids = map {
    my $pid = fork();
    if ($pid == 0) {
        my ($code) = migrate('twice');
        POSIX::_exit($code);
    }
    $pid;
} 1 .. 3;
my @codes = map { waitpid $_, 0; $? >> 8 } @pids;

is("@codes", '0 0 0', 'three at once all succeed');
is(value($db, 'SELECT count(*) FROM schema_version'), scalar @files,
    'and each file was applied once');

###############################################################################
# a file that fails, and one that changed

open my $file, '>', "$copy/sql/9998_half.sql" or die $!;
print $file "CREATE TABLE half (n int);\nSELECT 1 / 0;\n";
close $file;

$db = database('half');
($status) = migrate('half');
isnt($status, 0, 'a migration that fails is an error');
is(value($db, "SELECT to_regclass('half')"), undef, 'and leaves nothing');
is(value($db, 'SELECT count(*) FROM schema_version'), scalar @files,
    'those before it stay');
unlink "$copy/sql/9998_half.sql";

open $file, '>>', "$copy/sql/$files[0]" or die $!;
print $file "-- changed\n";
close $file;
($status, $said) = migrate('half');
isnt($status, 0, 'a migration that changed after it was applied is refused');
like($said, qr/$files[0] has changed/, 'by name');

###############################################################################
# the password: in no command line, and still the one that was given

my $fake = $t->dir() . '/bin';
my ($psql) = grep { -x } map { "$_/psql" } split /:/, $ENV{PATH};

make_path($fake);
open my $script, '>', "$fake/psql" or die $!;
print $script qq{#!/bin/sh\necho "\$PGPASSWORD" > $fake/password\n}
    . qq{echo "\$@" >> $fake/arguments\nexec $psql "\$@"\n};
close $script;
chmod 0755, "$fake/psql";

sub slurp {
    open my $in, '<', $_[0] or return '';
    local $/;
    return scalar <$in>;
}

database('secret');
unlink "$copy/sql/$files[0]";
copy("$root/sql/$files[0]", "$copy/sql");

for my $url ("postgresql://mutt:p%40ss%27wd@/secret?host=$host",
    "postgresql:///secret?password=p%40ss%27wd&host=$host&user=mutt",
    "user=mutt password='p\@ss\\'wd' dbname=secret host=$host")
{
    local $ENV{PATH} = "$fake:$ENV{PATH}";
    local $ENV{DATABASE_URL} = $url;
    unlink "$fake/arguments";
    my $failed = system "$copy/tools/migrate > /dev/null 2>&1";

    ok(!$failed && slurp("$fake/arguments") !~ /ss(?:%27|\\?')wd/,
        'a password is in no command line');
    is(slurp("$fake/password"), "p\@ss'wd\n", 'and reaches psql');
}

###############################################################################
# partitions and rights

is($t->sql("SELECT count(*) FROM pg_class WHERE relname LIKE '%default%'
    AND relispartition"), 0, 'there is no default partition');

# every month for five years, over both ends of years
$t->sql("SELECT create_audit_partition(timestamptz '2026-01-31 23:59Z'
    + make_interval(months => n)) FROM generate_series(0, 60) n");
is($t->sql("SELECT count(*) FROM pg_class WHERE relispartition
    AND relkind = 'r' AND relname ~ '^event_audit_log_20[0-9]{2}_[0-9]{2}\$'"),
    61, 'sixty months ahead have their partitions');

sub as {
    my ($role, $statement) = @_;
    my $dbh = DBI->connect("dbi:Pg:dbname=mutt;host=$host;user=$role", $role,
        '', { RaiseError => 0, PrintError => 0 });

    $dbh->do($statement);
    return $dbh->state() || 'ok';
}

is(as('mutt_alerter_app', "SELECT create_audit_partition('2040-01-01Z')"),
    'ok', 'the alerter may create a partition');
is(as('mutt_alerter_app', 'DELETE FROM event_audit_log'), '42501',
    'but not delete from the log');
is(as('mutt_alerter_app', 'SELECT * FROM api_keys'), '42501',
    'nor see keys');
is(as('mutt_module_app', "SELECT create_audit_partition('2041-01-01Z')"),
    '42501', 'and nobody else may create one');
