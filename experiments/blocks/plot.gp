# SPDX-License-Identifier: MIT
set xlabel "size it comes to (MiB)"
set ylabel "thousand instructions of the guest"
plot 'keep.csv' using (column("to") / 256):(pick(strcol("what"), "out", \
    column("ticks") / 1000)) with linespoints ls 1 title "balloon out"
