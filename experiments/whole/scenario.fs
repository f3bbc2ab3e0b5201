# SPDX-License-Identifier: MIT
#! ICOUNT=1 HOSTMEM=2G HVARGS=loglevel=quiet TIMEOUT=3000
# A domain of 64 MiB comes back where so many whole blocks are free, and single
# frames enough for the rest. Then one of 32 MiB that maps its memory in four address
# spaces, with a vCPU in each.
for MIB in 64 # FULL: 256
create keep name=web mem=${MIB}M -- name=web work=1000000
until web.superpage_maps >= 1
ask suspend web
wait web suspended 600
note large web.superpage_maps
save web saved
destroy web
for POLICY in fail guest shatter
for WHOLE in 0 4 8 12 16 20 24 28 32 # FULL: 64 96 112 128
fill $WHOLE
frag $MIB
note start machine.ticks
try restore saved $POLICY as web
note back machine.ticks
note no $refused
try until web.restores >= 1 600
try ask suspend web
try wait web suspended 600
record came mib=$MIB policy=$POLICY whole=$WHOLE refused=$no before=$large after=web.superpage_maps clock_ticks=$back-$start layout_ticks=web.hv_ticks own_ticks=web.own_ticks own_l1=web.own_l1 hv_l1=web.hv_l1
try destroy web
drain all
done
done
drop saved
done

create keep name=many mem=32M vcpus=4 -- name=many work=1000000 spaces=3 helpers=3
until many.superpage_maps >= 1
ask suspend many
wait many suspended 600
note large many.superpage_maps
save many saved
destroy many
for POLICY in guest shatter
for WHOLE in 0 4 8 12 16
fill $WHOLE
frag 33
note start machine.ticks
restore saved $POLICY as many
note back machine.ticks
until many.restores >= 1 600
ask suspend many
wait many suspended 600
record many mib=32 policy=$POLICY whole=$WHOLE before=$large after=many.superpage_maps clock_ticks=$back-$start layout_ticks=many.hv_ticks own_ticks=many.own_ticks own_l1=many.own_l1 hv_l1=many.hv_l1
destroy many
drain all
done
done
drop saved
