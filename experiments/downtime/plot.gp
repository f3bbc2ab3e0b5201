# SPDX-License-Identifier: MIT
# Left: from the command until the domain goes on. Middle: what of it depends on
# the policy, per MiB: laying the memory, and what the guest does by itself. Right:
# the same of 32 MiB that are mapped in so many address spaces.
set multiplot layout 1,3
set key inside top left vertical Left reverse samplen 1.5
set bmargin 5
name(i) = word("'whole blocks' 'none: guest' 'none: shatter'", i)
of(i, ticks) = pick(strcol("policy"), word("whole guest shatter", i), ticks / 1e6)
set logscale x 2
set xlabel "memory of the domain (MiB)"
set xtics rotate by -45
set ylabel "million instructions"
set title "until it goes on"
set yrange [0:*]
plot for [i=1:3] 'came.csv' using (column("mib")):(of(i, \
    column("clock_ticks") + column("own_ticks"))) with linespoints ls i title name(i)
set ylabel "million instructions per MiB"
set format y "%.2f"
set title "of it, what the policy is about"
set yrange [0:0.95]
part(i, y) = pick(strcol("policy"), word("whole guest guest shatter", i), y / column("mib") / 1e6)
kind(i) = word("'whole: layout' 'guest: layout' 'guest: its own' 'shatter: layout'", i)
style(i) = word("1 2 12 3", i) + 0
plot for [i=1:4] 'came.csv' using (column("mib")):(part(i, \
    column(i == 3 ? "own_ticks" : "layout_ticks"))) \
    with linespoints ls style(i) title kind(i)
unset logscale x
set format y "%g"
set xlabel "address spaces, 4 vCPUs"
set xtics norotate 1
set xrange [0.7:*]
set ylabel "million instructions"
set title "32 MiB, over address spaces"
set yrange [0:26]
many(i, y) = both(strcol("policy"), word("whole guest guest shatter", i), \
    strcol("helpers"), "3", y / 1e6)
plot for [i=1:4] 'shape.csv' using (column("spaces") + 1):(many(i, \
    column(i == 3 ? "own_ticks" : "layout_ticks"))) \
    with linespoints ls style(i) title kind(i)
unset multiplot
