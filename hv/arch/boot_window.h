/* SPDX-License-Identifier: MIT */
/*
 * boot_window.h: any machine address through the boot tables, for reading what
 * the firmware left, before paging_init().
 */
#pragma once

#include "base.h"

/*
 * len bytes at pa, readable until paging_init(); NULL: the processor has no
 * such address, or too much has been asked for.
 */
const uint8_t *boot_window(uint64_t pa, uint64_t len);
