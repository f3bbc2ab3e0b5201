# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug TIMEOUT=120
storm 500 1
