# SPDX-License-Identifier: MIT
#! HOSTMEM=1G HVARGS=debug
# Stock Linux that is shown large pages (pse=late), on two vCPUs, when its balloon
# has given most of its memory back, frame by frame, and has taken it again: by
# all that a program can change them with; then one that has 96 MiB of them,
# hugetlb and files, and looks at every byte again and again, while it is
# suspended, resumed, saved, relocated, destroyed and restored, and while its
# balloon takes the rest. None is refused, for each page that comes back comes to
# its place; with relinquish=cut it is not so: refused.fs.
note before machine.blocks_free
create vmlinuz name=linux mem=320M vcpus=2 pse=late -- console=hvc0 transparent_hugepage=never test=scattered,huge,collapse,log,kept
balloon linux 128M
wait linux 128M 60
expect linux.blocks_whole < 120
sleep 6
balloon linux 320M
wait linux 320M 60
expect linux.blocks_whole >= 160
until linux.superpage_maps >= 48 200
sleep 2
ask suspend linux
wait linux suspended 60
resume linux
sleep 2
ask suspend linux
wait linux suspended 60
relocate linux
resume linux
sleep 2
balloon linux 224M
wait linux 224M 60
sleep 2
balloon linux 320M
wait linux 320M 60
ask suspend linux
wait linux suspended 60
save linux one
expect linux.superpage_maps >= 48
expect linux.super_refused = 0
destroy linux
wait linux gone 60
# Whole or not at all, whatever is said here.
restore one shatter as again
sleep 3
expect again.superpage_maps >= 48
ask poweroff again
wait again gone 60
drop one
expect machine.blocks_free = $before
audit
