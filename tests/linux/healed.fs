# SPDX-License-Identifier: MIT
#! HOSTMEM=1G HVARGS=debug ICOUNT=1
# Stock Linux (pse=late) with 96 MiB of large pages that are looked at again and
# again. Its balloon gives memory back, and while the machine has no whole block
# takes it again: as single frames. So it is saved. Without whole blocks it is not
# restored; with them it is, and healed while its large pages are there.
note before machine.blocks_free
create vmlinuz name=linux mem=320M vcpus=2 pse=late -- console=hvc0 transparent_hugepage=never test=kept
until linux.superpage_maps >= 48 200
sleep 2
balloon linux 224M
wait linux 224M 60
fill 0
frag 200
balloon linux 320M
wait linux 320M 60
expect linux.blocks_whole < 140
expect linux.superpage_maps >= 48
sleep 2
ask suspend linux
wait linux suspended 60
drain 140
save linux one
resume linux
sleep 2
drain all
heal linux
expect linux.blocks_whole >= 160
expect linux.superpage_maps >= 48
sleep 3
expect linux.super_refused = 0
destroy linux
wait linux gone 60
fill 0
frag 380
fails "whole blocks, there are" restore one as again
fails "whole blocks, there are" restore one shatter as again
drain all
restore one as again
expect again.blocks_whole >= 160
expect again.superpage_maps >= 48
sleep 3
ask poweroff again
wait again gone 60
drop one
expect machine.blocks_free = $before
audit
