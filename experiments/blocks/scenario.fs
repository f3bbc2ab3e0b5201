# SPDX-License-Identifier: MIT
#! ICOUNT=1 HOSTMEM=256M HVARGS=loglevel=quiet
create keep name=web mem=64M -- name=web work=1000000
wait web 64M
until web.superpage_maps >= 31
for MIB in 32 48 56 # FULL: 60 62
balloon web ${MIB}M
wait web ${MIB}M
record out mib=$MIB large=web.superpage_maps
balloon web 64M
wait web 64M
done
