# SPDX-License-Identifier: MIT
#! HOSTMEM=1G HVARGS=debug
# Stock Linux that is shown large pages (pse=late), and whose memory is no whole
# blocks any more, since its balloon gave single frames back and took others, as
# relinquish=cut has it (keep is in huge.fs). It does not look whether a large page is refused: that is said, and the program
# that would fault on it for ever ends it.
note before machine.blocks_free
create vmlinuz name=linux mem=320M pse=late relinquish=cut -- console=hvc0 quiet transparent_hugepage=never test=scattered,huge
balloon linux 128M
wait linux 128M 60
sleep 6
balloon linux 320M
wait linux 320M 60
wait linux gone 150
expect machine.blocks_free = $before
audit
