# SPDX-License-Identifier: MIT
#! HOSTMEM=1G HVARGS=debug
# The kernel of guest/linux with 32 MiB of large pages of a process's own, which it
# writes, forks with and looks at again and again, while it is suspended, resumed,
# relocated, saved, destroyed and restored, and its balloon takes the rest, on two
# vCPUs. Stock Linux with files and shared hugetlb: huge.fs.
note before machine.blocks_free
create vmlinuz name=linux mem=192M vcpus=2 pse=late -- console=hvc0 oops=panic thp=always test=large,own
until linux.superpage_maps >= 16 200
sleep 3
ask suspend linux
wait linux suspended 60
expect linux.superpage_maps >= 16
resume linux
sleep 2
ask suspend linux
wait linux suspended 60
relocate linux
resume linux
sleep 2
balloon linux 128M
wait linux 128M 60
sleep 2
balloon linux 192M
wait linux 192M 60
ask suspend linux
wait linux suspended 60
save linux one
expect linux.superpage_maps >= 16
expect linux.super_refused = 0
destroy linux
wait linux gone 60
# Whole or not at all, whatever is said here.
restore one shatter as again
sleep 3
expect again.superpage_maps >= 16
ask poweroff again
wait again gone 60
drop one
expect machine.blocks_free = $before
audit
