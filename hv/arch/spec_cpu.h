/* SPDX-License-Identifier: MIT */
/* spec_cpu.h: what hv/arch/spec.h decides, for this machine's processors. */
#pragma once

#include "hv/arch/spec.h"
#include "hv/arch/x86.h"

#define MSR_PRED_CMD  0x49u
#define PRED_CMD_IBPB 1u

extern struct spec_policy spec_policy;

/*
 * On the boot CPU, with an IDT and options: looks, decides, says so in a line
 * (with spec=tell in one more for each flaw), and does here what is to be done.
 */
void spec_init(void);
/* The same on another CPU, the only one that runs then, without a word. */
void spec_start(void);
/* Once all are up: has any of them another microcode, or refused something? */
void spec_say_unlike(void);

/* Another domain than the last one is about to run here. */
static inline void spec_other_domain(void)
{
    if (unlikely(spec_policy.ibpb))
        x86_wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
}
