# SPDX-License-Identifier: MIT
#! HOSTMEM=256M
# Four that run each other, each behind `try`, in loops: as deep as they may, with
# what needs the most stack at the end. (There are no images: nothing is refused.)
for A in 1 2
try run deep2
expect machine.images = $refused
done
