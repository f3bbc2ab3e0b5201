/* SPDX-License-Identifier: MIT */
/* main.h: the entry from boot/header.asm. */
#pragma once

#include "base.h"

/* What CHANGELOG.md begins with; lint compares. Images and the hypercall have
 * versions of their own. */
#define FLAGSTONE_RELEASE "0.5.0"

noreturn_fn void hv_main(uint32_t mbi);
