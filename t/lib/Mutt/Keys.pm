package Mutt::Keys;

# The key table of the source: what may be in Redis, and as what type.

use strict;
use warnings;

###############################################################################

# Keys that are not in the table or of another type, as lines of text.  A key
# belongs to a row when it is the row's name or continues it behind a colon.
sub strays {
    my ($root, @keys) = @_;

    my %type = table($root);
    my @found;

    for my $key (@keys) {
        my ($name, $type) = @$key;
        my $row = $name;

        # it went since its name was asked for
        next if $type eq 'none';

        until (exists $type{$row} || exists $type{"$row:"}) {
            last unless $row =~ s/:[^:]*$//;
        }

        my $expected = $type{$row} // $type{"$row:"};

        push @found, "$name: no such key" unless defined $expected;
        push @found, "$name: $type instead of $expected"
            if defined $expected && $expected ne $type;
    }

    return @found;
}

# Names come from the keys' table and from the settings that rename a queue.
sub table {
    my ($root) = @_;

    my $keys = text("$root/lib/domain/mutt_keys.def");
    my $settings = text("$root/lib/conf/mutt_settings.def");
    my %type = $keys =~ /^KEY\(\w+, "([^"]+)", "(\w+)"/mg;

    $type{$_} = 'list' for $settings =~ /TEXT, "(mutt:\w+(?::\w+)*)"/g;
    $type{'mutt:metrics'} = 'string';
    return %type;
}

sub text {
    my ($path) = @_;

    open my $file, '<', $path or die "$path: $!\n";
    local $/;
    return scalar <$file>;
}

1;
