# SPDX-License-Identifier: MIT
#! CPU=Haswell,-pcid,+pdpe1gb HOSTMEM=3200M HVARGS=debug
# Stock Linux (pse=late) on a processor that has pages of 1 GiB: one of these, of
# hugetlb, beside 96 MiB of pages of 2 MiB, all looked at again and again, while it
# is suspended, relocated, saved, destroyed and restored. The machine has two GiB
# that are whole, for the first is where the kernel lies.
note before machine.blocks_free
create vmlinuz name=linux mem=2200M pse=late -- console=hvc0 transparent_hugepage=never test=huge,log,kept
until linux.superpage_maps >= 49 200
sleep 2
ask suspend linux
wait linux suspended 60
relocate linux
resume linux
sleep 2
ask suspend linux
wait linux suspended 60
save linux one
expect linux.superpage_maps >= 49
expect linux.super_refused = 0
destroy linux
wait linux gone 60
restore one as again
sleep 3
expect again.superpage_maps = 49
ask poweroff again
wait again gone 60
drop one
expect machine.blocks_free = $before
audit
