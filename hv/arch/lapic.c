/* SPDX-License-Identifier: MIT */
/*
 * lapic.c: SDM vol. 3, chapter 11. Registers are reached through memory, or by
 * MSR where the firmware has already switched to x2APIC mode, out of which
 * there is no easy way back, or where it is wanted.
 *
 * Invariant: all CPUs are in the mode that was chosen on the boot CPU, at the
 * same address, so that one way of reading and writing is right for each.
 */
#include "hv/arch/lapic.h"

#include "hv/arch/cpu.h"
#include "hv/arch/paging.h"
#include "hv/arch/panic.h"
#include "hv/arch/x86.h"
#include "hv/base/log.h"

enum {
    REG_ID = 0x020,
    REG_VERSION = 0x030,
    REG_TPR = 0x080,
    REG_EOI = 0x0b0,
    REG_SVR = 0x0f0,
    REG_ICR = 0x300,
    REG_ICR_HIGH = 0x310,
    REG_LVT_THERMAL = 0x330,
    REG_LVT_PERF = 0x340,
    REG_LVT_LINT0 = 0x350,
    REG_LVT_LINT1 = 0x360,
    REG_LVT_ERROR = 0x370,
};

#define BASE_ENABLE  BIT(11)
#define BASE_X2APIC  BIT(10)
#define BASE_ADDRESS BITS(51, 12)
#define SVR_ENABLE   0x100u
#define LVT_MODE     0x700u
#define LVT_SMI      0x200u
#define LVT_NMI      0x400u
#define LVT_EXTINT   0x700u
#define MSR_X2APIC   0x800u

/* The command register (11.6.1): physical destination, no shorthand. */
#define ICR_NMI     0x400u
#define ICR_INIT    0x500u
#define ICR_STARTUP 0x600u
#define ICR_BUSY    0x1000u
#define ICR_ASSERT  0x4000u

#define XAPIC_ID_SHIFT 24
#define XAPIC_IDS      255u /* 255 are all */
#define BUSY_LOOPS     1000000

static volatile uint32_t *mmio;
static bool x2apic;
static uint64_t address; /* in xAPIC mode */

uint32_t lapic_read(unsigned reg)
{
    if (x2apic)
        return (uint32_t)x86_rdmsr(MSR_X2APIC + reg / 16);
    return mmio[reg / 4];
}

void lapic_write(unsigned reg, uint32_t v)
{
    if (x2apic)
        x86_wrmsr(MSR_X2APIC + reg / 16, v);
    else
        mmio[reg / 4] = v;
}

void lapic_enable(uint64_t base, bool wanted)
{
    uint64_t msr = x86_rdmsr(MSR_APIC_BASE);

    x2apic = (msr & BASE_X2APIC) || (wanted && cpu_features.x2apic);
    if (x2apic)
        log_debug("local APICs: x2APIC mode%s",
                  msr & BASE_X2APIC ? ", as the firmware left it" : "");
    else if (wanted)
        log_say("x2APIC mode is wanted, this processor has none");
    address = msr & BASE_ADDRESS;
    if (x2apic)
        return;
    mmio = paging_map_mmio(maddr_of(base ? base : address), PAGE_SIZE);
    if (!mmio)
        panic("the local APIC cannot be mapped");
}

/* From x2APIC to xAPIC mode it goes through off, to x2APIC through xAPIC
 * (11.12.5). */
static void set_mode(void)
{
    uint64_t msr = x86_rdmsr(MSR_APIC_BASE);

    if (x2apic) {
        x86_wrmsr(MSR_APIC_BASE, msr | BASE_ENABLE);
        x86_wrmsr(MSR_APIC_BASE, msr | BASE_ENABLE | BASE_X2APIC);
        return;
    }
    if (msr & BASE_X2APIC)
        x86_wrmsr(MSR_APIC_BASE, msr & ~(BASE_ENABLE | BASE_X2APIC));
    msr &= ~(BASE_X2APIC | BASE_ADDRESS);
    x86_wrmsr(MSR_APIC_BASE, msr | address | BASE_ENABLE);
}

static bool thermal_is_smi(void)
{
    return (lapic_read(REG_LVT_THERMAL) & LVT_MODE) == LVT_SMI;
}

void lapic_setup(void)
{
    const bool boot = this_cpu()->id == 0;
    unsigned max_lvt;

    set_mode();
    max_lvt = lapic_read(REG_VERSION) >> 16 & 0xff;
    lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | LAPIC_TIMER_VECTOR);
    lapic_write(REG_LVT_LINT0, LAPIC_LVT_MASKED);
    /* Boards wire LINT1 of all of them together: one is to tell. */
    lapic_write(REG_LVT_LINT1, boot ? LVT_NMI : LAPIC_LVT_MASKED);
    lapic_write(REG_LVT_ERROR, LAPIC_LVT_MASKED);
    if (max_lvt >= 4)
        lapic_write(REG_LVT_PERF, LAPIC_LVT_MASKED);
    if (max_lvt >= 5 && !thermal_is_smi())
        lapic_write(REG_LVT_THERMAL, LAPIC_LVT_MASKED);
    lapic_write(REG_TPR, 0);
    lapic_write(REG_SVR, SVR_ENABLE | LAPIC_SPURIOUS_VECTOR);
}

bool lapic_take_thermal(void)
{
    const unsigned max_lvt = lapic_read(REG_VERSION) >> 16 & 0xff;

    if (max_lvt < 5 || thermal_is_smi())
        return false;
    lapic_write(REG_LVT_THERMAL, LAPIC_THERMAL_VECTOR);
    return true;
}

uint32_t lapic_id(void)
{
    uint32_t id = lapic_read(REG_ID);

    return x2apic ? id : id >> XAPIC_ID_SHIFT;
}

void lapic_eoi(void)
{
    lapic_write(REG_EOI, 0);
}

void lapic_pass_pic(void)
{
    lapic_write(REG_LVT_LINT0, LVT_EXTINT);
}

/* --- to others ---------------------------------------------------------- */

bool lapic_reaches(uint32_t apic_id)
{
    return x2apic || apic_id < XAPIC_IDS;
}

/*
 * In xAPIC mode the last one must have left, and the store is in order with all
 * others, being to uncached memory. The MSR write is in order with nothing: the
 * two fences are what 11.12.3 asks for.
 */
static void command(uint32_t apic_id, uint32_t what)
{
    if (x2apic) {
        __asm__ volatile("mfence; lfence" : : : "memory");
        x86_wrmsr(MSR_X2APIC + REG_ICR / 16, (uint64_t)apic_id << 32 | what);
        return;
    }
    for (int i = 0; i < BUSY_LOOPS && (lapic_read(REG_ICR) & ICR_BUSY); i++)
        x86_pause();
    lapic_write(REG_ICR_HIGH, apic_id << XAPIC_ID_SHIFT);
    lapic_write(REG_ICR, what);
}

void lapic_send(uint32_t apic_id, unsigned vector)
{
    command(apic_id, ICR_ASSERT | vector);
}

void lapic_send_nmi(uint32_t apic_id)
{
    command(apic_id, ICR_ASSERT | ICR_NMI);
}

void lapic_send_init(uint32_t apic_id)
{
    command(apic_id, ICR_ASSERT | ICR_INIT);
}

void lapic_send_startup(uint32_t apic_id, unsigned page)
{
    command(apic_id, ICR_ASSERT | ICR_STARTUP | page);
}
