/* SPDX-License-Identifier: MIT */
/*
 * clock.c: the TSC, measured once against the best reference there is (ACPI
 * PM timer, HPET, or the PIT), is the only clock afterwards.
 */
#include "hv/dev/clock.h"

#include "hv/arch/paging.h"
#include "hv/arch/panic.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/dev/apic.h"
#include "hv/dev/rtc.h"

#define PM_TIMER_HZ  UINT64_C(3579545)
#define PIT_HZ       UINT64_C(1193182)
#define MEASURE_HZ   100  /* for a hundredth of a second */
#define MEASURE_SURE 1000 /* to a thousandth */
#define MEASURE_MOST 16   /* spans; then it is as sure as it gets */
#define HPET_PERIOD  4    /* capabilities, high half: femtoseconds per tick */
#define HPET_CONFIG  0x10
#define HPET_COUNTER 0xf0

uint64_t clock_tsc_khz;
struct clock_scale clock_scale;
static uint64_t apic_per_tsc; /* 32.32, rounded up */
static uint64_t wall_base;

/* A counter that goes up at hz and wraps at mask. */
struct reference {
    const char *name;
    uint64_t hz, mask;
    uint32_t (*read)(const struct reference *r);
    uint16_t port;
    volatile uint32_t *hpet;
};

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

static void start_pit(void)
{
    x86_out8(0x61, (uint8_t)((x86_in8(0x61) & 0xfc) | 1)); /* gate, no sound */
    x86_out8(0x43, 0xb4); /* channel 2, both bytes, rate generator */
    x86_out8(0x42, 0);
    x86_out8(0x42, 0);
}

static bool use_hpet(struct reference *r, uint64_t pa)
{
    volatile uint32_t *p;

    if (!pa)
        return false;
    p = paging_map_mmio(maddr_of(pa), 1024);
    if (!p || !p[HPET_PERIOD / 4])
        return false;
    p[HPET_CONFIG / 4] |= 1;
    *r = (struct reference){.name = "HPET",
                            .hz =
                                UINT64_C(1000000000000000) / p[HPET_PERIOD / 4],
                            .mask = UINT32_MAX,
                            .read = read_hpet,
                            .hpet = p};
    return true;
}

/* Does it move at all? A dead one would hang the measurement. */
static bool counts(const struct reference *r)
{
    uint32_t first = r->read(r);

    for (int i = 0; i < 100000; i++)
        if (r->read(r) != first)
            return true;
    return false;
}

static struct reference choose_reference(const struct acpi_info *acpi)
{
    struct reference r = {.name = "PM timer",
                          .hz = PM_TIMER_HZ,
                          .mask = BITS(23, 0), /* both widths have these */
                          .read = read_pm,
                          .port = acpi->pm_timer};

    if (acpi->pm_timer && counts(&r))
        return r;
    if (use_hpet(&r, acpi->hpet) && counts(&r))
        return r;
    start_pit();
    r = (struct reference){
        .name = "PIT", .hz = PIT_HZ, .mask = 0xffff, .read = read_pit};
    if (!counts(&r))
        panic("no timer to measure the TSC with");
    return r;
}

/* Ticks in the same span, but for so many of the TSC. */
struct measured {
    uint64_t tsc, apic, ref, unsure;
};

static struct measured measure_once(const struct reference *r)
{
    const uint64_t want = r->hz / MEASURE_HZ, start = x86_rdtsc();
    uint64_t last = r->read(r), passed = 0, began, end, apic;

    apic_timer_count_start();
    began = x86_rdtsc();
    do {
        uint64_t now;

        end = x86_rdtsc();
        now = r->read(r);
        passed += (now - last) & r->mask;
        last = now;
    } while (passed < want);
    apic = UINT32_MAX - apic_timer_count_left();
    return (struct measured){.tsc = end - start,
                             .apic = apic,
                             .ref = passed,
                             .unsure = began - start + x86_rdtsc() - end};
}

/*
 * Between two readings time may pass that nobody sees: a machine that is a
 * guest itself stands still, one of iron is in system management mode. If that
 * is at an end of the span, another span is measured.
 */
static struct measured measure(const struct reference *r)
{
    struct measured best = measure_once(r);

    for (unsigned i = 1; i < MEASURE_MOST; i++) {
        struct measured again;

        if (best.unsure <= best.tsc / MEASURE_SURE)
            break;
        again = measure_once(r);
        if (again.unsure < best.unsure)
            best = again;
    }
    return best;
}

/* mul becomes a 32-bit fraction with its top bit set, shift makes up for it. */
static void set_scale(uint64_t khz)
{
    uint64_t scaled = UINT64_C(1000000);
    int shift = 0;

    for (; scaled > khz; khz <<= 1)
        shift++;
    for (; scaled * 2 <= khz; scaled <<= 1)
        shift--;
    /* Now khz / 2 < scaled <= khz: the quotient fits 32 bits, full. */
    clock_scale.mul = (uint32_t)MIN((scaled << 32) / khz, (uint64_t)UINT32_MAX);
    clock_scale.shift = (int8_t)shift;
}

/* Of the same span; up, so that the timer is not early by what is cut off. */
static void set_apic(uint64_t apic, uint64_t tsc)
{
    apic_per_tsc = ((apic << 32) + tsc - 1) / tsc;
}

void clock_init(const struct acpi_info *acpi)
{
    struct reference r = choose_reference(acpi);
    struct measured m = measure(&r);

    clock_tsc_khz = m.tsc * r.hz / m.ref / 1000;
    if (!clock_tsc_khz)
        panic("the TSC does not count");
    set_scale(selftest_is(SELFTEST_FAST_CLOCK) ? clock_tsc_khz / 102 * 100
                                               : clock_tsc_khz);
    set_apic(m.apic, m.tsc);
    clock_scale.tsc_base = x86_rdtsc() - 1000;
    apic_timer_init(m.apic);
    wall_base = rtc_read();
    log_debug("TSC %lu kHz by the %s, APIC timer %lu kHz", clock_tsc_khz,
              r.name, m.apic * r.hz / m.ref / 1000);
}

uint64_t clock_ns_of_tsc(uint64_t tsc)
{
    uint64_t delta = tsc - clock_scale.tsc_base;

    if (clock_scale.shift >= 0)
        delta <<= clock_scale.shift;
    else
        delta >>= -clock_scale.shift;
    return (uint64_t)((unsigned __int128)delta * clock_scale.mul >> 32);
}

/* The least n with n * mul >> 32 == ns or more; all ones: there is none. */
static uint64_t scaled_of_ns(uint64_t ns)
{
    const uint64_t mul = clock_scale.mul;
    uint64_t whole = ns / mul, rest = ns % mul;

    if (whole >> 31)
        return ~UINT64_C(0);
    return (whole << 32) + ((rest << 32) + mul - 1) / mul;
}

uint64_t clock_tsc_of_ns(uint64_t ns)
{
    const unsigned up = (unsigned)MAX(clock_scale.shift, 0);
    const unsigned down = (unsigned)MAX(-clock_scale.shift, 0);
    uint64_t n = scaled_of_ns(ns);

    if (n > ~UINT64_C(0) >> (down + 1))
        return ~UINT64_C(0);
    n = (n << down) + (BIT(up) - 1);
    return clock_scale.tsc_base + (n >> up);
}

uint32_t clock_apic_ticks(uint64_t due, uint64_t now)
{
    uint64_t wait = due > now ? due - now : 0, ticks;

    if (wait >> 62) /* and no more than 32 bits of the product above 64 */
        return UINT32_MAX;
    ticks =
        (uint64_t)(((unsigned __int128)wait * apic_per_tsc + UINT32_MAX) >> 32);
    return (uint32_t)MIN(MAX(ticks, UINT64_C(1)), (uint64_t)UINT32_MAX);
}

uint64_t clock_now_ns(void)
{
    return clock_tsc_khz ? clock_ns_of_tsc(x86_rdtsc()) : 0;
}

uint64_t clock_wall_base(void)
{
    return wall_base;
}
