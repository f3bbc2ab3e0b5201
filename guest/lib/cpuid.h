/* SPDX-License-Identifier: MIT */
/* cpuid.h: what the hypervisor answers, whatever the processor does. */
#pragma once

#include <stdint.h>

#include "xen/arch-x86_64.h"

struct cpuid {
    uint32_t a, b, c, d;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
    struct cpuid r;
    __asm__ volatile(XEN_EMULATE_PREFIX "cpuid"
                     : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
                     : "0"(leaf), "2"(sub));
    return r;
}
