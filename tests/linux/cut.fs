# SPDX-License-Identifier: MIT
#! HOSTMEM=1200M HVARGS=debug ICOUNT=1
# Debian's Linux as a domain among others: what its own balloon driver, which
# gives single frames back, leaves in whole blocks; then the life of a domain.
note before machine.blocks_free
create vmlinuz name=linux mem=512M relinquish=cut -- console=hvc0 test=tick
sleep 8
note running machine.blocks_free
balloon linux 256M
wait linux 256M 60
stat linux
stat
ask suspend linux
wait linux suspended 20
save linux one
resume linux
sleep 3
balloon linux 512M
wait linux 512M 60
stat linux
heal linux
sleep 3
ask poweroff linux
wait linux gone 20
restore one as again
sleep 3
ask poweroff again
wait again gone 20
drop one
expect machine.blocks_free = $before
audit
