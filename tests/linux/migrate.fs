# SPDX-License-Identifier: MIT
#! HOSTMEM=1G HVARGS=debug
# Stock Linux (pse=late) with 96 MiB of large pages, which a program looks at again
# and again, is suspended, saved and sent to another machine; arrives.fs is that
# one. What it has left is free again.
note before machine.blocks_free
create vmlinuz name=linux mem=320M vcpus=2 pse=late -- console=hvc0 transparent_hugepage=never test=huge,log,kept
until linux.superpage_maps >= 48 200
sleep 2
ask suspend linux
wait linux suspended 60
expect linux.super_refused = 0
save linux travel
destroy linux
wait linux gone 60
send travel
drop travel
expect machine.blocks_free = $before
audit
