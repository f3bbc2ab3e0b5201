# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug
# More is promised than there is: others are ballooned down, in blocks, each to
# its floor and no further.
note before machine.blocks_free
create keep name=one mem=48M -- name=one
create keep name=two mem=48M -- name=two
create keep name=free mem=16M -- name=free
until one.superpage_maps >= 18
until two.superpage_maps >= 18
until free.superpage_maps >= 4
floor one 32M
floor two 24M
fill 4
fails "it needs 12 whole blocks" create keep name=three mem=24M superpages=require
policy overcommit=on
policy
create keep name=three mem=24M superpages=require -- name=three
expect three.born_whole = 12
expect one.mem >= 32M
expect two.mem >= 24M
expect free.mem = 16M
# Beyond the floors there is nothing to be had, and nothing is asked for.
note sizeone one.tot_pages
note sizetwo two.tot_pages
fails "60 blocks wanted" reclaim 60
fails "36 blocks wanted" create keep name=four mem=64M superpages=require
expect one.tot_pages = $sizeone
expect two.tot_pages = $sizetwo
# They grow again when there is room.
ask poweroff three
wait three gone
balloon one 48M
wait one 48M
ask poweroff one
wait one gone
ask poweroff two
wait two gone
ask poweroff free
wait free gone
drain all
expect machine.blocks_free = $before
audit
