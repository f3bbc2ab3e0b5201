# SPDX-License-Identifier: MIT
#! HOSTMEM=1G HVARGS=debug
# The other end of migrate.fs: a machine on which none of it has ever been.
note before machine.blocks_free
receive travel 90
check travel
restore travel as linux
expect last.large_after = last.large_before
expect linux.superpage_maps >= 48
sleep 5
expect linux.superpage_maps >= 48
expect linux.super_refused = 0
ask poweroff linux
wait linux gone 60
drop travel
expect machine.blocks_free = $before
audit
