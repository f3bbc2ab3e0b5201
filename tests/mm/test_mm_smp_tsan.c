/* SPDX-License-Identifier: MIT */
/* test_mm_smp_tsan.c: the same under TSan, for not so long. */
#define ROUNDS 6
#include "test_mm_smp.c"
