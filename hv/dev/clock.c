/* SPDX-License-Identifier: MIT */
/*
 * clock.c: the TSC, measured once against the best reference there is (ACPI
 * PM timer, HPET, or the PIT), is the only clock afterwards; one that is not
 * invariant is looked at by that reference now and then (hv/dev/resync.h).
 *
 * Invariant: a scale in use does not change. A new one is written beside it,
 * and then is the one in use: who reads has one or the other, whole. There are
 * so many that nobody still has the one that is written.
 */
#include "hv/dev/clock.h"

#include "hv/arch/cpu.h"
#include "hv/arch/panic.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/dev/apic.h"
#include "hv/dev/measure.h"
#include "hv/dev/resync.h"
#include "hv/dev/rtc.h"

#define SAID_SURE  500   /* CPUID and what was measured: to a part of this */
#define CROSS_SURE 200   /* two references: one of them measured roughly */
#define SCALES     16    /* one a second */
#define READ_SURE  20000 /* both within so many ticks of the TSC */
#define READ_TRIES 8
#define SAY_EVERY  UINT64_C(10000000000) /* ns */
#define SAY_OFF    1000000               /* ns: less is nobody's concern */

uint64_t clock_tsc_khz;
unsigned clock_generation;
static struct clock_scale scales[SCALES];
const struct clock_scale *clock_scale = scales;
static uint64_t apic_per_tsc; /* 32.32, rounded up */
static uint64_t apic_hz;
static uint64_t wall_base;

static void set_scale(const struct clock_scale *s)
{
    struct clock_scale *to = &scales[(clock_generation + 1) % SCALES];

    *to = *s;
    __atomic_store_n(&clock_scale, to, __ATOMIC_RELEASE);
    __atomic_store_n(&clock_generation, clock_generation + 1,
                     __ATOMIC_RELEASE); /* who sees it has that scale */
}

/* Of the same span; up, so that the timer is not early by what is cut off. */
static void set_apic(uint64_t apic, uint64_t tsc)
{
    WRITE_ONCE(apic_per_tsc, scale_mul_div(apic, BIT(32), tsc) + 1);
}

/* --- how fast it is ------------------------------------------------------- */

static const char *const names[] = {[CLOCK_AUTO] = "auto",
                                    [CLOCK_HPET] = "hpet",
                                    [CLOCK_PM] = "pm",
                                    [CLOCK_PIT] = "pit",
                                    [CLOCK_CPUID] = "cpuid"};

struct source {
    enum option_clock which; /* of `ref`; CLOCK_CPUID: the TSC itself */
    struct reference ref;
    uint64_t said; /* Hz by CPUID, 0: it does not say */
    bool exact;
};

static bool open_asked(const struct acpi_info *acpi, struct source *s)
{
    s->which = options.clock;
    if (s->which == CLOCK_AUTO)
        return false;
    if (s->which == CLOCK_CPUID && s->said) {
        s->ref = reference_tsc(s->said);
        return true;
    }
    if (reference_open(s->which, acpi, &s->ref))
        return true;
    log_say("clock=%s: there is none that counts", names[s->which]);
    return false;
}

static void choose(const struct acpi_info *acpi, struct source *s)
{
    static const enum option_clock order[] = {CLOCK_PM, CLOCK_HPET, CLOCK_PIT};
    const struct reference_leaves l = reference_leaves();

    s->said = reference_said(&l, &s->exact);
    if (open_asked(acpi, s))
        return;
    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        s->which = order[i];
        if (reference_open(s->which, acpi, &s->ref))
            return;
    }
    if (!s->said)
        panic("no timer to measure the TSC with: no PM timer, HPET or PIT "
              "counts, and CPUID does not tell its frequency");
    s->which = CLOCK_CPUID;
    s->ref = reference_tsc(s->said);
}

/* Another one that is there has to say about the same. */
static void cross_check(const struct acpi_info *acpi, const struct source *s,
                        uint64_t hz)
{
    static const enum option_clock order[] = {CLOCK_HPET, CLOCK_PM, CLOCK_PIT};
    struct reference other;
    struct measured m;

    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        if (order[i] == s->which || !reference_open(order[i], acpi, &other))
            continue;
        m = measure_roughly(&other);
        if (!measured_alike(measured_hz(&other, &m, m.tsc), hz, CROSS_SURE))
            log_say("the TSC has %lu kHz by the %s and %lu by the %s: "
                    "clock=%s takes the other",
                    hz / 1000, s->ref.name,
                    measured_hz(&other, &m, m.tsc) / 1000, other.name,
                    names[order[i]]);
        return;
    }
}

/*
 * The crystal's is better than what is measured, if both mean the same; a
 * hypervisor below us may say anything.
 */
static uint64_t trust(const struct source *s, uint64_t hz, const char **by)
{
    *by = s->ref.name;
    if (!s->exact || s->which == CLOCK_CPUID || cpu_features.hypervisor ||
        options.clock != CLOCK_AUTO)
        return hz;
    if (measured_alike(hz, s->said, SAID_SURE)) {
        *by = "CPUID";
        return s->said;
    }
    log_say("CPUID says that the TSC has %lu kHz, the %s that it has %lu: that "
            "is believed",
            s->said / 1000, s->ref.name, hz / 1000);
    return hz;
}

/* --- how long it stays so ------------------------------------------------- */

static struct reference keeper; /* what it is compared with; .read NULL: none */
static struct resync resync;
static struct resynced last_change; /* of so many; the boot CPU's alone */
static uint64_t changes;

/* Both at the same moment; false: something comes between all the time. */
static bool read_both(uint64_t *tsc, uint32_t *ref)
{
    for (int i = 0; i < READ_TRIES; i++) {
        uint64_t before = x86_rdtsc();

        *ref = keeper.read(&keeper);
        *tsc = x86_rdtsc();
        if (*tsc - before <= READ_SURE) {
            *tsc = before + (*tsc - before) / 2;
            return true;
        }
    }
    return false;
}

/* The PIT comes round before anybody could look again. */
static bool can_keep(const struct source *s)
{
    return s->which == CLOCK_PM || s->which == CLOCK_HPET;
}

static void begin_keeping(const struct source *s)
{
    uint64_t tsc;
    uint32_t ref;

    if (cpu_features.invariant_tsc)
        return;
    if (!can_keep(s) || (keeper = s->ref, !read_both(&tsc, &ref))) {
        log_say("the TSC may change its speed, and there is no HPET or PM "
                "timer to see it by");
        keeper.read = NULL;
        return;
    }
    log_say("the TSC may change its speed: looked at each second by the %s",
            keeper.name);
    resync_begin(&resync, keeper.hz, keeper.mask, clock_tsc_khz,
                 clock_ns_of_tsc(tsc), tsc, ref);
}

bool clock_resync(void)
{
    struct resynced r;
    uint64_t tsc;
    uint32_t ref;

    if (!keeper.read || !read_both(&tsc, &ref))
        return false;
    r = resync_step(&resync, clock_scale, tsc, ref);
    if (!r.changed)
        return false;
    set_apic(apic_hz, r.khz * 1000); /* by the next scale all are set anew */
    set_scale(&r.scale);
    last_change = r;
    changes++;
    return true;
}

void clock_say(uint64_t now)
{
    static uint64_t next, known;
    const struct resynced *r = &last_change;

    if (known == changes)
        return;
    known = changes;
    if (now < next || (r->off < SAY_OFF && r->off > -SAY_OFF))
        return;
    next = now + SAY_EVERY;
    log_say("clock: by the %s it was %ld us late, the TSC is taken for one of "
            "%lu kHz; put right %lu times",
            keeper.name, r->off / 1000, r->khz, changes);
}

/* --- the clock ------------------------------------------------------------ */

static uint64_t calibrate(const struct acpi_info *acpi, struct source *s,
                          const char **by)
{
    struct measured m;
    uint64_t hz;

    choose(acpi, s);
    m = measure(&s->ref);
    hz = measured_hz(&s->ref, &m, m.tsc);
    if (m.disturbed)
        log_say("no three measurements of the TSC by the %s agree: the best "
                "is taken",
                s->ref.name);
    apic_hz = measured_hz(&s->ref, &m, m.apic);
    set_apic(m.apic, m.tsc);
    apic_timer_init(m.apic);
    cross_check(acpi, s, hz);
    hz = trust(s, hz, by);
    return selftest_is(SELFTEST_DRIFT) ? hz + hz / 50 : hz;
}

void clock_init(const struct acpi_info *acpi)
{
    struct source s;
    struct clock_scale first;
    const char *by;

    clock_tsc_khz = calibrate(acpi, &s, &by) / 1000;
    if (!clock_tsc_khz)
        panic("the TSC does not count");
    first = scale_of_khz(selftest_is(SELFTEST_FAST_CLOCK)
                             ? clock_tsc_khz / 102 * 100
                             : clock_tsc_khz);
    first.tsc_base = x86_rdtsc() - 1000;
    set_scale(&first);
    wall_base = rtc_read();
    log_debug("TSC %lu kHz by the %s, APIC timer %lu kHz", clock_tsc_khz, by,
              apic_hz / 1000);
    if (!selftest_is(SELFTEST_FAST_CLOCK)) /* which it would mend */
        begin_keeping(&s);
}

uint64_t clock_ns_of_tsc(uint64_t tsc)
{
    return scale_ns(READ_ONCE(clock_scale), tsc);
}

/* The least n with n * mul >> 32 == ns or more; all ones: there is none. */
static uint64_t scaled_of_ns(uint64_t ns, uint64_t mul)
{
    uint64_t whole = ns / mul, rest = ns % mul;

    if (whole >> 31)
        return ~UINT64_C(0);
    return (whole << 32) + ((rest << 32) + mul - 1) / mul;
}

uint64_t clock_tsc_of_ns(uint64_t ns)
{
    const struct clock_scale *s = READ_ONCE(clock_scale);
    const unsigned up = (unsigned)MAX(s->shift, 0);
    const unsigned down = (unsigned)MAX(-s->shift, 0);
    uint64_t n = scaled_of_ns(ns > s->ns_base ? ns - s->ns_base : 0, s->mul);

    if (n > ~UINT64_C(0) >> (down + 1))
        return ~UINT64_C(0);
    n = (n << down) + (BIT(up) - 1);
    return s->tsc_base + (n >> up);
}

uint32_t clock_apic_ticks(uint64_t due, uint64_t now)
{
    uint64_t wait = due > now ? due - now : 0, ticks;

    if (wait >> 62) /* and no more than 32 bits of the product above 64 */
        return UINT32_MAX;
    ticks = (uint64_t)(((unsigned __int128)wait * READ_ONCE(apic_per_tsc) +
                        UINT32_MAX) >>
                       32);
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
