# SPDX-License-Identifier: MIT
# Over how many of the eight use 4 KiB: refused guests, and what nobody can have.
set multiplot layout 1,2
set bmargin 4
set key inside top left vertical Left reverse samplen 2
set xlabel "4 KiB guests, of eight"
set xrange [-0.4:8.4]
set xtics 1
R(i) = word("keep cut", i)
set ylabel "new guests refused"
set yrange [-0.3:14]
set ytics 2
plot for [i=1:2] 'little.csv' using (column("small")):(pick(strcol("relinquish"), R(i), column("refused"))) \
    smooth frequency with linespoints ls i title R(i).": by single frames, of 8", \
    for [i=1:2] 'big.csv' using (column("small")):(pick(strcol("relinquish"), R(i), column("refused"))) \
    smooth frequency with linespoints ls i+12 title R(i).": by whole blocks, of 5"
set ylabel "MiB that the eight do not use, and nobody can have"
set yrange [-1:40]
set ytics 8
holes(i) = pick(strcol("relinquish"), R(i), (column("holes") - 511) / 256.)
plot for [i=1:2] 'guest.csv' using (column("small")):(holes(i)) \
    smooth frequency with linespoints ls i title "relinquish=".R(i)
unset multiplot
