# SPDX-License-Identifier: MIT
#! ICOUNT=1 HOSTMEM=256M HVARGS=loglevel=quiet TIMEOUT=3000
# Four guests that map all they can by large entries share what memory there is, and
# are ballooned up and down four times a day, out of step, by 4 KiB or by 2 MiB;
# they collapse what they can meanwhile, or not. Then there is room again: all grow
# to what they had, and are relocated.
for GRAIN in block small
for RELINQUISH in keep cut
for HEAL in no auto
policy relinquish=$RELINQUISH
note before machine.blocks_free
for G in 1 2 3 4
create keep name=g$G mem=24M -- name=$GRAIN-$RELINQUISH-$HEAL balloon=$GRAIN heal=$HEAL work=1000000 seed=$G
wait g$G 24M
until g$G.superpage_maps >= 11
record guest grain=$GRAIN relinquish=$RELINQUISH heal=$HEAL day=0 guest=$G large=g$G.superpage_maps holes=g$G.holes frames=g$G.tot_pages
done
fill 0
note free machine.blocks_free
for DAY in 1 2 3 4 5 6 7 # FULL: 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28
for STEP in "g1 18M" "g2 14M" "g3 20M" "g4 16M" "g1 22M" "g2 10M" "g3 14M" "g4 24M" "g3 10M" "g1 12M" "g2 20M" "g4 18M" "g1 16M" "g3 18M" "g4 14M" "g2 18M"
balloon $STEP
wait $STEP 60
done
for G in 1 2 3 4
record guest grain=$GRAIN relinquish=$RELINQUISH heal=$HEAL day=$DAY guest=$G large=g$G.superpage_maps holes=g$G.holes frames=g$G.tot_pages
done
record machine grain=$GRAIN relinquish=$RELINQUISH heal=$HEAL day=$DAY blocks=machine.blocks_free-$free shared_free=machine.shared_free
done
drain all
for G in 1 2 3 4
balloon g$G 24M
wait g$G 24M 60
sleep 1
note scattered g$G.blocks_whole
ask suspend g$G
wait g$G suspended 60
note start machine.ticks
relocate g$G
note end machine.ticks
resume g$G
sleep 1
record healed grain=$GRAIN relinquish=$RELINQUISH heal=$HEAL guest=$G whole_before=$scattered whole=g$G.blocks_whole large=g$G.superpage_maps frames=g$G.tot_pages relocate_ticks=$end-$start
done
for G in 1 2 3 4
destroy g$G
done
expect machine.blocks_free = $before
done
done
done
