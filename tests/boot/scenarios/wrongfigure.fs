# SPDX-License-Identifier: MIT
echo started
expect machine.blokcs = 1
