# SPDX-License-Identifier: MIT
#! ICOUNT=1 HOSTMEM=4G HVARGS=loglevel=quiet TIMEOUT=3000
# A saved domain comes back, over its size: with all of its blocks whole, and,
# where none is, under each policy; then what healing it takes. Last, one of 32 MiB
# that maps its memory in several address spaces, with a vCPU in each.
for MIB in 16 32 64 128 256 # FULL: 512 1024
create keep name=web mem=${MIB}M -- name=web work=1000000
until web.superpage_maps >= 1
ask suspend web
wait web suspended 600
note large web.superpage_maps
note start machine.ticks
save web saved
record save mib=$MIB large=$large ticks=machine.ticks-$start
destroy web

note start machine.ticks
restore saved fail as web
note back machine.ticks
until web.restores >= 1 600
ask suspend web
wait web suspended 600
record came mib=$MIB policy=whole refused=0 before=$large after=web.superpage_maps clock_ticks=$back-$start layout_ticks=web.hv_ticks own_ticks=web.own_ticks hv_l1=web.hv_l1 own_l1=web.own_l1
destroy web

for POLICY in fail guest shatter
fill 0
frag $MIB
expect machine.blocks_free <= machine.reserve
note start machine.ticks
try restore saved $POLICY as web
note back machine.ticks
note no $refused
try until web.restores >= 1 600
# Once it can be asked again it has done what the policy leaves to it.
try ask suspend web
try wait web suspended 600
record came mib=$MIB policy=$POLICY refused=$no before=$large after=web.superpage_maps clock_ticks=$back-$start layout_ticks=web.hv_ticks own_ticks=web.own_ticks hv_l1=web.hv_l1 own_l1=web.own_l1
drain all
note start machine.ticks
try relocate web
record heal mib=$MIB policy=$POLICY refused=$refused large=web.superpage_maps clock_ticks=machine.ticks-$start
try destroy web
done
drop saved
done

for SPACES in 0 1 3 # FULL: 7
for HELPERS in 0 3
create keep name=many mem=32M vcpus=4 -- name=many work=1000000 spaces=$SPACES helpers=$HELPERS
until many.superpage_maps >= 1
ask suspend many
wait many suspended 600
note large many.superpage_maps
save many saved
destroy many
note start machine.ticks
restore saved fail as many
note back machine.ticks
until many.restores >= 1 600
ask suspend many
wait many suspended 600
record shape spaces=$SPACES helpers=$HELPERS policy=whole before=$large after=many.superpage_maps clock_ticks=$back-$start layout_ticks=many.hv_ticks own_ticks=many.own_ticks hv_l1=many.hv_l1 own_l1=many.own_l1 l4=many.pt_l4 relocate_ticks=0
destroy many
for POLICY in guest shatter
fill 0
frag 33
note start machine.ticks
restore saved $POLICY as many
note back machine.ticks
until many.restores >= 1 600
ask suspend many
wait many suspended 600
note after many.superpage_maps
note layout many.hv_ticks
note hv_l1 many.hv_l1
drain all
note relocate machine.ticks
relocate many
record shape spaces=$SPACES helpers=$HELPERS policy=$POLICY before=$large after=$after clock_ticks=$back-$start layout_ticks=$layout own_ticks=many.own_ticks hv_l1=$hv_l1 own_l1=many.own_l1 l4=many.pt_l4 relocate_ticks=machine.ticks-$relocate
destroy many
done
drop saved
done
done
