# SPDX-License-Identifier: MIT
#! ICOUNT=1 HOSTMEM=256M TIMEOUT=120 HVARGS=loglevel=quiet
# What becomes of large mappings when a domain is saved and has to be restored
# where no 2 MiB block is free, under each policy, and how it gets them back.

echo
echo A keeper of 32 MiB maps its memory by 2 MiB entries and fills it with a
echo pattern. It looks at every byte again whenever it has been restored.
create keep name=life mem=32M -- name=life
until life.superpage_maps >= 14
ask suspend life
wait life suspended
note large life.superpage_maps
save life saved
destroy life

echo
echo With whole blocks free a restore finds everything large.
restore saved fail as plain
until plain.superpage_maps = $large
tally plain
ask poweroff plain
wait plain gone

echo
echo Now the machine is full but for every other frame of 40 blocks: there is
echo room enough, but not one whole block.
fill 0
frag 40
expect machine.blocks_free <= machine.reserve

echo
echo restore=fail: the domain does not come back, and nothing has changed.
note frames machine.shared_free
fails "restore=fail needs 15 whole blocks, there are 0" restore saved fail as never
expect machine.shared_free = $frames

echo
echo restore=guest: it gets a list of what is missing, and remaps with level-1
echo tables of its own before it goes on. Its large mappings are gone.
restore saved guest as byguest
until byguest.own_l1 >= $large
expect byguest.superpage_maps = 0
echo It sleeps while the blocks come back, is relocated, and collapses
echo what lies together now.
ask suspend byguest
wait byguest suspended
drain all
relocate byguest
resume byguest
until byguest.superpage_maps = $large
tally byguest
ask poweroff byguest
wait byguest gone

echo
echo restore=shatter: the hypervisor supplies the level-1 tables. The domain does
echo not execute a line for it, and is told.
fill 0
frag 40
expect machine.blocks_free <= machine.reserve
restore saved shatter as shattered
expect last.shattered = $large
until shattered.events >= $large
expect shattered.own_l1 = 0
expect shattered.ranges_shattered = $large
ask suspend shattered
wait shattered suspended
drain all
relocate shattered
expect last.large_after = $large
resume shattered
until shattered.superpage_maps = $large
expect shattered.ranges_shattered = 0
tally shattered
ask poweroff shattered
wait shattered gone
drop saved

echo
echo A kernel whose own text and data are mapped large could not run the code
echo that would put them back. It does not have to: it runs, and is told.
create keep-large name=text mem=16M -- name=text text=large
until text.superpage_maps >= 5
ask suspend text
wait text suspended
note large text.superpage_maps
save text saved
destroy text
fill 0
frag 24
expect machine.blocks_free <= machine.reserve
restore saved shatter as text
until text.events >= $large
expect text.ranges_shattered = $large
expect text.superpage_maps = 0
echo When blocks are free again it heals itself, without going to sleep.
drain all
until text.superpage_maps = $large
tally text
ask poweroff text
wait text gone
drop saved

table
