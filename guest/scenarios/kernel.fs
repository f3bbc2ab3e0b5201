# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug
# A kernel that is mapped large itself cannot remap itself: restore=guest is
# refused in one line, restore=shatter runs it; and what has gone through that
# can be saved, relocated and restored like anything else.
note before machine.blocks_free
create keep-large name=text mem=16M -- name=text text=large
until text.superpage_maps >= 6
ask suspend text
wait text suspended
save text one
destroy text
note free machine.blocks_free
fill 0
frag 24
note full machine.blocks_free
fails "restore=fail needs" restore one fail as text
fails "its kernel is mapped large" restore one guest as text
expect machine.blocks_free = $full
expect machine.domains = 1
restore one shatter as text
expect text.superpage_maps = 0
expect text.ranges_shattered >= 6
expect text.restores = 1
ask suspend text
wait text suspended
fails "there is a domain text already" restore one shatter as text
save text two
expect text.ranges_shattered >= 6
drain all
relocate text
expect text.ranges_shattered = 0
expect text.superpage_maps >= 6
expect text.restores = 2
resume text
restore two guest as other
expect other.superpage_maps >= 6
expect other.restores = 2
audit
ask poweroff other
ask poweroff text
wait text gone
wait other gone
drop one
drop two
expect machine.blocks_free = $before
audit
