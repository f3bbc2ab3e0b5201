# SPDX-License-Identifier: MIT
#! HOSTMEM=1G HVARGS=debug
# Two Linux guests at once under stress-ng's memory stressors, for two minutes
# (INITRD: tests/linux/prepare stress-ng makes it); then everything is audited
# and every block is free again.
note before machine.blocks_free
create vmlinuz name=one mem=320M -- console=hvc0 quiet test=stress,log,off seconds=120
create vmlinuz name=two mem=320M relinquish=cut -- console=hvc0 quiet test=stress,log,off seconds=120
wait one gone 900
wait two gone 900
expect machine.blocks_free = $before
audit
