# SPDX-License-Identifier: MIT
#! ICOUNT=1 HOSTMEM=256M HVARGS=loglevel=quiet TIMEOUT=3000
# Eight guests of 16 MiB, of which some use and balloon 4 KiB pages and know of
# nothing else, the others 2 MiB. All give back a quarter. Then others come, of
# 6 MiB by large pages or not at all, and of 4 MiB by single frames, for as long as
# there is room.
for RELINQUISH in keep cut
policy relinquish=$RELINQUISH
for SMALL in "" "1" "1 2" "1 2 3" "1 2 3 4" "1 2 3 4 5" "1 2 3 4 5 6" "1 2 3 4 5 6 7" "1 2 3 4 5 6 7 8"
note before machine.blocks_free
note small 0
for G in 1 2 3 4 5 6 7 8
create keep name=g$G mem=16M -- name=g$G work=1000000 heal=no
done
for G in $SMALL
note small $G
destroy g$G
create keep name=g$G mem=16M superpages=off -- name=g$G data=small balloon=small ring=no work=1000000
done
for G in 1 2 3 4 5 6 7 8
wait g$G 16M
done
# Nothing is to be had but what is given back.
fill 0
note free machine.blocks_free
for G in 1 2 3 4 5 6 7 8
balloon g$G 12M
wait g$G 12M 60
done
record back relinquish=$RELINQUISH small=$small blocks=machine.blocks_free-$free shared_free=machine.shared_free
for G in 1 2 3 4 5 6 7 8
record guest relinquish=$RELINQUISH small=$small large=g$G.superpage_maps holes=g$G.holes
done
for N in 1 2 3 4 5
try create keep name=new$N mem=6M superpages=require -- name=new$N work=1000000
record big relinquish=$RELINQUISH small=$small refused=$refused
try until new$N.superpage_maps >= 2
record new relinquish=$RELINQUISH small=$small large=new$N.superpage_maps
done
for N in 1 2 3 4 5 6 7 8
try create keep name=lit$N mem=4M superpages=off -- name=lit$N data=small ring=no work=1000000
record little relinquish=$RELINQUISH small=$small refused=$refused
done
for G in 1 2 3 4 5 6 7 8
destroy g$G
done
# The eight are gone; of what they held, blocks that the new ones are in are not.
record gone relinquish=$RELINQUISH small=$small blocks=machine.blocks_free-$free shared_blocks=machine.shared_blocks shared_free=machine.shared_free
for G in 1 2 3 4 5 6 7 8
try destroy lit$G
done
for N in 1 2 3 4 5
try destroy new$N
done
drain all
expect machine.blocks_free = $before
done
done
