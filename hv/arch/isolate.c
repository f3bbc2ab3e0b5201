/* SPDX-License-Identifier: MIT */
/*
 * isolate.c: see isolate.h. Invariant: the tables here are reached from the
 * copies alone, and a copy is loaded by hv/entry/isolated.asm alone; what they
 * map is read-only or has nothing but this CPU's and its guest's.
 */
#include "hv/arch/isolate.h"

#include "hv/arch/cpu.h"
#include "hv/arch/early.h"
#include "hv/arch/idt.h"
#include "hv/arch/layout.h"
#include "hv/arch/paging.h"
#include "hv/arch/panic.h"
#include "hv/arch/stacks.h"
#include "hv/arch/x86.h"
#include "hv/base/log.h"
#include "hv/base/string.h"

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_A)
#define CODE_FLAGS  (PTE_P | PTE_A | PTE_D)
#define RO_FLAGS    (CODE_FLAGS | PTE_NX)
#define RW_FLAGS    (RO_FLAGS | PTE_RW)

extern const char hv_isolated_start[], hv_isolated_end[];

static uint64_t page_of(uint64_t va)
{
    return va & ~(uint64_t)(PAGE_SIZE - 1);
}

/* --- made once ----------------------------------------------------------- */

static pte_t entry_to(const void *table)
{
    return pte_make(mfn_of_maddr(maddr_of_direct(table)), TABLE_FLAGS);
}

static pte_t *table_below(pte_t *e)
{
    if (!pte_present(*e))
        *e = entry_to(early_alloc_page());
    return direct_of_mfn(pte_mfn(*e));
}

/* The entry for va at the given level, with tables made on the way. */
static pte_t *entry_at(pte_t *l4, uint64_t va, unsigned level)
{
    pte_t *e = &l4[pt_index(va, PT_LEVELS)];

    for (unsigned l = PT_LEVELS - 1; l >= level; l--)
        e = &table_below(e)[pt_index(va, l)];
    return e;
}

static void show_pages(pte_t *l4, const void *start, uint64_t pages,
                       uint64_t flags)
{
    for (const uint8_t *p = start; pages--; p += PAGE_SIZE) {
        const mfn_t m = paging_frame_at(p);

        BUG_IF(mfn_eq(m, MFN_NONE));
        *entry_at(l4, (uint64_t)p, 1) = pte_make(m, flags);
    }
}

static void show_stacks(pte_t *l4, const struct percpu *p)
{
    for (unsigned i = 1; i < IST_COUNT; i++)
        show_pages(l4,
                   (const void *)(stacks_ist_top((uint64_t)p->stacks, i) -
                                  STACKS_IST * PAGE_SIZE),
                   STACKS_IST, RW_FLAGS);
}

/* It has a table of its own, which is shown as it is. */
static void show_window(pte_t *l4, const struct percpu *p)
{
    const uint64_t va = HV_WINDOW_VA + p->id * HV_WINDOW_STRIDE;

    const uint64_t entry = (uint64_t)paging_window_entry(vaddr_of(va));

    *entry_at(l4, va, 2) = entry_to((const void *)page_of(entry));
}

static void show_all(pte_t *l4, const struct percpu *p)
{
    const unsigned m2p = pt_index(HV_M2P_VA, PT_LEVELS);

    l4[m2p] = paging_l4_template[m2p - L4_HV_FIRST];
    show_pages(l4, hv_isolated_start,
               (uint64_t)(hv_isolated_end - hv_isolated_start) / PAGE_SIZE,
               CODE_FLAGS);
    show_pages(l4, idt_page(), 1, RO_FLAGS);
    show_pages(l4, p, 1, RW_FLAGS);
    show_stacks(l4, p);
    show_window(l4, p);
}

static void make(struct percpu *p)
{
    struct percpu_isolate *i = &p->isolate;

    for (unsigned k = 0; k < ISOLATE_COPIES; k++) {
        i->l4[k] = early_alloc_page();
        i->copy[k] = maddr_of_direct(i->l4[k]).v;
    }
    for (unsigned k = 0; k < ARRAY_SIZE(i->vcpu_table); k++)
        i->vcpu_table[k] = early_alloc_page();
    show_all(i->l4[0], p);
    memcpy(&i->l4[1][L4_HV_FIRST], &i->l4[0][L4_HV_FIRST],
           L4_HV_COUNT * sizeof(pte_t));
}

void isolate_init(void)
{
    for (unsigned i = 0; i < cpu_count; i++)
        make(cpu_of(i));
    log_say("isolate: other guests' memory is not mapped while a guest runs");
}

/* --- on the way to a guest ----------------------------------------------- */

/* The tables for one page, of the direct map, lead there; or nowhere. */
static void set_vcpu_page(struct percpu_isolate *i, uint64_t va, bool there)
{
    const unsigned slot = pt_index(va, PT_LEVELS);
    const pte_t none = pte_of(0);

    i->vcpu_table[0][pt_index(va, 1)] =
        there ? pte_make(mfn_of_maddr(maddr_of_direct((void *)va)), RW_FLAGS)
              : none;
    for (unsigned k = 1; k < ARRAY_SIZE(i->vcpu_table); k++)
        i->vcpu_table[k][pt_index(va, k + 1)] =
            there ? entry_to(i->vcpu_table[k - 1]) : none;
    for (unsigned k = 0; k < ISOLATE_COPIES; k++)
        i->l4[k][slot] = there ? entry_to(i->vcpu_table[2]) : none;
}

static void show_vcpu(struct percpu_isolate *i, uint64_t regs_end)
{
    if (i->mapped)
        set_vcpu_page(i, i->mapped, false);
    i->mapped = page_of(regs_end - 1);
    set_vcpu_page(i, i->mapped, true);
}

/*
 * What was pushed while another vCPU ran, or the hypervisor. The last words are
 * the area's address (hv/arch/cpu.c). An NMI may come meanwhile, and says so:
 * before is soon enough.
 */
static void wipe_stacks(struct percpu *p)
{
    if (!p->isolate.ist_used)
        return;
    p->isolate.ist_used = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    for (unsigned i = 1; i < IST_COUNT; i++) {
        const uint64_t top = stacks_ist_top((uint64_t)p->stacks, i);

        memset((void *)(top - STACKS_IST * PAGE_SIZE), 0,
               STACKS_IST * PAGE_SIZE - 16);
    }
}

/*
 * Or the same, when something was pushed meanwhile. An NMI sets shown to 0: the
 * fence keeps it before the wiping, so that 0 stays if it comes during that.
 */
static void another_vcpu(struct percpu *p)
{
    show_vcpu(&p->isolate, p->regs_end);
    p->guest_rsp = 0;
    p->isolate.shown = p->regs_end;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    wipe_stacks(p);
}

/* The guest's entries: all but the hypervisor's. */
static void copy_root(pte_t *l4, const pte_t *root)
{
    memcpy(l4, root, L4_HV_FIRST * sizeof(pte_t));
    memcpy(&l4[L4_HV_LAST + 1], &root[L4_HV_LAST + 1],
           (PT_ENTRIES - 1 - L4_HV_LAST) * sizeof(pte_t));
}

/* Which copy is root's now. */
static unsigned copy_of(struct percpu_isolate *i, uint64_t root)
{
    for (unsigned k = 0; k < ISOLATE_COPIES; k++)
        if (i->of[k] == root)
            return k;
    i->next = (i->next + 1) % ISOLATE_COPIES;
    copy_root(i->l4[i->next], direct_of_maddr(maddr_of(root)));
    i->of[i->next] = root;
    return i->next;
}

uint64_t isolate_refresh(void)
{
    struct percpu *p = this_cpu();
    struct percpu_isolate *i = &p->isolate;

    if (i->shown != p->regs_end)
        another_vcpu(p);
    i->full = x86_read_cr3();
    return i->copy[copy_of(i, i->full)];
}
