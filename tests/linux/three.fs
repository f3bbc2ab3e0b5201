# SPDX-License-Identifier: MIT
#! HOSTMEM=1G HVARGS=debug
# Three Linux guests at once on one processor. One is killed while it works; the
# others do not notice, and every block is free again.
note before machine.blocks_free
create vmlinuz name=one mem=128M -- console=hvc0 quiet test=fork,log,off fork=40
create vmlinuz name=two mem=128M relinquish=cut -- console=hvc0 quiet test=fork,log,off fork=40
create vmlinuz name=killed mem=128M -- console=hvc0 quiet test=fork fork=1000000
# To come up takes it fewer.
until killed.hypercalls >= 100000 600
destroy killed
wait one gone 600
wait two gone 600
expect machine.blocks_free = $before
audit
