# SPDX-License-Identifier: MIT
# See deep.fs.
for C in 1
try run deep4
expect machine.images = $refused
done
