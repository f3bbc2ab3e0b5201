/* SPDX-License-Identifier: MIT */
/*
 * apic.c: SDM vol. 3, chapter 11. Registers are reached through memory, or by
 * MSR where the firmware has already switched to x2APIC mode, out of which
 * there is no way back without a reset.
 */
#include "hv/dev/apic.h"

#include "hv/arch/cpu.h"
#include "hv/arch/paging.h"
#include "hv/arch/panic.h"
#include "hv/arch/x86.h"
#include "hv/dev/clock.h"
#include "hv/dev/pic.h"

enum {
    REG_VERSION = 0x030,
    REG_TPR = 0x080,
    REG_EOI = 0x0b0,
    REG_SVR = 0x0f0,
    REG_LVT_TIMER = 0x320,
    REG_LVT_THERMAL = 0x330,
    REG_LVT_PERF = 0x340,
    REG_LVT_LINT0 = 0x350,
    REG_LVT_LINT1 = 0x360,
    REG_LVT_ERROR = 0x370,
    REG_TIMER_INITIAL = 0x380,
    REG_TIMER_CURRENT = 0x390,
    REG_TIMER_DIVIDE = 0x3e0,
};

#define BASE_ENABLE  BIT(11)
#define BASE_X2APIC  BIT(10)
#define SVR_ENABLE   0x100u
#define LVT_MASKED   0x10000u
#define LVT_NMI      0x400u
#define LVT_EXTINT   0x700u
#define LVT_DEADLINE 0x40000u
#define DIVIDE_BY_16 0x3u
#define MSR_X2APIC   0x800u

static volatile uint32_t *mmio;
static bool x2apic;

static uint32_t read_reg(unsigned reg)
{
    if (x2apic)
        return (uint32_t)x86_rdmsr(MSR_X2APIC + reg / 16);
    return mmio[reg / 4];
}

static void write_reg(unsigned reg, uint32_t v)
{
    if (x2apic)
        x86_wrmsr(MSR_X2APIC + reg / 16, v);
    else
        mmio[reg / 4] = v;
}

static void enable(uint64_t base)
{
    uint64_t msr = x86_rdmsr(MSR_APIC_BASE);

    x2apic = msr & BASE_X2APIC;
    x86_wrmsr(MSR_APIC_BASE, msr | BASE_ENABLE);
    if (x2apic)
        return;
    if (!base)
        base = msr & BITS(51, 12);
    mmio = paging_map_mmio(maddr_of(base), PAGE_SIZE);
    if (!mmio)
        panic("no room to map the local APIC");
}

void apic_init(uint64_t base)
{
    unsigned max_lvt;

    pic_init();
    enable(base);
    max_lvt = read_reg(REG_VERSION) >> 16 & 0xff;
    write_reg(REG_LVT_TIMER, LVT_MASKED | APIC_TIMER_VECTOR);
    write_reg(REG_LVT_LINT0, LVT_MASKED);
    write_reg(REG_LVT_LINT1, LVT_NMI);
    write_reg(REG_LVT_ERROR, LVT_MASKED);
    if (max_lvt >= 4)
        write_reg(REG_LVT_PERF, LVT_MASKED);
    if (max_lvt >= 5)
        write_reg(REG_LVT_THERMAL, LVT_MASKED);
    write_reg(REG_TPR, 0);
    write_reg(REG_SVR, SVR_ENABLE | APIC_SPURIOUS_VECTOR);
    write_reg(REG_TIMER_DIVIDE, DIVIDE_BY_16);
    write_reg(REG_TIMER_INITIAL, 0);
    while (read_reg(REG_TIMER_CURRENT))
        x86_pause();
}

void apic_pass_pic(void)
{
    write_reg(REG_LVT_LINT0, LVT_EXTINT);
}

void apic_eoi(void)
{
    write_reg(REG_EOI, 0);
}

void apic_timer_count_start(void)
{
    write_reg(REG_TIMER_INITIAL, UINT32_MAX);
}

uint32_t apic_timer_count_left(void)
{
    return read_reg(REG_TIMER_CURRENT);
}

void apic_timer_init(bool counts)
{
    write_reg(REG_TIMER_INITIAL, 0);
    if (cpu_features.tsc_deadline) {
        write_reg(REG_LVT_TIMER, LVT_DEADLINE | APIC_TIMER_VECTOR);
        /* Orders the mode before the first deadline (SDM vol. 3, 11.5.4.1). */
        __asm__ volatile("mfence" : : : "memory");
        return;
    }
    if (!counts)
        panic("the local APIC timer does not count");
    write_reg(REG_LVT_TIMER, APIC_TIMER_VECTOR);
}

/* In either mode the deadline is the same TSC. */
void apic_timer_set(uint64_t deadline_ns)
{
    uint64_t due = deadline_ns ? clock_tsc_of_ns(deadline_ns) : CPU_NEVER_DUE;

    this_cpu()->timer_due = due;
    if (cpu_features.tsc_deadline)
        x86_wrmsr(MSR_TSC_DEADLINE, deadline_ns ? due : 0);
    else
        write_reg(REG_TIMER_INITIAL,
                  deadline_ns ? clock_apic_ticks(due, x86_rdtsc()) : 0);
}
