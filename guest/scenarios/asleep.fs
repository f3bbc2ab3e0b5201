# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug
# Everything a vCPU has comes back, however the night was spent: in place, in an
# image, relocated.
note before machine.blocks_free
create asleep name=one mem=16M vcpus=3 -- rounds=4
wait one suspended
resume one
wait one suspended
save one night
destroy one
restore night
wait one suspended
relocate one
audit
resume one
wait one suspended
save one last
drop night
destroy one
restore last as two
wait two gone
drop last
# Without a second vCPU, and with the linear form of the p2m.
create asleep name=lin mem=16M -- rounds=3 p2m=linear
wait lin suspended
relocate lin
resume lin
wait lin suspended
save lin night
destroy lin
restore night
wait lin suspended
resume lin
wait lin gone
drop night
# One that is gone as soon as it is woken: who woke it hears of that, no more.
create asleep name=brief mem=16M -- ends
wait brief suspended
save brief night
destroy brief
restore night
wait brief gone
restore night as again
wait again gone
audit
restore night as third
wait third gone
drop night
# One that nobody can wake.
create asleep name=blind mem=16M -- blind
wait blind suspended
fails "is no start_info" resume blind
fails "which has no pfn" save blind night
fails "which has no pfn" relocate blind
expect machine.images = 0
destroy blind
expect machine.blocks_free = $before
audit
