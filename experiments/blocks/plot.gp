# SPDX-License-Identifier: MIT
set xlabel "size it comes to (MiB)"
set ylabel "blocks of 2 MiB"
set yrange [0:*]
plot 'out.csv' using (column("mib")):(column("large")) \
    with linespoints ls 1 title "mapped large by the guest", \
    'out.csv' using (column("mib")):(column("freed")) \
    with linespoints ls 2 title "free again"
