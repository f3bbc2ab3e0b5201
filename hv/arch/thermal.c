/* SPDX-License-Identifier: MIT */
/*
 * thermal.c: SDM vol. 3, 15.8.2 and 11.5.1. A firmware that has the interrupt
 * for itself, as an SMI, keeps it: then it is seen by looking.
 *
 * Invariant: the interrupt does no more than to look, and to look is to read an
 * MSR of this CPU's, so it may come wherever interrupts are taken.
 */
#include "hv/arch/thermal.h"

#include "hv/arch/cpu.h"
#include "hv/arch/idt.h"
#include "hv/arch/lapic.h"
#include "hv/arch/x86.h"
#include "hv/base/log.h"

#define CPUID_ACPI BIT(22) /* there are these two, ... */
#define CPUID_TM   BIT(29) /* ... and they slow down */

#define MSR_INTERRUPT 0x19bu
#define MSR_STATUS    0x19cu
#define WANTED        0x17u   /* hot, no more, PROCHOT, critical */
#define LOGS          0x2au   /* cleared by writing 0 */
#define LOGS_OTHERS   0xaa80u /* 7, 9, 11, 13, 15: a 1 leaves them */

/* Of each CPU. */
static struct {
    uint32_t seen; /* since the last line, or still */
    uint32_t now, said;
} of[CPU_MAX];

static bool there(void)
{
    const uint32_t both = CPUID_ACPI | CPUID_TM;

    return (x86_cpuid(1, 0).edx & both) == both;
}

static void on_interrupt(void)
{
    lapic_eoi();
    thermal_look();
}

void thermal_init(void)
{
    uint64_t wanted;

    if (!there() || !x86_rdmsr_safe(MSR_INTERRUPT, &wanted))
        return;
    idt_set_handler(LAPIC_THERMAL_VECTOR, on_interrupt);
    thermal_look();
    if (lapic_take_thermal())
        (void)x86_wrmsr_safe(MSR_INTERRUPT,
                             wanted | WANTED); /* or by looking */
}

/*
 * A 1 may fault in a bit that is read only or reserved: only logs are written,
 * and of these only such as are there, for they were 1.
 */
static void clear_logs(uint64_t status)
{
    if (status & LOGS)
        (void)x86_wrmsr_safe(MSR_STATUS, status & LOGS_OTHERS);
}

void thermal_look(void)
{
    const unsigned me = this_cpu()->id;
    struct thermal t;
    uint64_t status;

    if (!there() || !x86_rdmsr_safe(MSR_STATUS, &status))
        return;
    t = thermal_of(status);
    of[me].now = t.now;
    __atomic_fetch_or(&of[me].seen, t.been, __ATOMIC_RELAXED);
    clear_logs(status);
}

static void say(unsigned cpu)
{
    const uint32_t seen = __atomic_exchange_n(
        &of[cpu].seen, READ_ONCE(of[cpu].now), __ATOMIC_RELAXED);
    const uint32_t more = seen & ~of[cpu].said;
    char text[THERMAL_TEXT];

    thermal_text(text, more);
    if (more)
        log_say("processor %u: %s", cpu, text);
    else if (of[cpu].said && !seen)
        log_say("processor %u: neither too hot nor slowed down any more", cpu);
    of[cpu].said = seen;
}

void thermal_tick(void)
{
    for (unsigned i = 0; i < cpu_count; i++)
        say(i);
}
