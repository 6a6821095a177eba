package Mutt::Schema;

# As much of JSON Schema as the OpenAPI document of the module uses.

use strict;
use warnings;

use JSON::XS;

my %known = map { $_ => 1 } qw(type required properties additionalProperties
    items enum const oneOf allOf $ref minLength maxLength minItems maxItems
    minimum maximum minProperties maxProperties format pattern);

###############################################################################

# What is wrong with a value, as lines of text.
sub faults {
    my ($doc, $schema, $value, $at) = @_;

    $at //= '';

    if (my $ref = $schema->{'$ref'}) {
        return faults($doc, resolve($doc, $ref), $value, $at);
    }

    my @wrong = map { "$at: keyword $_" } grep { !$known{$_} } keys %$schema;

    push @wrong, "$at is no " . join ' or ', types($schema)
        if $schema->{type} && !grep { is_of($_, $value) } types($schema);
    push @wrong, "$at is not one of the choices"
        if $schema->{enum} && !grep { same($_, $value) } @{ $schema->{enum} };
    push @wrong, "$at is not $schema->{const}"
        if exists $schema->{const} && !same($schema->{const}, $value);
    push @wrong, map { faults($doc, $_, $value, $at) } @{ $schema->{allOf} // [] };
    push @wrong, "$at is not one of its forms" if $schema->{oneOf}
        && 1 != grep { !faults($doc, $_, $value, $at) } @{ $schema->{oneOf} };
    push @wrong, object_faults($doc, $schema, $value, $at)
        if ref $value eq 'HASH';
    push @wrong, array_faults($doc, $schema, $value, $at)
        if ref $value eq 'ARRAY';
    return @wrong;
}

# What a "$ref" leads to; dies when it leads nowhere.
sub resolve {
    my ($doc, $ref) = @_;

    my $found = $doc;

    for my $name (split m{/}, $ref =~ s{^#/}{}r) {
        $found = $found->{$name} // die "$ref leads nowhere\n";
    }

    return $found;
}

sub types {
    my ($schema) = @_;

    return ref $schema->{type} ? @{ $schema->{type} } : $schema->{type};
}

sub is_of {
    my ($type, $value) = @_;

    my $text = JSON::XS->new->allow_nonref->encode($value);

    return ref $value eq 'HASH' if $type eq 'object';
    return ref $value eq 'ARRAY' if $type eq 'array';
    return !defined $value if $type eq 'null';
    return JSON::XS::is_bool($value) if $type eq 'boolean';
    return 0 if ref $value || !defined $value;
    return $text =~ /^"/ if $type eq 'string';
    return $text =~ /^-?\d+$/ if $type eq 'integer';
    return $text =~ /^-?[\d.]+(?:e[-+]?\d+)?$/i if $type eq 'number';
    return 0;
}

sub same {
    my ($x, $y) = @_;

    return defined $x && defined $y && $x eq $y;
}

sub object_faults {
    my ($doc, $schema, $value, $at) = @_;

    my $properties = $schema->{properties} // {};
    my $others = $schema->{additionalProperties};
    my @wrong = map { "$at.$_ is missing" }
        grep { !exists $value->{$_} } @{ $schema->{required} // [] };

    for my $name (sort keys %$value) {
        if ($properties->{$name}) {
            push @wrong, faults($doc, $properties->{$name}, $value->{$name},
                "$at.$name");
        } elsif (ref $others eq 'HASH') {
            push @wrong, faults($doc, $others, $value->{$name}, "$at.$name");
        } elsif (defined $others && !$others) {
            push @wrong, "$at.$name is not known";
        }
    }

    return @wrong;
}

sub array_faults {
    my ($doc, $schema, $value, $at) = @_;

    my $n = @$value;
    my @wrong;

    push @wrong, "$at has $n items"
        if $n < ($schema->{minItems} // 0) || $n > ($schema->{maxItems} // $n);
    push @wrong, map { faults($doc, $schema->{items}, $value->[$_], "$at\[$_]") }
        0 .. $#$value if $schema->{items};
    return @wrong;
}

1;
