# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug
# Images that are not what they should be are refused in one line, before
# anything has changed.
note before machine.blocks_free
create keep name=web mem=8M -- name=web
until web.superpage_maps >= 1
fails save web early
fails relocate web
fails resume web
ask suspend web
wait web suspended
save web one
fails save web one
check one
images
fails restore one as control
fails restore one as web
fails restore nothing
destroy web
note free machine.blocks_free
# A byte of the content, of an index, of the header; its magic; its version.
damage one 40000
fails check one
fails restore one
damage one 40000
check one
damage one 24
fails restore one
damage one 24
damage one 0
fails restore one
damage one 0
damage one 8 3
fails restore one
damage one 8 3
fails damage one 99999999999
expect machine.blocks_free = $free
expect machine.domains = 1
restore one
ask suspend web
wait web suspended
save web two
destroy web
truncate two 8192
fails check two
fails restore two
truncate two 100
fails restore two
truncate two 0
fails restore two
drop two
fails drop two
restore one as again
ask poweroff again
wait again gone
drop one
expect machine.images = 0
expect machine.blocks_free = $before
audit
