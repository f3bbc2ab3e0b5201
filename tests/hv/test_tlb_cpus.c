/* SPDX-License-Identifier: MIT */
/*
 * Several CPUs with a TLB each, which forgets what it is told to and no more:
 * after a flush of a domain no CPU that may use its translations has any, an
 * epoch counts only if all have flushed, and who was left out has flushed
 * before it goes on. Domains come and go at the same address.
 */
#include <asm/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hv/arch/ipi.h"
#include "hv/arch/x86.h"
#include "tests/hv/check.h"

enum { CPUS = 4, DOMAINS = 3, PAGES = 8, STEPS = 300000 };

static void forget_page(uint64_t va);
static void forget_all(void);
#define x86_invlpg(va)  forget_page(va)
#define x86_flush_all() forget_all()
#include "hv/domain/tlb.c"

struct mm hv_mm;
struct percpu *cpu_areas[CPU_MAX];
unsigned cpu_count = CPUS;
static struct percpu cpus[CPUS];
static struct domain domains[DOMAINS];
/* What is cached: by whom, of whom, and in which of his epochs it was. */
static bool cached[CPUS][DOMAINS][PAGES];
static uint32_t since[CPUS][DOMAINS][PAGES];
static struct tlb wanted;
static unsigned mails;

static uint64_t seed = 1;

static uint64_t dice(uint64_t n)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (seed * UINT64_C(0x2545f4914f6cdd1d) >> 33) % n;
}

static void be(unsigned cpu)
{
    assert_int_equal(syscall(SYS_arch_prctl, ARCH_SET_GS, &cpus[cpu]), 0);
}

static void forget_page(uint64_t va)
{
    for (unsigned d = 0; d < DOMAINS; d++)
        cached[this_cpu()->id][d][va / PAGE_SIZE] = false;
}

static void forget_all(void)
{
    memset(cached[this_cpu()->id], 0, sizeof(cached[0]));
}

void ipi_flush_begin(const struct tlb *tlb)
{
    wanted = *tlb;
}

void ipi_flush(struct percpu *to)
{
    const unsigned by = this_cpu()->id;

    assert_false((bool)(to->tlb & TLB_RESTING));
    assert_int_not_equal(to->id, by);
    mails++;
    be(to->id);
    if (wanted.what == TLB_PAGE)
        forget_page(wanted.va);
    else
        forget_all();
    be(by);
}

void ipi_flush_wait(void)
{
}

void port_lock_wait(struct lock *l, bool taken)
{
    fail_msg("%p is %s", (void *)l, taken ? "claimed" : "held");
}

bool mm_discharge(struct mm *mm)
{
    (void)mm;
    return false;
}

/* --- the scene ------------------------------------------------------------ */

static bool may_use(unsigned cpu, unsigned d)
{
    return cpus[cpu].tlb == (uintptr_t)&domains[d];
}

static void runs(unsigned d, bool moved)
{
    bool here;

    tlb_resume();
    here = tlb_is_of(&domains[d]);
    if (!here)
        tlb_enter(&domains[d]);
    if (!here || moved)
        tlb_entered(&domains[d]);
}

/* A vCPU that was on another CPU last finds nothing of its domain's here. */
static void moves(unsigned cpu, unsigned d)
{
    bool moved = dice(2);

    runs(d, moved);
    for (unsigned p = 0; p < PAGES; p++)
        assert_false(moved && cached[cpu][d][p]);
}

static void touches(unsigned cpu, unsigned page)
{
    const struct percpu *c = &cpus[cpu];
    unsigned d;

    if (!c->tlb || (c->tlb & TLB_RESTING))
        return;
    d = (unsigned)(domain_in(c->tlb) - domains);
    if (!cached[cpu][d][page])
        since[cpu][d][page] = domains[d].mm.tlb_epoch;
    cached[cpu][d][page] = true;
}

static void flushes(unsigned d, struct tlb what)
{
    tlb_flush_domain(&domains[d], &what);
    for (unsigned c = 0; c < CPUS; c++)
        for (unsigned p = 0; p < PAGES; p++)
            if (may_use(c, d) && cached[c][d][p] &&
                (what.what == TLB_FULL || what.va / PAGE_SIZE == p))
                fail_msg("CPU %u still has page %u of domain %u", c, p, d);
}

/* It ends and another begins where it was. */
static void goes(unsigned d)
{
    for (unsigned c = 0; c < CPUS; c++)
        if (may_use(c, d))
            return; /* it runs */
    tlb_forget(&domains[d]);
    assert_int_equal(domains[d].tlb_cpus, 0);
    domains[d].mm.tlb_epoch = (uint32_t)dice(3);
    for (unsigned c = 0; c < CPUS; c++)
        for (unsigned p = 0; p < PAGES; p++)
            since[c][d][p] = UINT32_MAX; /* anything cached is too old */
}

static void step(void)
{
    unsigned cpu = (unsigned)dice(CPUS), d = (unsigned)dice(DOMAINS);

    be(cpu);
    switch (dice(9)) {
    case 0:
        moves(cpu, d);
        break;
    case 1:
        tlb_rest();
        break;
    case 2:
        flushes(d, tlb_full());
        break;
    case 3:
        flushes(d, tlb_page(dice(PAGES) * PAGE_SIZE));
        break;
    case 4:
        if (!(cpus[cpu].tlb & TLB_RESTING))
            tlb_flush_all();
        break;
    case 5:
        if (dice(8) == 0)
            goes(d);
        break;
    default:
        touches(cpu, (unsigned)dice(PAGES));
        break;
    }
}

static void look(void)
{
    unsigned having[DOMAINS] = {0};

    for (unsigned c = 0; c < CPUS; c++)
        if (domain_in(cpus[c].tlb))
            having[domain_in(cpus[c].tlb) - domains]++;
    for (unsigned d = 0; d < DOMAINS; d++) {
        assert_int_equal(domains[d].tlb_cpus, having[d]);
        for (unsigned c = 0; c < CPUS; c++)
            for (unsigned p = 0; p < PAGES; p++)
                if (may_use(c, d) && cached[c][d][p])
                    assert_int_equal(since[c][d][p], domains[d].mm.tlb_epoch);
    }
}

static int start(void **state)
{
    (void)state;
    memset(cpus, 0, sizeof(cpus));
    memset(domains, 0, sizeof(domains));
    memset(cached, 0, sizeof(cached));
    mails = 0;
    for (unsigned i = 0; i < CPUS; i++) {
        cpus[i] = (struct percpu){.self = &cpus[i], .id = i};
        cpu_areas[i] = &cpus[i];
    }
    return 0;
}

static void nothing_old_can_be_used(void **state)
{
    (void)state;
    for (unsigned i = 0; i < STEPS; i++) {
        step();
        look();
    }
    assert_int_not_equal(mails, 0);
}

/* Mail goes to who may have something of the domain's, and to nobody else. */
static void nobody_is_asked_in_vain(void **state)
{
    (void)state;
    be(0);
    runs(0, false);
    flushes(0, tlb_full());
    be(1);
    runs(1, false);
    be(2);
    runs(0, false);
    tlb_rest();
    be(0);
    flushes(0, tlb_full());
    flushes(1, tlb_page(0));
    assert_int_equal(mails, 1); /* CPU 1, of its own domain's */
    assert_int_equal(cpus[2].tlb, TLB_RESTING);
}

/* Before it has the domain's tables: it may walk them as soon as it has. */
static void who_comes_is_asked_at_once(void **state)
{
    (void)state;
    be(0);
    runs(0, false);
    be(1);
    tlb_enter(&domains[0]);
    be(0);
    flushes(0, tlb_full());
    assert_int_equal(mails, 1);
    be(1);
    tlb_entered(&domains[0]);
    assert_int_equal(domains[0].tlb_cpus, 2);
}

#define one(f) cmocka_unit_test_setup(f, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        one(nothing_old_can_be_used),
        one(nobody_is_asked_in_vain),
        one(who_comes_is_asked_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
