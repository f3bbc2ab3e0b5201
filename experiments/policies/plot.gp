# SPDX-License-Identifier: MIT
# A bar for each combination; where there is none, none was large. The upper two
# with reuse=on: off is the same there; of three domains so many were refused. The
# last, what reuse is about: blocks that were zeroed while somebody waited for them.
set multiplot
set lmargin 12
set origin 0, 0.54
set size 1, 0.46
val(s) = strlen(s) && strstrt("0123456789", s[1:1]) ? s + 0 : 0
S(s) = s eq "require" ? 0 : s eq "prefer" ? 1 : 2
group(x) = S(strcol("superpages")) * 4 + (strcol("reserve") eq "12" ? 2 : 0) + (strcol("relinquish") eq "cut" ? 1 : 0)
place(i) = group(0) + (i - 2) * 0.27
is(i, y) = both(strcol("restore"), word("fail guest shatter", i), strcol("reuse"), "on", y)
set boxwidth 0.25 absolute
set xrange [-0.6:11.6]
set key outside top center horizontal
set bmargin 1
set xtics (0)
set format x ""
set label 1 "superpages=require" at 1.5, graph 0.93 center
set label 2 "superpages=prefer" at 5.5, graph 0.93 center
set label 3 "superpages=off" at 9.5, graph 0.93 center
set arrow 1 from 3.5, graph 0 to 3.5, graph 1 nohead lc rgb "#a0a0a0"
set arrow 2 from 7.5, graph 0 to 7.5, graph 1 nohead lc rgb "#a0a0a0"
set ylabel "MiB mapped large"
set yrange [0:30]
plot for [i=1:3] 'day.csv' using (place(i)):(is(i, 2 * (val(strcol("large_second")) + val(strcol("large_third"))))) \
    with boxes ls (i == 1 ? 4 : i) title "restore=".word("fail guest shatter", i)
unset label
set key off
set origin 0, 0.36
set size 1, 0.18
set tmargin 0.5
set ylabel "refused"
set yrange [0:3.4]
set ytics 1
plot for [i=1:3] 'day.csv' using (place(i)):(is(i, column("no_second") + column("no_third") + column("no_back"))) \
    with boxes ls (i == 1 ? 4 : i)
set origin 0, 0
set size 1, 0.36
set bmargin 4
set tmargin 1.5
set key outside top center horizontal
set ylabel "zeroed as\nit waits"
set yrange [0:*]
set ytics 4
set format x "%g"
set xtics ("reserve 2\nkeep" 0, "2\ncut" 1, "12\nkeep" 2, "12\ncut" 3, "2\nkeep" 4, "2\ncut" 5, "12\nkeep" 6, "12\ncut" 7, "2\nkeep" 8, "2\ncut" 9, "12\nkeep" 10, "12\ncut" 11)
# The same under each restore, which comes later.
reuse(i, y) = both(strcol("restore"), "shatter", strcol("reuse"), word("on off", i), y)
plot for [i=1:2] 'churn.csv' using (group(0) + (i - 1.5) * 0.27):(reuse(i, column("waited"))) \
    with boxes ls word("6 5", i) + 0 title "reuse=".word("on off", i)
unset multiplot
