package Plot;

# A curve or more as an SVG: cost against size, the size on a logarithmic axis.
#
#     Plot::write($path, title => ..., x => 'events queued', y => 'us',
#         curves => { nginx => [ [ 1000, 4.2 ], ... ], ... });

use strict;
use warnings;

use List::Util qw(max min);

my ($WIDTH, $HEIGHT) = (640, 320);
my ($LEFT, $RIGHT, $TOP, $BOTTOM) = (60, 120, 36, 48);
my @COLOURS = map { "#$_" } qw(1b6ca8 c0392b 2e8b57 8e44ad b7791f);

sub escape {
    my ($text) = @_;
    my %entity = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;');

    return $text =~ s/([&<>])/$entity{$1}/gr;
}

# 1,000 as 1k and so on.
sub short {
    my ($n) = @_;

    return $n >= 1e6 ? $n / 1e6 . 'M' : $n >= 1e3 ? $n / 1e3 . 'k' : $n;
}

# A round number of at least n, for the end of an axis.
sub round_up {
    my ($n) = @_;
    my $unit = 10 ** int(log($n) / log(10) + ($n < 1 ? -1 : 0));

    for (1, 1.5, 2, 3, 4, 5, 6, 8, 10) {
        return $_ * $unit if $_ * $unit >= $n;
    }

    return 10 * $unit;
}

sub text {
    my ($x, $y, $text, $more) = @_;

    return sprintf '<text x="%.1f" y="%.1f" %s>%s</text>' . "\n", $x, $y,
        $more // '', escape($text);
}

sub write {
    my ($path, %plot) = @_;
    my %curves = %{ $plot{curves} };
    my @points = map { @$_ } values %curves;
    my @xs = sort { $a <=> $b } keys %{ { map { $_->[0] => 1 } @points } };
    my $top = round_up(max(map { $_->[1] } @points) || 1);
    my ($low, $high) = (log($xs[0]), log($xs[-1]));
    my $width = $WIDTH - $LEFT - $RIGHT;
    my $height = $HEIGHT - $TOP - $BOTTOM;
    my $at_x = sub {
        return $LEFT + $width * ($high == $low ? 0.5
            : (log($_[0]) - $low) / ($high - $low));
    };
    my $at_y = sub { return $TOP + $height * (1 - $_[0] / $top) };
    my $svg = qq(<svg xmlns="http://www.w3.org/2000/svg" width="$WIDTH")
        . qq( height="$HEIGHT" viewBox="0 0 $WIDTH $HEIGHT" font-size="12")
        . qq( font-family="sans-serif">\n)
        . qq(<rect width="$WIDTH" height="$HEIGHT" fill="#ffffff"/>\n)
        . text($LEFT, 20, $plot{title}, 'font-weight="bold"');

    for my $part (0 .. 4) {
        my $value = $top * $part / 4;
        my $y = $at_y->($value);

        $svg .= sprintf '<line x1="%d" y1="%.1f" x2="%d" y2="%.1f"'
            . " stroke=\"#dddddd\"/>\n", $LEFT, $y, $LEFT + $width, $y;
        $svg .= text($LEFT - 6, $y + 4, sprintf('%.4g', $value),
            'text-anchor="end"');
    }

    for (@xs) {
        $svg .= text($at_x->($_), $TOP + $height + 18, short($_),
            'text-anchor="middle"');
    }

    $svg .= text($LEFT + $width / 2, $HEIGHT - 10, $plot{x},
        'text-anchor="middle"');
    $svg .= text($LEFT, $TOP - 4, $plot{y}, 'fill="#555555"');

    my $n = 0;

    for my $name (sort keys %curves) {
        my $colour = $COLOURS[$n % @COLOURS];
        my @at = map { sprintf '%.1f,%.1f', $at_x->($_->[0]),
            $at_y->($_->[1]) } @{ $curves{$name} };

        $svg .= qq(<polyline points="@at" fill="none" stroke="$colour")
            . qq( stroke-width="2"/>\n);
        $svg .= join '', map { my ($x, $y) = split /,/;
            qq(<circle cx="$x" cy="$y" r="3" fill="$colour"/>\n) } @at;
        $svg .= text($LEFT + $width + 10, $TOP + 14 + 18 * $n++, $name,
            qq(fill="$colour"));
    }

    open my $file, '>', $path or die "$path: $!\n";
    print $file $svg, "</svg>\n";
    close $file or die "$path: $!\n";
    return;
}

1;
