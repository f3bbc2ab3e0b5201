/* SPDX-License-Identifier: MIT */
/*
 * smp.c: INIT, a wait, and two startup IPIs to each processor (SDM vol. 3,
 * 9.4.4), which comes through boot/ap.asm to smp_enter().
 *
 * Invariant: besides those that are up at most one processor executes anything:
 * the one that `coming` is about. It says how far it is, and the boot CPU waits
 * for it doing nothing else, so each may use what the other had. One that is
 * not wanted, or not there in time, is sent back to where it waited, by INIT.
 */
#include "hv/arch/smp.h"

#include <stdatomic.h>

#include "hv/arch/cpu_area.h"
#include "hv/arch/cpu_match.h"
#include "hv/arch/idt.h"
#include "hv/arch/lapic.h"
#include "hv/arch/layout.h"
#include "hv/arch/low_page.h"
#include "hv/arch/mce.h"
#include "hv/arch/paging.h"
#include "hv/arch/spec_cpu.h"
#include "hv/arch/stacks.h"
#include "hv/arch/thermal.h"
#include "hv/arch/tsc_offset.h"
#include "hv/arch/vendor.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/base/string.h"

#define LOW_END    0xa0000u /* above it a startup IPI has no pages */
#define INIT_US    10000u
#define STARTUP_US 200u
#define COME_US    5000000u /* firmware may be in between */
#define TSC_ROUNDS 64u

#define CPUID_ADJUST   BIT(1)
#define MSR_TSC_ADJUST 0x3bu
#define ADJUST_TRIES   4u
#define SKEW           1000000u /* selftest=skew */

_Static_assert(ACPI_CPUS <= CPU_MAX && OPT_CPUS_MAX == CPU_MAX, "ids");

/* boot/ap.asm: what is copied, and what its image part takes. */
extern const uint8_t ap_begin[], ap_end[];
uint64_t smp_cr3, smp_stack;
noreturn_fn void smp_enter(void);

enum stage {
    AWAY,
    DIFFERS, /* halted: .mismatch */
    HERE,    /* hv/arch's part is done; its TSC is to be compared */
    ADJUSTS, /* that: .adjust, and then HERE again */
    TAKEN,   /* by the boot CPU: go on */
    UP,
};

static struct {
    _Atomic enum stage stage;
    struct percpu *area;
    void (*run)(void);
    struct cpu_mismatch mismatch;
    /* Round by round: the boot CPU asks, the other answers with its TSC. */
    _Atomic unsigned asked, answered;
    uint64_t tsc;
    int64_t adjust;
} coming;

static uint64_t khz;
static unsigned found = 1;

/* --- on the processor that comes ---------------------------------------- */

/* In order with all loads before and behind (SDM vol. 2, RDTSC). */
static uint64_t tsc_now(void)
{
    uint64_t t;

    __asm__ volatile("lfence" : : : "memory");
    t = x86_rdtsc();
    __asm__ volatile("lfence" : : : "memory");
    return t;
}

static void answer_rounds(void)
{
    for (unsigned i = 1; i <= TSC_ROUNDS; i++) {
        while (coming.asked != i)
            x86_pause();
        coming.tsc = tsc_now();
        coming.answered = i;
    }
}

/* SDM vol. 3, 18.17.3: added to the TSC of its own CPU alone. */
static bool can_adjust(void)
{
    return x86_cpuid_or_none(7, 0).ebx & CPUID_ADJUST;
}

static void add_to_tsc(int64_t by)
{
    x86_wrmsr(MSR_TSC_ADJUST, x86_rdmsr(MSR_TSC_ADJUST) + (uint64_t)by);
}

/* False: the boot CPU is content. */
static bool was_adjusted(void)
{
    while (coming.stage == HERE)
        x86_pause();
    if (coming.stage != ADJUSTS)
        return false;
    add_to_tsc(coming.adjust);
    coming.stage = HERE;
    return true;
}

/* From boot/ap.asm; nothing of the CPU's own is there yet but a stack. */
void smp_enter(void)
{
    if (!cpu_match(&coming.mismatch)) {
        coming.stage = DIFFERS;
        x86_halt_forever();
    }
    cpu_start(coming.area);
    idt_load();
    mce_init();
    vendor_init();
    spec_start();
    lapic_setup();
    thermal_init();
    if (selftest_is(SELFTEST_SKEW) && can_adjust())
        add_to_tsc(SKEW);
    coming.stage = HERE;
    do
        answer_rounds();
    while (was_adjusted());
    coming.run();
    x86_halt_forever();
}

void smp_up(void)
{
    coming.stage = UP;
}

/* --- on the boot CPU ---------------------------------------------------- */

static uint64_t after_us(uint64_t us)
{
    return x86_rdtsc() + us * khz / 1000;
}

static void wait_us(uint64_t us)
{
    const uint64_t end = after_us(us);

    while (x86_rdtsc() < end)
        x86_pause();
}

/* Where it comes to from `from`; that, if it does not move for too long. */
static enum stage wait_beyond(enum stage from)
{
    const uint64_t end = after_us(COME_US);

    while (coming.stage == from && x86_rdtsc() < end)
        x86_pause();
    return coming.stage;
}

/* false: no answer. */
static bool compare(struct tsc_offset *o)
{
    *o = tsc_offset_begin();
    for (unsigned i = 1; i <= TSC_ROUNDS; i++) {
        const uint64_t before = tsc_now(), end = after_us(COME_US);

        coming.asked = i;
        while (coming.answered != i && x86_rdtsc() < end)
            x86_pause();
        if (coming.answered != i)
            return false;
        tsc_offset_add(o, before, coming.tsc, tsc_now());
    }
    return true;
}

/* The other adds this to its own. */
static bool adjust(int64_t by)
{
    coming.adjust = by;
    coming.asked = coming.answered = 0;
    coming.stage = ADJUSTS;
    return wait_beyond(ADJUSTS) == HERE;
}

/*
 * Is the other's TSC between two of ours, however often it is asked for in
 * between? If they differ by more than a question and its answer take, it is
 * not, and is put right where the processor can. false also: no answer.
 */
static bool tsc_in_step(uint32_t apic_id)
{
    struct tsc_offset o;

    for (unsigned tries = 0; tries < ADJUST_TRIES; tries++) {
        if (!compare(&o))
            return false;
        if (tsc_offset_none(&o)) {
            if (tries)
                log_say("processor with APIC id %u: its TSC was put in step",
                        apic_id);
            return true;
        }
        if (!can_adjust() || !adjust(-tsc_offset_likely(&o)))
            break;
    }
    log_debug("processor with APIC id %u: its TSC is %ld to %ld ahead", apic_id,
              o.least, o.most);
    return false;
}

static void wake(uint32_t apic_id, unsigned page)
{
    lapic_send_init(apic_id);
    wait_us(INIT_US);
    for (int i = 0; i < 2; i++) {
        lapic_send_startup(apic_id, page);
        wait_us(STARTUP_US);
    }
}

/* Until it is up; returns false and has said why if it is not to be. */
static bool bring(uint32_t apic_id, unsigned page)
{
    const struct cpu_mismatch *m = &coming.mismatch;

    wake(apic_id, page);
    switch (wait_beyond(AWAY)) {
    case HERE:
        break;
    case DIFFERS:
        log_say("processor with APIC id %u: left parked, CPUID %x.%x has %s "
                "%08x, not %08x",
                apic_id, m->leaf, m->sub, m->reg, m->here, m->boot);
        return false;
    default:
        log_say("processor with APIC id %u: does not start", apic_id);
        return false;
    }
    if (!tsc_in_step(apic_id)) {
        log_say("processor with APIC id %u: left parked, its TSC is not in "
                "step",
                apic_id);
        return false;
    }
    coming.stage = TAKEN;
    if (wait_beyond(TAKEN) == UP)
        return true;
    log_say("processor with APIC id %u: stopped while it started", apic_id);
    return false;
}

static void start(uint32_t apic_id, unsigned page)
{
    struct percpu *p;

    if (!lapic_reaches(apic_id)) {
        log_say("processor with APIC id %u: out of reach without x2APIC mode",
                apic_id);
        return;
    }
    p = cpu_area_make(cpu_count, apic_id);
    if (!p) {
        log_say("processor with APIC id %u: no memory for it", apic_id);
        return;
    }
    coming.stage = AWAY;
    coming.area = p;
    coming.asked = coming.answered = 0;
    smp_stack = stacks_top((uint64_t)p->stacks);
    if (bring(apic_id, page))
        cpu_count++;
    else
        lapic_send_init(apic_id);
}

/* --- all of them -------------------------------------------------------- */

static void start_all(const struct acpi_info *acpi, unsigned page)
{
    memcpy(direct_of_maddr(maddr_of((uint64_t)page * PAGE_SIZE)), ap_begin,
           (size_t)(ap_end - ap_begin));
    smp_cr3 = paging_own_cr3().v;
    cpu_match_record();
    for (unsigned i = 0; i < acpi->cpus && cpu_count < options.cpus; i++)
        if (acpi->apic_id[i] != this_cpu()->apic_id &&
            !(selftest_is(SELFTEST_ABSENT_CPU) && i + 1 == acpi->cpus))
            start(acpi->apic_id[i], page);
}

unsigned smp_found(void)
{
    return (unsigned)MIN((uint64_t)found, options.cpus);
}

void smp_init(const struct bootinfo *bi, const struct acpi_info *acpi,
              uint64_t tsc_khz, void (*run)(void))
{
    const unsigned page = low_page_find(bi);

    this_cpu()->apic_id = lapic_id();
    if (acpi->cpus < 2)
        return;
    found = acpi->cpus + acpi->cpus_more;
    khz = tsc_khz;
    coming.run = run;
    if (page)
        start_all(acpi, page);
    else
        log_say("no RAM below 1 MiB to start processors in");
    log_say("%u processor%s", cpu_count, cpu_count == 1 ? "" : "s");
    if (acpi->cpus_more)
        log_say("%u more are not used", acpi->cpus_more);
}
