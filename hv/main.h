/* SPDX-License-Identifier: MIT */
/* main.h: the entry from boot/header.asm. */
#pragma once

#include "base.h"

noreturn_fn void hv_main(uint32_t mbi);
