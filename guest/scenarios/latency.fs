# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug ICOUNT=1
# Whatever ends, others run: nobody waits longer than the time slice, and a
# fifth of it. One is destroyed: the control guest waits for that, too.
note before machine.blocks_free
create gap name=big mem=64M -- role=full
until big.pt_l1 >= 15000
create gap name=other mem=16M -- role=look
destroy big
wait other running
wait other gone
# One ends by itself, while others compute as it does.
create gap name=big mem=64M -- role=full end
until big.pt_l1 >= 12000
create gap name=other mem=16M -- role=look ms=2000
wait big gone
wait other running
wait other gone
expect machine.blocks_free = $before
audit
