# SPDX-License-Identifier: MIT
# Left: large mappings of all four, day by day. Right: instructions of all days.
set multiplot layout 1,2
set bmargin 4
set key inside top right vertical Left reverse samplen 2
set xlabel "day"
set xtics autofreq
set ylabel "large mappings of the four guests"
set yrange [-1.5:68]
K(i) = word("block-keep block-cut small-keep small-cut", i)
plot for [i=1:4] 'guest.csv' using (column("day")):(strcol("heal") eq "auto" ? \
    pick(strcol("grain")."-".strcol("relinquish"), K(i), column("large")) : NaN) \
    smooth frequency with linespoints ls (i > 2 ? i : i + 10) \
    title word("'by 2 MiB, keep' 'by 2 MiB, cut' 'by 4 KiB, keep' 'by 4 KiB, cut'", i)
set ylabel "million instructions of the four guests"
set xlabel ""
set yrange [0:*]
set xrange [0.4:4.6]
set key outside top center horizontal
set xtics ("2 MiB\nkeep" 1, "2 MiB\ncut" 2, "4 KiB\nkeep" 3, "4 KiB\ncut" 4)
spot(name) = name eq "block-keep-auto" ? 1 : name eq "block-cut-auto" ? 2 : \
    name eq "small-keep-auto" ? 3 : name eq "small-cut-auto" ? 4 : NaN
set boxwidth 0.32 absolute
plot 'keep.csv' using (spot(strcol("name")) - 0.18):(pick(strcol("keep"), "balloon", column("ticks") / 1e6)) \
    smooth frequency with boxes ls 1 title "ballooning", \
    'keep.csv' using (spot(strcol("name")) + 0.18):(pick(strcol("keep"), "heal", column("ticks") / 1e6)) \
    smooth frequency with boxes ls 2 title "healing"
unset multiplot
