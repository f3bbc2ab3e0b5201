/* SPDX-License-Identifier: MIT */
/*
 * Descriptor windows on several CPUs, each with a TLB that keeps whatever it
 * has seen until it is told to forget: no frame is mapped that nobody refers
 * to, not even while a reference is being put, and no CPU that runs a vCPU
 * has a translation that is not that vCPU's.
 */
#include <asm/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hv/arch/cpu.h"
#include "hv/arch/x86.h"
#include "tests/hv/check.h"

enum { CPUS = 3, VCPUS = 5, FRAMES = 9, PAGES = 32, STEPS = 200000 };

static void forget_page(uint64_t va);
#define x86_invlpg(va) forget_page(va)
#include "hv/domain/seg.c"

static struct percpu cpus[CPUS];
static pte_t entries[PT_ENTRIES];
static pte_t tlb[CPUS][PAGES];
static unsigned refs[FRAMES];
static struct vcpu *vcpus[VCPUS];
static struct domain d;
static struct mm mm;
static struct mm_owed owed;
static uint64_t gdt_base[CPUS], seed;
static bool refuse;

/* --- what seg.c wants of others ------------------------------------------- */

static void be(unsigned cpu)
{
    assert_int_equal(syscall(SYS_arch_prctl, ARCH_SET_GS, &cpus[cpu]), 0);
}

/* The test has them one behind the other. */
static uint64_t page_at(uint64_t va)
{
    const uint64_t off = va - HV_WINDOW_VA;

    return off / HV_WINDOW_STRIDE * PAGES + off % HV_WINDOW_STRIDE / PAGE_SIZE;
}

static void forget_page(uint64_t va)
{
    uint64_t page = page_at(va);

    if (page / PAGES == this_cpu()->id) /* else nobody there uses it */
        tlb[page / PAGES][page % PAGES] = pte_of(0);
}

struct mm_owed *port_owed(const struct mm *of)
{
    return of->owed;
}

pte_t *paging_window_entry(vaddr_t va)
{
    return &entries[page_at(va.v)];
}

void cpu_load_gdt(uint64_t base)
{
    gdt_base[this_cpu()->id] = base;
}

void cpu_load_ldt(uint64_t base, unsigned n)
{
    assert_int_equal(base, gdt_base[this_cpu()->id] + 16 * PAGE_SIZE);
    assert_int_equal(n, current_vcpu()->ldt_entries);
}

static bool is_frame(pte_t e)
{
    return pte_present(e) && pte_has(e, PTE_RW) && pte_mfn(e).v < FRAMES;
}

static void nothing_is_mapped_that_is_nobodys(void)
{
    for (unsigned i = 0; i < CPUS * PAGES; i++)
        if (is_frame(entries[i]))
            assert_true(refs[pte_mfn(entries[i]).v] > 0);
}

static void move(struct mm_vcpu *v, unsigned slot, mfn_t m)
{
    if (!mfn_eq(v->seg[slot], MFN_NONE))
        refs[v->seg[slot].v]--;
    nothing_is_mapped_that_is_nobodys();
    v->seg[slot] = m;
}

static enum err get(mfn_t m)
{
    if (refuse)
        return ERR_RESTART;
    if (!mfn_eq(m, MFN_NONE))
        refs[m.v]++;
    return ERR_NONE;
}

enum err mmu_seg_load(struct mm_op *op, unsigned slot, mfn_t m)
{
    enum err rc = get(m);

    if (!rc)
        move(op->v, slot, m);
    return rc;
}

enum err mmu_gdt_load(struct mm_op *op, const uint64_t *mfns, unsigned nr)
{
    if (refuse)
        return ERR_INVAL;
    for (unsigned i = 0; i < nr; i++)
        assert_int_equal(get(mfn_of(mfns[i])), ERR_NONE);
    for (unsigned i = 0; i < MM_GDT_SLOTS; i++)
        move(op->v, i, i < nr ? mfn_of(mfns[i]) : MFN_NONE);
    return ERR_NONE;
}

static uint64_t dice(uint64_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (seed >> 33) % n;
}

enum err mmu_find_va(const struct mm_op *op, uint64_t va, pte_t *e)
{
    (void)op;
    (void)va;
    *e = pte_make(mfn_of(dice(FRAMES)), PTE_P);
    return ERR_NONE;
}

void bounce_page_fault(struct vcpu *v, uint64_t va, uint64_t error)
{
    fail_msg("bounced: %p %lx %lx", (void *)v, va, error);
}

void port_lock_wait(struct lock *l, bool taken)
{
    fail_msg("%p is %s", (void *)l, taken ? "claimed" : "held");
}

bool mm_discharge(struct mm *m)
{
    fail_msg("owed: %p", (void *)m);
    return false;
}

void cpu_discharge(void)
{
}

void panic(const char *fmt, ...)
{
    fail_msg("%s", fmt);
    abort();
}

void bug(const char *file, int line, const char *what)
{
    fail_msg("%s:%d: %s", file, line, what);
    abort();
}

/* --- the machine ---------------------------------------------------------- */

static int start(void **state)
{
    (void)state;
    memset(tlb, 0, sizeof(tlb));
    memset(refs, 0, sizeof(refs));
    memset(windows, 0, sizeof(windows));
    mm.owed = &owed;
    d.mm.mm = &mm;
    for (unsigned i = 0; i < CPUS; i++) {
        cpus[i] = (struct percpu){.self = &cpus[i], .id = i};
        cpus[i].gdt_frame = maddr_of((100 + i) * PAGE_SIZE);
        be(i);
        seg_init();
    }
    for (unsigned i = 0; i < VCPUS; i++) {
        struct vcpu *v = aligned_alloc(16, sizeof(*v));

        memset(v, 0, sizeof(*v));
        v->d = &d;
        for (unsigned s = 0; s < MM_SEG_SLOTS; s++)
            v->mm.seg[s] = MFN_NONE;
        vcpus[i] = v;
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VCPUS; i++)
        free(vcpus[i]);
    return 0;
}

static unsigned page_of_slot(unsigned slot)
{
    return slot < 14 ? slot : slot + 2;
}

/* As the processor finds it: cached, or in the table. */
static pte_t use(unsigned cpu, unsigned page)
{
    pte_t *t = &tlb[cpu][page];

    if (!pte_present(*t))
        *t = entries[cpu * PAGES + page];
    return *t;
}

static void a_cpu_that_runs_one_has_its_descriptors(unsigned cpu)
{
    const struct vcpu *v = cpus[cpu].vcpu;

    assert_int_equal(pte_mfn(use(cpu, 14)).v, 100 + cpu);
    assert_int_equal(use(cpu, 15).v, 0);
    for (unsigned s = 0; v && s < MM_SEG_SLOTS; s++) {
        pte_t e = use(cpu, page_of_slot(s));

        if (!mfn_eq(v->mm.seg[s], MFN_NONE) &&
            (s < MM_GDT_SLOTS || v->ldt_entries)) {
            assert_true(is_frame(e) || (s >= MM_GDT_SLOTS && !pte_present(e)));
            if (is_frame(e))
                assert_int_equal(pte_mfn(e).v, v->mm.seg[s].v);
        } else {
            assert_false(is_frame(e));
            assert_int_equal(pte_present(e), s < MM_GDT_SLOTS);
        }
    }
}

static void check_all(void)
{
    nothing_is_mapped_that_is_nobodys();
    for (unsigned i = 0; i < CPUS; i++)
        a_cpu_that_runs_one_has_its_descriptors(i);
}

/* The CPU it runs on, or CPUS. */
static unsigned runs_on(const struct vcpu *v)
{
    unsigned i = 0;

    while (i < CPUS && cpus[i].vcpu != v)
        i++;
    return i;
}

/* Becomes one that may change v: its own, or any if it does not run. */
static void be_one_for(const struct vcpu *v)
{
    unsigned at = runs_on(v);

    be(at < CPUS ? at : (unsigned)dice(CPUS));
}

static void run(struct vcpu *v)
{
    unsigned cpu = (unsigned)dice(CPUS);

    if (runs_on(v) < CPUS)
        return;
    be(cpu);
    cpus[cpu].vcpu = v;
    seg_load(v);
}

static void set_gdt(struct vcpu *v)
{
    unsigned nr = (unsigned)dice(4) * (unsigned)dice(5);
    uint64_t mfns[MM_GDT_SLOTS];

    for (unsigned i = 0; i < nr; i++)
        mfns[i] = dice(FRAMES);
    be_one_for(v);
    (void)seg_set_gdt(v, mfns, nr * DESC_PER_FRAME); /* may be refused */
}

static void set_ldt(struct vcpu *v)
{
    struct mm_op op;

    be_one_for(v);
    mm_op_begin(&op, &d.mm, &v->mm);
    (void)seg_set_ldt(&op, v, dice(3) * PAGE_SIZE,
                      (unsigned)dice(8193) * 3 / 2);
    mm_op_end(&op);
}

static void touch_ldt(struct vcpu *v)
{
    if (runs_on(v) == CPUS || !v->ldt_entries)
        return;
    be(runs_on(v));
    (void)seg_fault_retry(
        v, gdt_base[this_cpu()->id] + (16 + dice(MM_LDT_SLOTS)) * PAGE_SIZE, 0);
}

static void let_go(struct vcpu *v)
{
    struct mm_op op;

    if (runs_on(v) < CPUS)
        return;
    be_one_for(v);
    seg_forget(v);
    assert_int_equal(v->window, 0);
    mm_op_begin(&op, &d.mm, &v->mm);
    for (unsigned s = 0; s < MM_SEG_SLOTS; s++)
        assert_int_equal(mmu_seg_load(&op, s, MFN_NONE), ERR_NONE);
    mm_op_end(&op);
    v->gdt_entries = v->ldt_entries = 0;
}

static void step(struct vcpu *v)
{
    refuse = dice(8) == 0;
    switch (dice(6)) {
    case 0:
        run(v);
        break;
    case 1:
        cpus[dice(CPUS)].vcpu = NULL;
        break;
    case 2:
        set_gdt(v);
        break;
    case 3:
        set_ldt(v);
        break;
    case 4:
        touch_ldt(v);
        break;
    case 5:
        refuse = false;
        if (dice(4) == 0)
            let_go(v);
        break;
    }
}

static void windows_hold_what_is_held(void **state)
{
    (void)state;
    for (unsigned i = 0; i < STEPS; i++) {
        step(vcpus[dice(VCPUS)]);
        check_all();
    }
}

/* Coming back to where it was, and where nobody else was, writes nothing. */
static void coming_back_is_for_nothing(void **state)
{
    const uint64_t mfns[] = {3, 4};
    pte_t seen;

    (void)state;
    be(0);
    assert_int_equal(seg_set_gdt(vcpus[0], mfns, 1024), ERR_NONE);
    cpus[0].vcpu = vcpus[0];
    seg_load(vcpus[0]);
    seen = use(0, 1);
    cpus[0].vcpu = NULL;
    cpus[0].vcpu = vcpus[0];
    seg_load(vcpus[0]);
    assert_int_equal(tlb[0][1].v, seen.v);
    assert_int_equal(pte_mfn(seen).v, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(windows_hold_what_is_held, start, end),
        cmocka_unit_test_setup_teardown(coming_back_is_for_nothing, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
