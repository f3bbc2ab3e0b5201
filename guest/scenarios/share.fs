# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug ICOUNT=1
# Two domains whose frames lie in each other's blocks (relinquish=cut) are
# ballooned, saved, relocated, restored in pieces, destroyed: every byte and
# every count stays right, and all blocks are whole in the end.
note before machine.blocks_free
create keep name=a mem=32M relinquish=cut -- name=a balloon=small
until a.tot_pages = 8192
create keep name=b mem=32M relinquish=cut -- name=b balloon=small
until b.tot_pages = 8192
balloon a 27M
wait a 27M
balloon b 20M
wait b 20M
balloon a 32M
wait a 32M
balloon b 25M
wait b 25M
expect a.frames_shared > 0
expect b.frames_shared > 0
audit
ask suspend a
wait a suspended
save a img
relocate a
audit
resume a
ask suspend b
wait b suspended
relocate b
audit
resume b
audit
destroy b
fill 0
frag 40
restore img shatter as c
audit
until c.events >= 1
ask suspend c
wait c suspended
drain all
relocate c
audit
resume c
sleep 1
balloon c 20M
wait c 20M
balloon c 30M
wait c 30M
destroy a
audit
ask poweroff c
wait c gone
drop img
stat
expect machine.shared_blocks = 0
expect machine.blocks_free = $before
audit
