# SPDX-License-Identifier: MIT
# Bars that lie, one above the other, on a logarithmic scale.
set logscale x 10
set key inside bottom right vertical
set xlabel "instructions as the guest counts them (logarithmic)"
set xrange [10:3e7]
set format x "10^{%L}"
set grid xtics noytics lc rgb "#a0a0a0" lw 0.5 dt 3
set format y
set lmargin 30
set yrange [13.6:-0.7]
set ytics noenhanced
list = "null_hypercall mmu_update_one mmu_update_batch128 update_va_mapping_invlpg pin_unpin_l1 pin_unpin_tree16 new_baseptr exception_bounce_iret balloon_4k_batch128_out balloon_4k_batch128_in balloon_2m_out balloon_2m_in balloon_2m_busy_in superpage_map_unmap"
at(key) = sum [i=1:words(list)] (word(list, i) eq key ? i - 1 : 0)
h = 0.36
sys(i) = word("xen flagstone", i)
plot for [i=1:2] 'operation.csv' \
    using (10):(at(strcol("operation")) + (i - 1.5) * h):(10):(pick(strcol("system"), sys(i), column("instructions"))):\
    (at(strcol("operation")) + (i - 1.5) * h - h/2):(at(strcol("operation")) + (i - 1.5) * h + h/2) \
    with boxxyerror ls (3 - i) fs solid 0.9 noborder title word("'Xen 4.17' Flagstone", i), \
    for [i=1:2] 'operation.csv' using (pick(strcol("system"), sys(i), column("instructions") * 1.15)): \
    (at(strcol("operation")) + (i - 1.5) * h):(sprintf("%d", column("instructions"))) with labels left font ",11" notitle, \
    'operation.csv' using (10):(at(strcol("operation"))):(NaN):ytic(strcol("name")) with points lc rgb "#00000000" notitle
