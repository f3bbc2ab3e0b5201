# SPDX-License-Identifier: MIT
#! ICOUNT=1 HOSTMEM=256M HVARGS=loglevel=quiet TIMEOUT=3000
# The same day under each combination of policies. One guest gives back a quarter by
# single frames, a second is saved, a third comes and takes blocks of the second's
# place; the second is restored where few whole blocks are left. 24 blocks are free
# at the start, of which the reserve is kept, and single frames of 44 others. Before
# all that one gives back two blocks of its four and takes them again, three times,
# with no idle time between: what `reuse` is about.
for SUPERPAGES in require prefer off
for RELINQUISH in keep cut
for RESERVE in 2 12
for RESTORE in fail guest shatter
for REUSE in on off
policy superpages=$SUPERPAGES relinquish=$RELINQUISH reserve=2 restore=$RESTORE reuse=$REUSE
note before machine.blocks_free
fill 22
frag 44
policy reserve=$RESERVE
note reused machine.unscrubbed
note waited machine.scrubs_waited
note start machine.ticks
create keep name=churn mem=8M -- name=churn-$REUSE cycle=4 rounds=3 work=1 heal=no
wait churn gone 60
record churn superpages=$SUPERPAGES relinquish=$RELINQUISH reserve=$RESERVE restore=$RESTORE reuse=$REUSE reused=machine.unscrubbed-$reused waited=machine.scrubs_waited-$waited ticks=machine.ticks-$start
try create keep name=first mem=16M -- name=first balloon=small ring=no work=1000000
note no_first $refused
try wait first 16M 60
try create keep name=second mem=24M -- name=second work=1000000 heal=no
note no_second $refused
try wait second 24M 60
sleep 1
try balloon first 12M
try wait first 12M 60
try ask suspend second
try wait second suspended 60
try save second saved
try destroy second
try create keep name=third mem=16M -- name=third work=1000000
note no_third $refused
try wait third 16M 60
note start machine.ticks
try restore saved
note end machine.ticks
note no_back $refused
try until second.restores >= 1 60
try ask suspend second
try wait second suspended 60
record day superpages=$SUPERPAGES relinquish=$RELINQUISH reserve=$RESERVE restore=$RESTORE reuse=$REUSE no_second=$no_second no_third=$no_third no_back=$no_back large_second=second.superpage_maps large_third=third.superpage_maps holes=first.holes single=machine.shared_free blocks=machine.blocks_free hv_ticks=second.hv_ticks own_ticks=second.own_ticks clock_ticks=$end-$start reused=machine.unscrubbed-$reused waited=machine.scrubs_waited-$waited
try destroy first
try destroy second
try destroy third
try drop saved
drain all
expect machine.blocks_free = $before
done
done
done
done
done
