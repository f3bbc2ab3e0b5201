# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug
# Images that are not what they should be are refused in one line, before
# anything has changed.
note before machine.blocks_free
create keep name=web mem=8M -- name=web
until web.superpage_maps >= 1
fails "web is not suspended" save web early
fails "web is not suspended" relocate web
fails "web is not suspended" resume web
ask suspend web
wait web suspended
save web one
fails "there is an image one already" save web one
check one
images
fails "there is a domain control already" restore one as control
fails "there is a domain web already" restore one as web
fails "no image named 'nothing'" restore nothing
destroy web
note free machine.blocks_free
# A byte of the content, of an index, of the header; its magic; its version.
damage one 40000
fails "the content's checksum" check one
fails "the content's checksum" restore one
damage one 40000
check one
damage one 24
fails "the header's checksum" restore one
damage one 24
damage one 0
fails "not a Flagstone image" restore one
damage one 0
damage one 8 3
fails "newer version 2" restore one
damage one 8 3
fails "none at 99999999999" damage one 99999999999
expect machine.blocks_free = $free
expect machine.domains = 1
restore one
ask suspend web
wait web suspended
save web two
destroy web
truncate two 8192
fails "truncated: 8192 of" check two
fails "truncated: 8192 of" restore two
truncate two 100
fails "truncated: 100 bytes" restore two
truncate two 0
fails "truncated: 0 bytes" restore two
drop two
fails "no image 'two'" drop two
restore one as again
ask poweroff again
wait again gone
drop one
expect machine.images = 0
expect machine.blocks_free = $before
audit
