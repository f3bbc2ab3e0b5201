# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug
# A domain that was built of scattered frames is relocated, in whole blocks, and
# so the machine is defragmented: blocks that were shared become free.
note before machine.blocks_free
fill 0
frag 40
create keep name=web mem=16M superpages=prefer -- name=web
until web.tot_pages = 4096
expect web.blocks_whole = 0
drain all
note scattered machine.blocks_free
ask suspend web
wait web suspended
fails "no domain named 'nobody'" resume nobody
fails "no domain named 'nobody'" relocate nobody
relocate web
expect web.blocks_whole >= 7
resume web
ask poweroff web
wait web gone
expect machine.blocks_free = $before
expect machine.shared_blocks = 0
audit
