# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=timeslice=1 ICOUNT=1
# However long a guest or an operation keeps the hypervisor at work, others run:
# the timer of one that sleeps (gap role=look) is late by no more than a slice
# of 1 ms, and half of it; where a domain ends by no more than its reaper's turn
# of 1 ms and a slice, and half of it.
note before machine.blocks_free
create gap name=big mem=32M -- role=full
until big.pt_l1 >= 7500
create gap name=other mem=8M -- role=look what=suspend most=1500
until other.hypercalls >= 60
ask suspend big
wait big suspended
ask poweroff other
wait other gone
create gap name=other mem=8M -- role=look what=save most=1500
until other.hypercalls >= 60
save big img
ask poweroff other
wait other gone
create gap name=other mem=8M -- role=look what=check most=1500
until other.hypercalls >= 60
check img
ask poweroff other
wait other gone
create gap name=other mem=8M -- role=look what=relocate most=1500
until other.hypercalls >= 60
relocate big
ask poweroff other
wait other gone
# It is destroyed, and the control guest waits for that.
create gap name=other mem=8M -- role=look what=destroy most=2500
until other.hypercalls >= 60
destroy big
ask poweroff other
wait other gone
create gap name=other mem=8M -- role=look what=restore most=1500
until other.hypercalls >= 60
restore img as big
ask poweroff other
wait other gone
create gap name=other mem=8M -- role=look what=drop most=1500
until other.hypercalls >= 60
drop img
ask poweroff other
wait other gone
destroy big
# One ends by itself.
create gap name=big mem=32M -- role=full end
until big.pt_l1 >= 6000
create gap name=other mem=8M -- role=look what=end most=2500
wait big gone
ask poweroff other
wait other gone
create gap name=other mem=8M -- role=look what=create most=2500
until other.hypercalls >= 60
create hello name=t mem=32M
wait t gone
ask poweroff other
wait other gone
# What a guest can ask for in one call, of each kind.
create gap name=other mem=8M -- role=look what=pin most=2500
until other.hypercalls >= 60
create toil name=t mem=16M -- do=pin
wait t gone
ask poweroff other
wait other gone
create gap name=other mem=8M -- role=look what=grant most=2500
until other.hypercalls >= 60
create toil name=t mem=8M -- do=grant
wait t gone
ask poweroff other
wait other gone
create gap name=other mem=8M -- role=look what=store most=2500
until other.hypercalls >= 60
create toil name=t mem=8M -- do=store
wait t gone
ask poweroff other
wait other gone
# Memory out and in, in blocks and in frames, by both policies. With cut it heals
# besides: a slice, and what copies a block, when they fall so.
create keep name=k mem=16M relinquish=keep -- name=k work=100
until k.hypercalls >= 20
create gap name=other mem=8M -- role=look what=keep most=1500
until other.hypercalls >= 60
balloon k 8M
wait k 8M
balloon k 16M
wait k 16M
ask poweroff other
wait other gone
destroy k
create keep name=k mem=16M relinquish=cut -- name=k balloon=small work=100
until k.hypercalls >= 20
create gap name=other mem=8M -- role=look what=cut most=2000
until other.hypercalls >= 60
balloon k 8M
wait k 8M
balloon k 16M
wait k 16M
ask poweroff other
wait other gone
# It comes back in pieces, and is healed.
ask suspend k
wait k suspended
save k img
destroy k
create gap name=other mem=8M -- role=look what=heal most=2500
until other.hypercalls >= 60
fill 0
frag 40
restore img shatter as k
drain all
until k.healed >= 3
ask poweroff other
wait other gone
destroy k
drop img
expect machine.blocks_free = $before
