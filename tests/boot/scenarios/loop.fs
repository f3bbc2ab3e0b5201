# SPDX-License-Identifier: MIT
echo started
run loop
