# SPDX-License-Identifier: MIT
# Entries that walks read, of 1,000 accesses, over the window; both logarithmic.
set multiplot layout 1,2
set bmargin 4
set key inside top left vertical Left reverse samplen 3 maxrows 3 width -3
set logscale x 4
set logscale y 10
set xrange [0.18:400]
set yrange [0.005:3e6]
set format y "10^{%L}"
set xlabel "window, GiB (logarithmic)"
set ylabel "entries read of 1,000 accesses (logarithmic)"
set xtics ("1/4" 0.25, "1" 1, "4" 4, "16" 16, "64" 64, "256" 256)
form(i) = word("4k 4k 2m 2m 1g 1g", i)
paging(i) = word("direct nested-4k direct nested-2m direct nested-2m", i)
refs(f, i) = both(strcol("family"), f, strcol("pages").":".strcol("paging"), form(i).":".paging(i), column("refs_per_1000"))
names = "'4 KiB' '4 KiB, nested' '2 MiB' '2 MiB, nested' '1 GiB' '1 GiB, nested'"
style = "1 11 2 12 3 13"
do for [f in "skylake zen2"] {
    set title (f eq "zen2" ? "Zen 2" : "Skylake")
    plot for [i=1:6] 'tlb_wide.csv' using (column("mib") / 1024):(refs(f, i)) \
        with linespoints ls (0 + word(style, i)) title word(names, i)
}
unset multiplot
