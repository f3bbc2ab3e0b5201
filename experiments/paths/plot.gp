# SPDX-License-Identifier: MIT
# A point for each way; the large one is the way that is measured beside Xen.
set logscale x 10
set xlabel "instructions as the guest counts them (logarithmic)"
set xrange [20:3e6]
set format x "10^{%L}"
set format y
set ytics noenhanced
set grid xtics ytics lc rgb "#a0a0a0" lw 0.5 dt 3
set lmargin 28
set key outside top center horizontal
list = "null_hypercall mmu_update_one mmu_update_clear_set mmu_update_batch128 update_va_mapping_invlpg pin_unpin_l1 pin_unpin_tree16 new_baseptr exception_bounce_iret page_fault_iret tlb_flush_local invlpg_local balloon_4k_batch128_out balloon_4k_batch128_in balloon_2m_out balloon_2m_in superpage_map_unmap"
has(key) = sum [i=1:words(list)] (word(list, i) eq key)
at(key) = has(key) ? (sum [i=1:words(list)] (word(list, i) eq key ? i - 1 : 0)) : NaN
set yrange [16.7:-0.7]
plot 'bench.csv' using (has(strcol("bench")) ? column("ticks") : NaN):(at(strcol("bench"))) \
    with points pt 7 ps 1.6 lc rgb "#0072B2" title "as measured beside Xen", \
    'path.csv' using (strcol("way") eq "cold" ? NaN : column("ticks")):(at(strcol("path"))) \
    with points pt 4 ps 1 lw 1.5 lc rgb "#D55E00" title "other ways", \
    'path.csv' using (pick(strcol("way"), "cold", column("ticks"))):(at(strcol("path"))) \
    with points pt 9 ps 1 lc rgb "#009E73" title "cold", \
    'bench.csv' using (20):(has(strcol("bench")) ? at(strcol("bench")) : 0):(1):ytic(has(strcol("bench")) ? strcol("bench") : "null_hypercall") \
    with points lc rgb "#ff000000" notitle
