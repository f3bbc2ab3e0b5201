# SPDX-License-Identifier: MIT
#! HOSTMEM=256M
# Long enough for the clock to be looked at twice (clock/drift).
sleep 3
