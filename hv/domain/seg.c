/* SPDX-License-Identifier: MIT */
/*
 * seg.c: descriptor windows. GDT frames are given all at once and checked at
 * once; LDT pages come in one by one, when the processor first reads them.
 *
 * Invariants: a window is of nobody but who has it in vcpu.window, and another
 * may have come since; an entry of a window changes under its lock, by its own
 * CPU, or to what maps no frame.
 */
#include "hv/domain/seg.h"

#include "hv/arch/layout.h"
#include "hv/arch/paging.h"
#include "hv/arch/panic.h"
#include "hv/arch/x86.h"
#include "hv/domain/bounce.h"
#include "hv/domain/guest.h"
#include "hv/domain/tlb.h"
#include "hv/domain/vcpu.h"
#include "mm/base/spin.h"
#include "mm/pv/mmu.h"

#define GDT_PAGES    16u
#define WINDOW_PAGES (GDT_PAGES + MM_LDT_SLOTS)
#define LDT_MAX      8192u
#define GDT_SLOTS    BITS(MM_GDT_SLOTS - 1, 0)
#define LDT_SLOTS    BITS(MM_SEG_SLOTS - 1, MM_GDT_SLOTS)
/* The processor sets accessed bits, so a guest's frame is writable to it. */
#define MAP_RO (PTE_P | PTE_A | PTE_D | PTE_G | PTE_NX)
#define MAP_RW (MAP_RO | PTE_RW)

_Static_assert(LDT_MAX / DESC_PER_FRAME == MM_LDT_SLOTS, "ABI fact 2.3");
_Static_assert(MM_GDT_SLOTS == GDT_RESERVED_PAGE, "ABI: 14 pages are theirs");
_Static_assert(WINDOW_PAGES <= PT_ENTRIES, "a window has one table");
_Static_assert(CPU_MAX *HV_WINDOW_STRIDE <= HV_CPU_VA - HV_WINDOW_VA,
               "all have room");

/* Slots are those of struct mm_vcpu, as bits. */
static struct window {
    struct spin lock; /* of all here; nothing is taken inside */
    uint32_t mapped;  /* slots that map a frame of ... */
    struct vcpu *of;  /* ... this one, loaded last; NULL: there are none */
    uint32_t stale;   /* unmapped by another CPU, and cached by this, maybe */
    pte_t *entries;   /* WINDOW_PAGES of them */
} windows[CPU_MAX];
static uint8_t zeros[PAGE_SIZE] aligned_to(4096);

static struct window *own_window(void)
{
    return &windows[this_cpu()->id];
}

static uint64_t gdt_va(void)
{
    return HV_WINDOW_VA + (uint64_t)this_cpu()->id * HV_WINDOW_STRIDE;
}

static uint64_t ldt_va(void)
{
    return gdt_va() + GDT_PAGES * PAGE_SIZE;
}

/* Behind the GDT's slots the window has two pages that are no slots. */
static unsigned page_of(unsigned slot)
{
    return slot < MM_GDT_SLOTS ? slot : slot - MM_GDT_SLOTS + GDT_PAGES;
}

/* A descriptor beyond the GDT's frames is not present; one of a page of the
 * LDT that is not there yet faults. */
static pte_t entry_without(unsigned slot)
{
    if (slot >= MM_GDT_SLOTS)
        return pte_of(0);
    return pte_make(mfn_of_maddr(maddr_of_image(zeros)), MAP_RO);
}

/* In whichever window; the translation goes on this CPU. */
static void set(struct window *w, unsigned slot, pte_t e)
{
    uint64_t va = HV_WINDOW_VA + (uint64_t)(w - windows) * HV_WINDOW_STRIDE;

    WRITE_ONCE(w->entries[page_of(slot)], e);
    x86_invlpg(va + page_of(slot) * PAGE_SIZE);
}

void seg_init(void)
{
    struct window *w = own_window();

    spin_init(&w->lock, LOCKDEP_WINDOW, 0);
    w->entries = paging_window_entry(vaddr_of(gdt_va()));
    if (!w->entries)
        panic("no table for the descriptor window at %lx", gdt_va());
    for (unsigned i = 0; i < MM_SEG_SLOTS; i++)
        set(w, i, entry_without(i));
    w->entries[GDT_RESERVED_PAGE] =
        pte_make(mfn_of_maddr(this_cpu()->gdt_frame), MAP_RW);
    cpu_load_gdt(gdt_va());
}

/* --- what a window maps -------------------------------------------------- */

static uint32_t slots_of(const struct vcpu *v)
{
    uint32_t slots = (uint32_t)BIT(seg_gdt_frames(v->gdt_entries)) - 1;

    for (unsigned i = MM_GDT_SLOTS; v->ldt_entries && i < MM_SEG_SLOTS; i++)
        if (!mfn_eq(v->mm.seg[i], MFN_NONE))
            slots |= (uint32_t)BIT(i);
    return slots;
}

/* Those of the slots that are v's are mapped in w no more. */
static void unmap(struct window *w, const struct vcpu *v, uint32_t slots)
{
    spin_lock(&w->lock);
    if (w->of == v) {
        slots &= w->mapped;
        for (uint32_t rest = slots; rest; rest &= rest - 1)
            set(w, (unsigned)__builtin_ctz(rest),
                entry_without((unsigned)__builtin_ctz(rest)));
        w->mapped &= ~slots;
        if (w != own_window())
            w->stale |= slots;
    }
    spin_unlock(&w->lock);
}

static void unmap_anywhere(const struct vcpu *v, uint32_t slots)
{
    unsigned at = READ_ONCE(v->window);

    if (at)
        unmap(&windows[at - 1], v, slots);
}

/* w is this CPU's, and locked. What is there already stays. */
static void fill(struct window *w, const struct vcpu *v)
{
    const uint32_t want = slots_of(v);

    for (uint32_t rest = want | w->mapped | w->stale; rest; rest &= rest - 1) {
        unsigned slot = (unsigned)__builtin_ctz(rest);
        pte_t e = want & BIT(slot) ? pte_make(v->mm.seg[slot], MAP_RW)
                                   : entry_without(slot);

        if (w->entries[page_of(slot)].v != e.v || (w->stale & BIT(slot)))
            set(w, slot, e);
    }
    w->mapped = want;
    w->stale = 0;
}

static void load_window(struct vcpu *v)
{
    struct window *w = own_window();
    const unsigned here = this_cpu()->id + 1;

    if (v->window != here)
        seg_forget(v);
    spin_lock(&w->lock);
    w->of = v;
    v->window = here;
    fill(w, v);
    spin_unlock(&w->lock);
}

void seg_load(struct vcpu *v)
{
    load_window(v);
    cpu_load_ldt(ldt_va(), v->ldt_entries);
}

void seg_forget(struct vcpu *v)
{
    const unsigned at = READ_ONCE(v->window);
    struct window *w = at ? &windows[at - 1] : NULL;

    if (!w)
        return;
    unmap(w, v, ~0u);
    spin_lock(&w->lock);
    if (w->of == v)
        w->of = NULL;
    spin_unlock(&w->lock);
    v->window = 0;
}

/* --- GDT --------------------------------------------------------------- */

enum err seg_set_gdt(struct vcpu *v, const uint64_t *mfns, unsigned entries)
{
    struct mm_op op;
    enum err rc;

    mm_op_begin(&op, &v->d->mm, &v->mm);
    unmap_anywhere(v, GDT_SLOTS);
    rc = mmu_gdt_load(&op, mfns, seg_gdt_frames(entries));
    if (!rc)
        v->gdt_entries = entries;
    if (v == current_vcpu())
        load_window(v);
    mm_op_end(&op);
    return rc;
}

/* --- LDT --------------------------------------------------------------- */

enum err seg_drop_ldt(struct mm_op *op, struct vcpu *v)
{
    enum err rc = ERR_NONE;

    unmap_anywhere(v, LDT_SLOTS);
    for (unsigned i = MM_GDT_SLOTS; !rc && i < MM_SEG_SLOTS; i++)
        if (!mfn_eq(v->mm.seg[i], MFN_NONE))
            rc = mmu_seg_load(op, i, MFN_NONE);
    return rc;
}

enum err seg_set_ldt(struct mm_op *op, struct vcpu *v, uint64_t base,
                     unsigned entries)
{
    enum err rc;

    if (entries > LDT_MAX || base % PAGE_SIZE ||
        !guest_range_ok(base, (uint64_t)entries * 8 + 1))
        return ERR_INVAL;
    if (entries == v->ldt_entries && base == v->ldt_base)
        return ERR_NONE;
    rc = seg_drop_ldt(op, v);
    if (rc)
        return rc;
    v->ldt_base = base;
    v->ldt_entries = entries;
    if (v == current_vcpu())
        cpu_load_ldt(ldt_va(), entries);
    return ERR_NONE;
}

/* The page of the LDT is looked up in the kernel's tables on first use. */
static enum err bring_in(struct mm_op *op, struct vcpu *v, uint64_t offset)
{
    unsigned page = (unsigned)(offset / PAGE_SIZE);
    pte_t e;
    enum err rc;

    if (offset >= (uint64_t)v->ldt_entries * 8)
        return ERR_INVAL; /* XSA-298 */
    rc = mmu_find_va(op, v->ldt_base + (uint64_t)page * PAGE_SIZE, &e);
    if (rc)
        return rc;
    unmap_anywhere(v, (uint32_t)BIT(MM_GDT_SLOTS + page));
    rc = mmu_seg_load(op, MM_GDT_SLOTS + page, pte_mfn(e));
    load_window(v);
    return rc;
}

static bool in_ldt_window(uint64_t va)
{
    return va >= ldt_va() && va < ldt_va() + MM_LDT_SLOTS * PAGE_SIZE;
}

bool seg_fault_retry(struct vcpu *v, uint64_t va, uint64_t error)
{
    struct mm_op op;
    enum err rc;

    if (!in_ldt_window(va) || (error & (PF_PRESENT | PF_RESERVED)))
        return false;
    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = bring_in(&op, v, va - ldt_va());
    mm_op_end(&op);
    return !rc;
}

bool seg_fault(struct vcpu *v, uint64_t va, uint64_t error)
{
    if (!in_ldt_window(va))
        return false;
    if (!seg_fault_retry(v, va, error))
        bounce_page_fault(v, v->ldt_base + (va - ldt_va()), error);
    return true;
}

/* A page of the LDT that is not there comes in by seg_fault_retry(). */
bool seg_descriptor(const struct vcpu *v, uint16_t sel, uint64_t *descriptor)
{
    bool local = sel & 4;
    unsigned at = sel & ~7u, n = local ? v->ldt_entries * 8 : GDT_LIMIT + 1;

    return sel >= 4 && at < n &&
           x86_peek((local ? ldt_va() : gdt_va()) + at, descriptor);
}
