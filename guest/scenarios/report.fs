# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug
# Domains report blocks they have no use for: nobody asked, no target changes.
# Another domain is made out of them; they have them back when there is room,
# one by touching them, one by request.
note before machine.blocks_free
create keep name=lender mem=32M -- name=lender report=8 back=touch spaces=1
create keep name=other mem=16M -- name=other report=2 work=200
until lender.reported = 8
until other.reported = 2
expect lender.mem = 16M
expect lender.target = 8192
expect lender.max_pages = 8192
expect other.mem = 12M
fill 11
create keep name=shop mem=20M superpages=require -- name=shop
expect shop.born_whole = 10
expect machine.blocks_free = machine.reserve
# It touches one, and waits; the others go on.
balloon lender 32M
balloon other 16M
until lender.not_back >= 3
until other.not_back >= 1
expect lender.reported = 8
expect other.reported = 2
audit
ask poweroff shop
wait shop gone
wait lender 32M
expect lender.reported = 0
expect lender.reports = 8
balloon other 14M
balloon other 16M
wait other 16M
expect other.reported = 0
audit
# What came back is as it should be: the ends check every word.
ask poweroff lender
wait lender gone
ask poweroff other
wait other gone
drain all
expect machine.blocks_free = $before
