# SPDX-License-Identifier: MIT
#! CPU=Haswell,-pcid,+pdpe1gb HOSTMEM=3200M HVARGS=debug
# As misuse.fs, with a page of 1 GiB: private, and forked. The machine has two GiB
# that are whole, for the first is where the kernel lies.
note before machine.blocks_free
create vmlinuz name=other mem=96M -- console=hvc0 quiet test=tick
until other.hypercalls >= 20000 60
create vmlinuz name=gigabyte mem=2200M pse=late -- console=hvc0 quiet oops=panic thp=never test=large,anon,log,off deeds=gigabyte
wait gigabyte gone 200
audit
sleep 2
ask poweroff other
wait other gone 60
expect machine.blocks_free = $before
audit
