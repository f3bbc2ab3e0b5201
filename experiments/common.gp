# SPDX-License-Identifier: MIT
# What all plots begin with: tables as tools/evidence.py writes them, and colours
# of Okabe and Ito, which colour-blind readers tell apart; each with a point of
# its own, for who prints without colours. No yellow: it is not seen on white.
set datafile separator ","
set datafile missing NaN
set key autotitle columnhead
set encoding utf8
set style line 1 lc rgb "#0072B2" lw 2.5 pt 7 ps 0.8
set style line 2 lc rgb "#E69F00" lw 2.5 pt 5 ps 0.8
set style line 3 lc rgb "#009E73" lw 2.5 pt 9 ps 0.9
set style line 4 lc rgb "#D55E00" lw 2.5 pt 13 ps 0.9
set style line 5 lc rgb "#CC79A7" lw 2.5 pt 11 ps 0.9
set style line 6 lc rgb "#56B4E9" lw 2.5 pt 6 ps 0.8
set style line 7 lc rgb "#808080" lw 2.5 pt 4 ps 0.8
# The same, dashed.
set style line 11 lc rgb "#0072B2" lw 2.5 pt 7 ps 0.8 dt 2
set style line 12 lc rgb "#E69F00" lw 2.5 pt 5 ps 0.8 dt 2
set style line 13 lc rgb "#009E73" lw 2.5 pt 9 ps 0.9 dt 2
set style line 14 lc rgb "#D55E00" lw 2.5 pt 13 ps 0.9 dt 2
set style increment user
set grid ytics lc rgb "#a0a0a0" lw 0.5 dt 3
set border 3
set tics nomirror
set key outside top center horizontal noautotitle
set style fill solid 0.9 noborder
set boxwidth 0.8 relative
set format y "%g"
# A row's value if it is of that kind, else none.
pick(is, wanted, value) = is eq wanted ? value : NaN
both(a, wa, b, wb, value) = (a eq wa && b eq wb) ? value : NaN
