/* SPDX-License-Identifier: MIT */
/*
 * apic.c: the timer of SDM vol. 3, 11.5.4. Invariant: it is in the same mode on
 * all CPUs, and masked until that is chosen.
 */
#include "hv/dev/apic.h"

#include "hv/arch/cpu.h"
#include "hv/arch/lapic.h"
#include "hv/arch/panic.h"
#include "hv/arch/x86.h"
#include "hv/dev/clock.h"
#include "hv/dev/pic.h"

#define LVT_DEADLINE 0x40000u
#define DIVIDE_BY_16 0x3u

static void stop(void)
{
    lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_16);
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    while (lapic_read(LAPIC_TIMER_CURRENT))
        x86_pause();
}

void apic_init(uint64_t base, bool x2apic_wanted)
{
    pic_init();
    lapic_enable(base, x2apic_wanted);
    lapic_setup();
    stop();
}

void apic_timer_count_start(void)
{
    lapic_write(LAPIC_TIMER_INITIAL, UINT32_MAX);
}

uint32_t apic_timer_count_left(void)
{
    return lapic_read(LAPIC_TIMER_CURRENT);
}

static void choose_mode(void)
{
    if (!cpu_features.tsc_deadline) {
        lapic_write(LAPIC_LVT_TIMER, LAPIC_TIMER_VECTOR);
        return;
    }
    lapic_write(LAPIC_LVT_TIMER, LVT_DEADLINE | LAPIC_TIMER_VECTOR);
    /* Orders the mode before the first deadline (11.5.4.1). */
    __asm__ volatile("mfence" : : : "memory");
}

void apic_timer_init(bool counts)
{
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    if (!counts && !cpu_features.tsc_deadline)
        panic("the local APIC timer does not count");
    choose_mode();
}

void apic_timer_setup(void)
{
    stop();
    choose_mode();
}

/* In either mode the deadline is the same TSC. */
void apic_timer_set(uint64_t deadline_ns)
{
    uint64_t due = deadline_ns ? clock_tsc_of_ns(deadline_ns) : CPU_NEVER_DUE;

    this_cpu()->timer_due = due;
    if (cpu_features.tsc_deadline)
        x86_wrmsr(MSR_TSC_DEADLINE, deadline_ns ? due : 0);
    else
        lapic_write(LAPIC_TIMER_INITIAL,
                    deadline_ns ? clock_apic_ticks(due, x86_rdtsc()) : 0);
}
