# SPDX-License-Identifier: MIT
# Bars: means over the seeds; circles: each seed. Of fills only these.
set ylabel "of what could be whole, the part that is (HA*)"
set yrange [0:1.16]
set format y "%.1f"
set ytics 0.2
fill(y) = strcol("fill_percent") eq "85" || (strcol("fill_percent") eq "95" && strcol("sim") eq "W2") ? y : NaN
names = "flagstone flagstone-compact xen linux"
at(w) = w eq "W1" ? 1 : w eq "W3" ? 4 : strcol("fill_percent") eq "85" ? 2 : 3
is(i, y) = pick(strcol("allocator"), word(names, i), y)
set boxwidth 0.18 absolute
set xrange [0.5:4.5]
set xtics ("W1, all by 2 MiB\n85 %% in use" 1, "W2, a tenth by 4 KiB\n85 %% in use" 2, "W2\n95 %% in use" 3, "W3, half by 64 KiB\n85 %% in use" 4)
plot for [i=1:4] 'sim.csv' using (at(strcol("sim")) + (i - 2.5) * 0.2):(is(i, fill(column("ha_star")))) \
    smooth unique with boxes ls i title word(names, i), \
    for [i=1:4] 'sim.csv' using (at(strcol("sim")) + (i - 2.5) * 0.2):(is(i, fill(column("ha_star")))) \
    with points pt 6 ps 0.7 lc rgb "black" notitle
