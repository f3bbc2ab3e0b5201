# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug
# Blocks promised to a domain before it is built are there when it is built,
# whatever others have taken meanwhile.
note before machine.blocks_free
fill 30
claim web 12
expect machine.claimed = 12
fails "40 blocks more cannot be promised" claim shop 40
# Others find what is left, and then single frames or nothing.
create keep name=one mem=16M superpages=require -- name=one
fails "it needs 16 whole blocks" create keep name=two mem=32M superpages=require -- name=two
create keep name=three mem=16M superpages=prefer -- name=three
fill 0
fails "it needs 8 whole blocks" create keep name=four mem=16M superpages=prefer -- name=four
expect machine.claimed = 12
create keep name=web mem=24M superpages=require -- name=web
expect web.born_whole = 12
expect machine.claimed = 0
# A claim that is not needed any more.
ask poweroff three
wait three gone
claim shop 2
claim shop 0
expect machine.claimed = 0
ask poweroff one
wait one gone
ask poweroff web
wait web gone
drain all
expect machine.blocks_free = $before
audit
