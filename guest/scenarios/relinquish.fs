# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug ICOUNT=1
# Single frames given back: with keep they stay holes of the domain's blocks,
# with cut others may have them.
note before machine.blocks_free
create keep name=keep mem=32M relinquish=keep -- name=keep balloon=small ring=no
until keep.tot_pages = 8192
note holes keep.holes
balloon keep 27M
wait keep 27M
expect keep.holes >= 1280
expect machine.shared_free = 0
ask poweroff keep
wait keep gone
create keep name=cut mem=32M relinquish=cut -- name=cut balloon=small ring=no
until cut.tot_pages = 8192
balloon cut 27M
wait cut 27M
expect cut.holes <= $holes
expect machine.shared_free > 0
stat
balloon cut 32M
wait cut 32M
ask poweroff cut
wait cut gone
expect machine.shared_blocks = 0
expect machine.blocks_free = $before
audit
