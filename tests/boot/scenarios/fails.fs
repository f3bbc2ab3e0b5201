# SPDX-License-Identifier: MIT
# An expectation that does not hold ends the scenario, and the run, badly.
expect machine.domains = 1
expect machine.domains = 7
echo not reached
