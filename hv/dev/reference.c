/* SPDX-License-Identifier: MIT */
/*
 * reference.c: IA-PC HPET specification 1.0a, 2.3; ACPI 6.5, 4.8.3.3; 8254 data
 * sheet; SDM vol. 2, CPUID, and vol. 3, 18.7.3.
 *
 * Invariant: what is opened was seen to count, so that who waits for it waits
 * for something.
 */
#include "hv/dev/reference.h"

#include "hv/arch/paging.h"
#include "hv/arch/x86.h"

#define PM_TIMER_HZ    UINT64_C(3579545)
#define PIT_HZ         UINT64_C(1193182)
#define HPET_PERIOD    4 /* capabilities, high half: femtoseconds per tick */
#define HPET_CONFIG    0x10
#define HPET_COUNTER   0xf0
#define HPET_SLOWEST   UINT32_C(100000000) /* fs: no HPET may be slower */
#define FEMTO          UINT64_C(1000000000000000)
#define COUNTS_IN      100000 /* readings */
#define LEAF_CRYSTAL   0x15u
#define LEAF_FREQUENCY 0x16u

static uint32_t read_pm(const struct reference *r)
{
    return x86_in32(r->port);
}

static uint32_t read_hpet(const struct reference *r)
{
    return r->hpet[HPET_COUNTER / 4];
}

/* Channel 2 counts down from 65535; the complement goes up. */
static uint32_t read_pit(const struct reference *r)
{
    uint32_t lo, hi;

    (void)r;
    x86_out8(0x43, 0x80); /* latch */
    lo = x86_in8(0x42);
    hi = x86_in8(0x42);
    return ~(hi << 8 | lo);
}

static uint32_t read_tsc(const struct reference *r)
{
    (void)r;
    return (uint32_t)x86_rdtsc();
}

static bool find_pit(struct reference *r)
{
    x86_out8(0x61, (uint8_t)((x86_in8(0x61) & 0xfc) | 1)); /* gate, no sound */
    x86_out8(0x43, 0xb4); /* channel 2, both bytes, rate generator */
    x86_out8(0x42, 0);
    x86_out8(0x42, 0);
    *r = (struct reference){
        .name = "PIT", .hz = PIT_HZ, .mask = 0xffff, .read = read_pit};
    return true;
}

static bool find_pm(struct reference *r, uint16_t port)
{
    *r = (struct reference){.name = "PM timer",
                            .hz = PM_TIMER_HZ,
                            .mask = BITS(23, 0), /* both widths have these */
                            .read = read_pm,
                            .port = port};
    return port;
}

static bool find_hpet(struct reference *r, uint64_t pa)
{
    volatile uint32_t *p = pa ? paging_map_mmio(maddr_of(pa), 1024) : NULL;
    const uint32_t period = p ? p[HPET_PERIOD / 4] : 0;

    if (!period || period > HPET_SLOWEST)
        return false;
    p[HPET_CONFIG / 4] |= 1;
    *r = (struct reference){.name = "HPET",
                            .hz = FEMTO / period,
                            .mask = UINT32_MAX,
                            .read = read_hpet,
                            .hpet = p};
    return true;
}

static bool find(enum option_clock which, const struct acpi_info *acpi,
                 struct reference *r)
{
    switch (which) {
    case CLOCK_HPET:
        return find_hpet(r, acpi->hpet);
    case CLOCK_PM:
        return find_pm(r, acpi->pm_timer);
    case CLOCK_PIT:
        return find_pit(r);
    default:
        return false;
    }
}

/* Does it move at all? A dead one would hang the measurement. */
static bool counts(const struct reference *r)
{
    uint32_t first = r->read(r);

    for (int i = 0; i < COUNTS_IN; i++)
        if ((r->read(r) - first) & r->mask)
            return true;
    return false;
}

bool reference_open(enum option_clock which, const struct acpi_info *acpi,
                    struct reference *r)
{
    return find(which, acpi, r) && counts(r);
}

struct reference reference_tsc(uint64_t hz)
{
    return (struct reference){
        .name = "CPUID", .hz = hz, .mask = UINT32_MAX, .read = read_tsc};
}

struct reference_leaves reference_leaves(void)
{
    const struct x86_cpuid c = x86_cpuid_or_none(LEAF_CRYSTAL, 0);

    return (struct reference_leaves){
        .denominator = c.eax,
        .numerator = c.ebx,
        .crystal = c.ecx,
        .base_mhz = x86_cpuid_or_none(LEAF_FREQUENCY, 0).eax & 0xffff};
}

uint64_t reference_said(const struct reference_leaves *l, bool *exact)
{
    *exact = l->denominator && l->numerator && l->crystal;
    if (*exact)
        return (uint64_t)l->crystal * l->numerator / l->denominator;
    return (uint64_t)l->base_mhz * 1000000;
}
