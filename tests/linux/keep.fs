# SPDX-License-Identifier: MIT
#! HOSTMEM=1200M HVARGS=debug ICOUNT=1
# Debian's Linux under relinquish=keep: what its own balloon driver, which gives
# single frames back, leaves in whole blocks; cut.fs is the other policy. A
# program in it keeps transactions of the store open meanwhile: it hears of its
# targets, and that it shall power off, all the same.
note before machine.blocks_free
create vmlinuz name=linux mem=512M relinquish=keep -- console=hvc0 test=hold,tick
sleep 8
note running machine.blocks_free
balloon linux 256M
wait linux 256M 60
stat linux
stat
expect machine.shared_free = 0
balloon linux 512M
wait linux 512M 60
stat linux
ask poweroff linux
wait linux gone 20
expect machine.blocks_free = $before
audit
