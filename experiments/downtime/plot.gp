# SPDX-License-Identifier: MIT
# Left: from the command until the domain goes on. Right: what of it depends on
# the policy, per MiB: laying the memory, and what the guest does by itself.
set multiplot layout 1,2
set key inside top left vertical Left reverse
set bmargin 5
name(i) = word("'whole blocks free' 'none: restore=guest' 'none: restore=shatter'", i)
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
set yrange [0:0.85]
part(i, y) = pick(strcol("policy"), word("whole guest guest shatter", i), y / column("mib") / 1e6)
plot for [i=1:4] 'came.csv' using (column("mib")):(part(i, \
    column(i == 3 ? "own_ticks" : "layout_ticks"))) \
    with linespoints ls word("1 2 12 3", i) + 0 \
    title word("'whole blocks: layout' 'guest: layout' 'guest: its own remapping' 'shatter: layout'", i)
unset multiplot
