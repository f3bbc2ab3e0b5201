# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug
# Keepers that see their memory in several address spaces, read only or not
# executable in some, under each policy: one table the hypervisor supplies does
# for all of them, a guest that remaps needs one for each.
note before machine.blocks_free
create keep name=many mem=24M -- name=many spaces=3 p2m=linear
until many.superpage_maps >= 40
ask suspend many
wait many suspended
note large many.superpage_maps
save many many
destroy many
create keep name=deaf mem=24M -- name=deaf spaces=1 ring=no
until deaf.superpage_maps >= 20
ask suspend deaf
wait deaf suspended
save deaf deaf
destroy deaf
restore many fail
until many.superpage_maps = $large
ask poweroff many
wait many gone
fill 0
frag 50
expect machine.blocks_free <= 2
restore many guest
until many.own_l1 = $large
expect many.superpage_maps = 0
# It heals while it runs: its tables are taken out of the way, and put back.
drain all
until many.superpage_maps = $large
expect many.ranges_remap = 0
ask poweroff many
wait many gone
fill 0
frag 50
restore many shatter
until many.events >= 11
expect many.supplied <= 12
expect many.own_l1 = 0
expect many.superpage_maps = 0
drain all
until many.superpage_maps = $large
until many.supplied = 0
expect many.ranges_shattered = 0
# And is relocated, from pieces.
ask suspend many
wait many suspended
relocate many
resume many
until many.superpage_maps = $large
ask poweroff many
wait many gone
# One that ignores everything keeps working, and sleeps and wakes so.
fill 0
frag 50
restore deaf shatter
until deaf.restores = 1
ask suspend deaf
wait deaf suspended
save deaf again
resume deaf
balloon deaf 16M
wait deaf 16M
ask poweroff deaf
wait deaf gone
drain all
restore again fail as deaf
ask poweroff deaf
wait deaf gone
drop many
drop deaf
drop again
expect machine.blocks_free = $before
audit
