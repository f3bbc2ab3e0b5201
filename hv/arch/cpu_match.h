/* SPDX-License-Identifier: MIT */
/*
 * cpu_match.h: is another processor as the boot CPU? Guests move between them,
 * and what the hypervisor found out about one it takes for all.
 */
#pragma once

#include "base.h"

struct cpu_mismatch {
    uint32_t leaf, sub;
    const char *reg;
    uint32_t here, boot;
};

/* On the boot CPU: what all others have to be. */
void cpu_match_record(void);
/* On another: true, or the first thing that differs. */
bool cpu_match(struct cpu_mismatch *m);
