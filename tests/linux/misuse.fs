# SPDX-License-Identifier: MIT
#! HOSTMEM=1G HVARGS=debug
# What a user without rights can do to Debian's kernel that is shown large pages
# (pse=late), each in a domain of its own: what tests/linux/anon.c has by name,
# where large pages of a process's own are permitted (thp=madvise) or not. Most
# of it is the end of that kernel, and nobody else's: another Linux goes on
# counting, every block is free again, and every count is right. The last one
# neither ends nor goes on (it waits for a lock that is none), so it is ended. The
# same on the kernel of guest/linux: large-misuse.fs.
note before machine.blocks_free
create vmlinuz name=other mem=96M -- console=hvc0 quiet test=tick
until other.hypercalls >= 20000 60
create vmlinuz name=write mem=128M pse=late -- console=hvc0 quiet oops=panic thp=madvise test=large,anon,log,off deeds=write
wait write gone 200
audit
create vmlinuz name=fork mem=128M pse=late -- console=hvc0 quiet oops=panic thp=madvise test=large,anon,log,off deeds=fork
wait fork gone 200
audit
create vmlinuz name=protect mem=128M pse=late -- console=hvc0 quiet oops=panic thp=madvise test=large,anon,log,off deeds=protect
wait protect gone 200
audit
create vmlinuz name=unmap mem=128M pse=late -- console=hvc0 quiet oops=panic thp=madvise test=large,anon,log,off deeds=unmap
wait unmap gone 200
audit
create vmlinuz name=forget mem=128M pse=late -- console=hvc0 quiet oops=panic thp=madvise test=large,anon,log,off deeds=forget
wait forget gone 200
audit
create vmlinuz name=scan mem=128M pse=late -- console=hvc0 quiet oops=panic thp=madvise test=large,anon,log,off deeds=scan
wait scan gone 200
audit
create vmlinuz name=collapse mem=128M pse=late -- console=hvc0 quiet oops=panic thp=never test=large,anon,log,off deeds=collapse
wait collapse gone 200
audit
create vmlinuz name=private mem=128M pse=late -- console=hvc0 quiet oops=panic thp=never test=large,anon,log,off deeds=private
create vmlinuz name=move mem=128M pse=late -- console=hvc0 quiet oops=panic thp=madvise test=large,anon,log,off deeds=move
wait move gone 200
sleep 10
stat private
destroy private
wait private gone 60
audit
sleep 2
ask poweroff other
wait other gone 60
expect machine.blocks_free = $before
audit
