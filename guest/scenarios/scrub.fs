# SPDX-License-Identifier: MIT
#! HOSTMEM=256M ICOUNT=1
# Idle time scrubs what is free, although somebody wakes up each few milliseconds
# (the control guest looks at its console), and says how fast it does, and what
# is left: what a processor keeps at hand.
until machine.scrubs >= 80
until machine.dirty <= 32
expect machine.scrub_mib_s >= 1000
