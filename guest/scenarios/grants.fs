# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug
# While one domain has another's frame mapped neither of them can be saved or
# relocated, and trying changes nothing; once it is unmapped, both can. (The
# control guest is domain 1.)
note before machine.blocks_free
create lend name=give mem=16M -- role=give peer=3
create lend name=take mem=16M -- role=take peer=2
wait give suspended
wait take suspended
note frames machine.hv_frames
note free machine.blocks_free
fails "others still have grants of give mapped" save give image
fails "take still has grants mapped" save take image
fails "others still have grants of give mapped" relocate give
fails "take still has grants mapped" relocate take
fails "others still have grants of give mapped" heal give
fails "take still has grants mapped" heal take
wait give suspended
wait take suspended
expect machine.images = 0
expect machine.hv_frames = $frames
expect machine.blocks_free = $free
expect give.restores = 0
expect take.restores = 0
audit
# It gives back what is a sleeper's, and sleeps again. Now everything works.
resume take
wait take suspended
save take taken
save give given
relocate take
relocate give
expect give.restores = 1
audit
# Both go on, and lend anew where they are now.
resume give
resume take
wait take gone
wait give gone
# An image holds a sound domain as well; it finds nobody to lend to.
restore given as other
restore taken as another
sleep 1
audit
destroy other
destroy another
drop given
drop taken
# One of the two ends: that is as good as unmapped, for the other.
create lend name=give mem=16M -- role=give peer=7
create lend name=take mem=16M -- role=take peer=6
wait give suspended
wait take suspended
destroy give
wait give gone
save take left
destroy take
drop left
create lend name=give mem=16M -- role=give peer=9
create lend name=take mem=16M -- role=take peer=8
wait give suspended
wait take suspended
destroy take
wait take gone
relocate give
save give left
destroy give
drop left
expect machine.blocks_free = $before
audit
