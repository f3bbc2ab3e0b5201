# SPDX-License-Identifier: MIT
# See deep.fs.
for B in 1
try run deep3
expect machine.images = $refused
done
