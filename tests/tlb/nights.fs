# SPDX-License-Identifier: MIT
# Memory that was mapped by entries of 2 MiB, used after a night in an image, from
# which it came back where no block was whole, so that tables of the hypervisor's
# map it (shattered); and after another, in which it was healed.
create tlb name=tlb mem=400M -- pages=2m naps=2 first=no
wait tlb suspended
note large tlb.superpage_maps
save tlb night
destroy tlb
fill 0
frag 450
expect machine.blocks_free <= machine.reserve
restore night shatter as tlb
expect last.shattered = $large
drop night
wait tlb suspended
expect tlb.superpage_maps = 0
drain all
relocate tlb
expect last.large_after = $large
resume tlb
wait tlb gone
