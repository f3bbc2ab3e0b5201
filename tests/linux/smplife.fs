# SPDX-License-Identifier: MIT
#! SMP=4 HOSTMEM=1200M HVARGS=debug
# Linux with four vCPUs on as many processors, of which all run something: it is
# left two of them, then one, and has three when it is suspended, saved, resumed,
# relocated, killed and restored; it goes on, and gets the fourth back.
note before machine.blocks_free
create vmlinuz name=linux mem=256M vcpus=4 superpages=prefer -- console=hvc0 test=spin,cpus,tick
# To come up takes it fewer; the rest are of processes that come and go.
until linux.hypercalls >= 150000 600
expect linux.vcpus_up = 4
fails "1 to 4 can be online, not 0" vcpus linux 0
fails "1 to 4 can be online, not 5" vcpus linux 5
fails "no domain named 'nobody'" vcpus nobody 1
vcpus linux 2
until linux.vcpus_up = 2 300
vcpus linux 1
until linux.vcpus_up = 1 300
vcpus linux 3
until linux.vcpus_up = 3 300
sleep 2
ask suspend linux
wait linux suspended 300
fails "linux does not run" vcpus linux 4
save linux one
resume linux
sleep 2
ask suspend linux
wait linux suspended 300
relocate linux
resume linux
sleep 2
destroy linux
wait linux gone 100
restore one as again
# It hears of its vCPUs again when its processes run again.
until again.hypercalls >= 20000 300
expect again.vcpus_target = 3
expect again.vcpus_up = 3
vcpus again 4
until again.vcpus_up = 4 300
# It runs on for a while, and is done with that processor before it ends.
sleep 3
ask poweroff again
wait again gone 300
drop one
expect machine.blocks_free = $before
audit
