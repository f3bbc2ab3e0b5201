# SPDX-License-Identifier: MIT
# Over how many of the eight use 4 KiB: refused guests, and what is left when the
# eight are gone and the new ones live on.
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
set ylabel "blocks, once the eight are gone"
set yrange [0:105]
set ytics 10
plot for [i=1:2] 'gone.csv' using (column("small")):(pick(strcol("relinquish"), R(i), column("blocks"))) \
    with linespoints ls i title R(i).": whole blocks free", \
    'gone.csv' using (column("small")):(pick(strcol("relinquish"), "cut", column("shared_free") / 512.)) \
    with linespoints ls 13 title "cut: free, beside others"
unset multiplot
