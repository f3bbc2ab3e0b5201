# SPDX-License-Identifier: MIT
#! ICOUNT=1 HOSTMEM=256M HVARGS=loglevel=quiet
# What can be seen of domains from outside. First what they do: hypercalls as
# they come, and what each takes of the processor; tests that run under a trace
# come to what they do without.

create keep name=big mem=16M -- name=big
until big.superpage_maps >= 6
trace big on
balloon big 12M
until big.mem = 12M
trace big off
expect big.cpu_ns > 0
top 2
fails "no domain named 'nobody'" trace nobody on
fails "big is not traced" trace big off
# Paused it does nothing; what it is told meanwhile it finds afterwards.
pause big
fails "big is paused" pause big
note calls big.hypercalls
note ran big.cpu_ns
balloon big 16M
fails "big is paused" ask poweroff big
sleep 2
expect big.hypercalls = $calls
expect big.cpu_ns = $ran
fails "cannot be paused" pause control
unpause big
fails "big is not paused" unpause big
until big.mem = 16M
ask poweroff big
wait big gone

create traps name=traps mem=32M
trace traps on
wait traps gone
trace traps off
fails "'traps' is gone, and what it did is no longer kept" trace traps off
create user name=user mem=32M
trace user on
wait user gone
create hostile name=hostile mem=32M
trace hostile 4
wait hostile gone

# Then what map, walk and who say of domains whose mappings are known: the keeper
# maps its memory linearly from 0xffffffff80000000 on, by large entries; one
# with data=small by small ones; and one that is restored where no block is
# free has tables of the hypervisor's in the place of the large entries.

create keep name=big mem=32M -- name=big
create keep name=small mem=16M -- name=small data=small
until big.superpage_maps >= 14
until small.pt_l1 >= 8
map
echo a large page, a small one, and an address that nothing maps
walk big 0xffffffff81000000
walk small 0xffffffff80800000
walk big 0xffffffff80100000
walk big 0x1000
fails "has no user page tables" walk big 0x1000 user
fails "800000000000 is no address" walk big 0x800000000000
fails "is the hypervisor's" walk big 0xffff800000000000
fails "big has vCPUs 0 to 0, not 7" walk big 0x1000 kernel 7
fails "no domain named 'nobody'" walk nobody 0x1000
regs big
fails "the registers of who asks" regs control
fails "big has vCPUs 0 to 0, not 1" regs big 1
who 0
who 0xffffffffff
echo blocks of both, some of them, and who maps a frame of each
for MFN in 0xa803 0xb003 0xb403 0xb803 0xbc03 0xcc03 0xd003 0xd403
who $MFN
done
note large big.superpage_maps
ask suspend big
wait big suspended
walk big 0xffffffff81000000
save big saved
destroy big
fill 0
frag 40
restore saved shatter as big
until big.events >= $large
walk big 0xffffffff81000000
map
