/* SPDX-License-Identifier: MIT */
/* test_save_smp_tsan.c: the same under TSan, for not so long. */
#define SAVES 20u
#define MOVES 3u
#include "test_save_smp.c"
