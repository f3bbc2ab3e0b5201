# SPDX-License-Identifier: MIT
#! HOSTMEM=256M
# It has to be ended, and by the clock: nothing in it computes.
sleep 1000
