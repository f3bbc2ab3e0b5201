/* SPDX-License-Identifier: MIT */
/*
 * stop.c: by NMI, for nothing else comes to a CPU whose interrupts are off.
 * Invariant: at most one CPU gets beyond stop_others(). It may be called at any
 * moment, so it is known by the stack who calls, not by GS.
 */
#include "hv/arch/stop.h"

#include <stdatomic.h>

#include "hv/arch/cpu.h"
#include "hv/arch/lapic.h"
#include "hv/arch/x86.h"
#include "hv/base/log.h"

#define WAIT_LOOPS 10000000

static _Atomic uint32_t ender; /* 1 + its id; 0: nobody ends the machine */
static unsigned asked;         /* by it */
static _Atomic unsigned stopped;
static _Atomic bool has_stopped[CPU_MAX]; /* who has been counted */

/* On a stack that is nobody's: early in the boot, when there is but one. */
static uint32_t self(void)
{
    const struct percpu *p = cpu_by_stack((uint64_t)__builtin_frame_address(0));

    return p ? p->id + 1 : 1;
}

void stop_others(void)
{
    uint32_t me = self(), by = 0;

    if (!atomic_compare_exchange_strong(&ender, &by, me)) {
        stop_if_asked(); /* an NMI may not come: this may be one */
        return;
    }
    for (unsigned i = 0; i < cpu_count; i++) {
        if (i + 1 == me)
            continue;
        lapic_send_nmi(cpu_of(i)->apic_id);
        asked++;
    }
    for (int i = 0; i < WAIT_LOOPS && stopped < asked; i++)
        x86_pause();
}

void stop_if_asked(void)
{
    const uint32_t by = ender, me = self();

    if (!by || by == me)
        return;
    if (!atomic_exchange(&has_stopped[me - 1], true))
        stopped++;
    x86_halt_forever();
}

void stop_report(void)
{
    if (stopped < asked)
        log_say("of %u other processors %u do not stop", asked,
                asked - stopped);
    else if (asked)
        log_debug("of %u other processors all have stopped", asked);
}
