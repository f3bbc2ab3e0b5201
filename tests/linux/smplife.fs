# SPDX-License-Identifier: MIT
#! SMP=4 HOSTMEM=1200M HVARGS=debug
# Linux with four vCPUs on as many processors, of which all run something: it is
# suspended, saved, resumed, relocated, killed and restored, and goes on.
note before machine.blocks_free
create vmlinuz name=linux mem=256M vcpus=4 superpages=prefer -- console=hvc0 test=spin,tick
# To come up takes it fewer; the rest are of processes that come and go.
until linux.hypercalls >= 150000 240
sleep 3
ask suspend linux
wait linux suspended 120
save linux one
resume linux
sleep 2
ask suspend linux
wait linux suspended 120
relocate linux
resume linux
sleep 2
destroy linux
wait linux gone 20
restore one as again
sleep 3
ask poweroff again
wait again gone 120
drop one
expect machine.blocks_free = $before
audit
