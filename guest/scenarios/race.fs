# SPDX-License-Identifier: MIT
#! SMP=4 HOSTMEM=256M HVARGS=debug
# A frame of one domain that the other writes to, on processors of their own:
# it is a page table whenever nobody has it mapped writable.
create race name=lend mem=16M -- role=lend peer=3
create race name=borrow mem=16M vcpus=2 -- role=borrow peer=2
wait lend gone
wait borrow gone
audit
