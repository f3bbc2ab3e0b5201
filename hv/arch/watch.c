/* SPDX-License-Identifier: MIT */
/*
 * watch.c: a question by the mailbox (hv/arch/ipi.h), which a CPU serves in a
 * guest, asleep, and while it waits for a lock: what takes longer looks at it,
 * too (cpu_preempt()). So one that does not is stuck, with interrupts off.
 *
 * Invariants: `silent` counts rounds, not time: where the whole machine stood
 * still, as one that is a guest itself may, that is one round for who looks,
 * too. Nothing here takes a lock: who is stuck may have any of them.
 */
#include "hv/arch/watch.h"

#include <stdatomic.h>

#include "hv/arch/ipi.h"
#include "hv/arch/lapic.h"
#include "hv/arch/panic.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"

#define NMI_LOOPS 100000000 /* for its registers; seconds */

static struct {
    _Atomic unsigned asked, answered;
    unsigned silent; /* rounds that the last question is old */
    _Atomic bool accused;
} of[CPU_MAX];

static unsigned seconds(void)
{
    return (unsigned)options.watchdog;
}

void watch_answer(void)
{
    const unsigned me = this_cpu()->id;

    of[me].answered = of[me].asked;
}

/* It is to say itself where it is; if not even an NMI gets there, we do. */
static void accuse(struct percpu *p)
{
    of[p->id].accused = true;
    lapic_send_nmi(p->apic_id);
    for (int i = 0; i < NMI_LOOPS; i++)
        x86_pause();
    panic("processor %u has not answered for %u s, and takes no NMI", p->id,
          seconds());
}

void watch_nmi(const struct regs *regs)
{
    const unsigned me = this_cpu()->id;

    if (!of[me].accused)
        return;
    panic_enter();
    log_say("processor %u has not answered for %u s; it was here:", me,
            seconds());
    panic_regs(regs, "watchdog");
}

static void look(struct percpu *p)
{
    if (of[p->id].answered != of[p->id].asked) {
        if (++of[p->id].silent >= seconds())
            accuse(p);
        return;
    }
    of[p->id].silent = 0;
    of[p->id].asked++;
    ipi_send(p, IPI_ALIVE);
}

void watch_round(void)
{
    const unsigned next = (this_cpu()->id + 1) % cpu_count;

    if (selftest_is(SELFTEST_HANG) && this_cpu()->id == cpu_count - 1)
        for (;;)
            x86_pause();
    if (options.watchdog && next != this_cpu()->id)
        look(cpu_of(next));
}
