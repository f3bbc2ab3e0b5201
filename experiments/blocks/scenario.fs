# SPDX-License-Identifier: MIT
#! ICOUNT=1 HOSTMEM=256M HVARGS=loglevel=quiet
create keep name=web mem=64M -- name=web work=1000000
until web.superpage_maps >= 31
note before machine.blocks_free
for MIB in 32 48 56 # FULL: 60 62
balloon web ${MIB}M
wait web ${MIB}M
record out mib=$MIB large=web.superpage_maps freed=machine.blocks_free-$before
balloon web 64M
wait web 64M
done
# Asked to end it first says what the last step took.
ask poweroff web
wait web gone
