# SPDX-License-Identifier: MIT
#! SMP=4 HOSTMEM=1G HVARGS=debug
# Stock Linux with large pages (pse=late) on four vCPUs, a processor for each:
# what one changes the others see at once, whatever their TLBs had; then it has 96
# MiB of large pages, looked at again and again, while all vCPUs run something else
# besides, is suspended, relocated, saved, destroyed and restored.
note before machine.blocks_free
create vmlinuz name=linux mem=320M vcpus=4 pse=late -- console=hvc0 transparent_hugepage=never test=team,huge,collapse,log,kept,spin
until linux.superpage_maps >= 48 400
sleep 2
ask suspend linux
wait linux suspended 100
relocate linux
resume linux
sleep 2
ask suspend linux
wait linux suspended 100
save linux one
expect linux.superpage_maps >= 48
expect linux.super_refused = 0
destroy linux
wait linux gone 100
restore one as again
sleep 4
expect again.superpage_maps >= 48
expect again.vcpus_up = 4
ask poweroff again
wait again gone 100
drop one
expect machine.blocks_free = $before
audit
