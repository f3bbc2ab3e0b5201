# SPDX-License-Identifier: MIT
# Skylake: entries that walks read, of 1,000 accesses; logarithmic.
set multiplot layout 1,2
set bmargin 4
set key inside top right vertical Left reverse samplen 1
set logscale y 10
set yrange [0.005:3e6]
set format y "10^{%L}"
set ylabel "entries read of 1,000 accesses (logarithmic)"
programs = "gups chase stream join btree matrix"
at(p) = sum [i=1:words(programs)] (word(programs, i) eq p ? i : 0)
sky(y) = pick(strcol("family"), "skylake", y)
form(i) = word("4k shattered 2m healed 1g", i)
direct(i) = both(strcol("paging"), "direct", strcol("pages"), form(i), sky(column("refs_per_1000")))
set boxwidth 0.15 absolute
set xrange [0.4:6.6]
set xtics ("random" 1, "chase" 2, "stream" 3, "join" 4, "B-tree" 5, "matrix" 6) rotate by -45
set title "direct paging"
plot for [i=1:5] 'tlb.csv' using (at(strcol("tlb")) + (i - 3) * 0.16):(direct(i)) \
    with boxes ls i title word("'4 KiB' 'shattered' '2 MiB' 'healed' '1 GiB'", i)
set title "direct and nested, of the same size"
kind(i) = word("4k:direct 4k:nested-4k 2m:direct 2m:nested-2m", i)
nested(i) = sky(pick(strcol("pages").":".strcol("paging"), kind(i), column("refs_per_1000")))
plot for [i=1:4] 'tlb.csv' using (at(strcol("tlb")) + (i - 2.5) * 0.18):(nested(i)) \
    with boxes ls word("1 6 3 5", i) + 0 title word("'4 KiB, direct' '4 KiB, nested' '2 MiB, direct' '2 MiB, nested'", i)
unset multiplot
