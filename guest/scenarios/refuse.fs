# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug
# What comes from another machine is no image that could be restored. WHY is what
# tests/boot/migrate puts in its place: what it has done to the image.
note free machine.blocks_free
fails "WHY" receive travel 60
expect machine.images = 0
expect machine.blocks_free = $free
expect machine.domains = 1
audit
