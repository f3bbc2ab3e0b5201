# SPDX-License-Identifier: MIT
#! HOSTMEM=128M HVARGS=debug TIMEOUT=120
storm 250 1
