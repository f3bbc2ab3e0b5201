# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug
# The image is sound, but this processor is not enough for it.
note free machine.blocks_free
receive travel 300
fails "this processor lacks pclmulqdq" restore travel
drop travel
expect machine.blocks_free = $free
expect machine.domains = 1
audit
