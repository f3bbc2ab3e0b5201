# SPDX-License-Identifier: MIT
#! HOSTMEM=1G HVARGS=debug ICOUNT=1
# Stock Linux (pse=late) without swap, which has 96 MiB of large pages that are
# looked at again and again, runs out of memory: it takes back what it may, splits
# large pages of files for that, and kills who takes all.
note before machine.blocks_free
create vmlinuz name=linux mem=320M pse=late -- console=hvc0 transparent_hugepage=never test=kept,pressure,log,off
until linux.superpage_maps >= 60 200
wait linux gone 400
expect machine.blocks_free = $before
audit
