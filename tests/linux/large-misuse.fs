# SPDX-License-Identifier: MIT
#! HOSTMEM=1G HVARGS=debug
# What misuse.fs has, one after the other on the kernel of guest/linux: none of it
# does it any harm, whether large pages of a process's own are permitted or not.
note before machine.blocks_free
create vmlinuz name=other mem=96M -- console=hvc0 quiet test=tick
until other.hypercalls >= 2000 60
create vmlinuz name=permitted mem=128M pse=late -- console=hvc0 quiet oops=panic thp=madvise test=large,anon,log,off deeds=write,fork,protect,unmap,forget,scan,collapse,move,private
wait permitted gone 200
audit
create vmlinuz name=never mem=128M pse=late -- console=hvc0 quiet oops=panic thp=never test=large,anon,log,off deeds=collapse,private
wait never gone 200
audit
sleep 2
ask poweroff other
wait other gone 60
expect machine.blocks_free = $before
audit
