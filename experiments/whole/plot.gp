# SPDX-License-Identifier: MIT
# Left: what stays large. Right: what the policy is about, in instructions.
set multiplot layout 1,2
set key inside top left vertical Left reverse
set bmargin 4
set xlabel "whole blocks that are free (domain of 64 MiB)"
set xrange [-1:33]
set xtics 8
is(i, y) = column("mib") == 64 ? pick(strcol("policy"), word("fail guest shatter", i), y) : NaN
large(i) = strcol("refused") eq "1" ? 0 : column("after") + 0
set ylabel "large mappings that are there again"
set yrange [-1:40]
plot for [i=1:3] 'came.csv' using (column("whole")):(is(i, large(i))) \
    with linespoints ls (i == 1 ? 14 : i) \
    title "restore=".word("fail guest shatter", i)
set ylabel "million instructions"
set yrange [0:48]
part(i, y) = column("mib") == 64 ? pick(strcol("policy"), word("guest guest shatter", i), y / 1e6) : NaN
plot for [i=1:3] 'came.csv' using (column("whole")):(part(i, column(i == 2 ? "own_ticks" : "layout_ticks"))) \
    with linespoints ls (i == 2 ? 12 : i == 1 ? 2 : 3) \
    title word("'guest: layout' 'guest: its own remapping' 'shatter: layout'", i)
unset multiplot
