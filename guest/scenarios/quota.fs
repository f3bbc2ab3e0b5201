# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug
# Two hostile guests of 16 MiB hold what they can get for one frame of each
# block; what they get is their maxmem and a few blocks, and others get theirs.
note before machine.blocks_free
create keep name=web mem=64M -- name=web
until web.superpage_maps >= 31
balloon web 32M
wait web 32M
create keep name=evil mem=16M relinquish=keep -- name=evil hoard=yes
wait evil suspended
create keep name=worse mem=16M relinquish=cut -- name=worse hoard=yes
wait worse suspended
expect evil.charged <= evil.quota
expect evil.quota = 6144
expect worse.charged <= worse.quota
audit
create keep name=shop mem=64M superpages=require -- name=shop
expect shop.born_whole = 32
balloon web 64M
wait web 64M
audit
destroy evil
destroy worse
ask poweroff shop
wait shop gone
# maxmem: up at once, down as far as what it has, is to have, or once might.
fails "balloon it to 15872 first" maxmem web 62M
fails "no domain named 'nobody'" maxmem nobody 64M
maxmem web 127M
expect web.max_pages = 32768
maxmem web 96M
balloon web 32M
wait web 32M
fails "fewer than half of them" maxmem web 32M
maxmem web 64M
fails "'web' may have at most 64M" balloon web 96M
balloon web 64M
wait web 64M
# It is relocated, saved and restored with what it may have now.
balloon web 32M
wait web 32M
heal web
ask suspend web
wait web suspended
save web image
destroy web
restore image
wait web running
expect web.max_pages = 16384
ask poweroff web
wait web gone
drop image
expect machine.blocks_free = $before
audit
