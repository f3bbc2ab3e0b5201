/* SPDX-License-Identifier: MIT */
/*
 * seg.c: descriptor windows. GDT frames are given all at once and checked at
 * once; LDT pages come in one by one, when the processor first reads them.
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
#include "mm/pv/mmu.h"

#define WINDOWS      512u
#define GDT_PAGES    16u
#define WINDOW_PAGES (GDT_PAGES + MM_LDT_SLOTS)
#define WINDOW_SIZE  (WINDOW_PAGES * PAGE_SIZE)
#define LDT_MAX      8192u
/* The processor sets accessed bits, so a guest's frame is writable to it. */
#define MAP_RO (PTE_P | PTE_A | PTE_D | PTE_G | PTE_NX)
#define MAP_RW (MAP_RO | PTE_RW)

_Static_assert(LDT_MAX / DESC_PER_FRAME == MM_LDT_SLOTS, "ABI fact 2.3");
_Static_assert(MM_GDT_SLOTS == GDT_RESERVED_PAGE, "ABI: 14 pages are theirs");

static uint64_t used[WINDOWS / 64];
static uint8_t zeros[PAGE_SIZE] aligned_to(4096);

static uint64_t gdt_va(const struct vcpu *v)
{
    return HV_WINDOW_VA + (uint64_t)v->window * WINDOW_SIZE;
}

static uint64_t ldt_va(const struct vcpu *v)
{
    return gdt_va(v) + GDT_PAGES * PAGE_SIZE;
}

/* Tables were built by seg_init(), so this cannot fail. */
static void map(uint64_t va, mfn_t m, uint64_t flags)
{
    if (paging_map_window(vaddr_of(va), m, flags))
        panic("no table for the descriptor window at %lx", va);
}

void seg_init(void)
{
    for (uint64_t va = 0; va < (uint64_t)WINDOWS * WINDOW_SIZE;
         va += BLOCK_SIZE)
        map(HV_WINDOW_VA + va, mfn_of(0), 0);
}

static void map_gdt_slot(const struct vcpu *v, unsigned slot)
{
    mfn_t m = v->mm.seg[slot];
    uint64_t va = gdt_va(v) + slot * PAGE_SIZE;

    if (mfn_eq(m, MFN_NONE))
        map(va, mfn_of_maddr(maddr_of_image(zeros)), MAP_RO);
    else
        map(va, m, MAP_RW);
}

enum err seg_window_get(struct vcpu *v)
{
    for (unsigned i = 0; i < WINDOWS; i++) {
        if (used[i / 64] & BIT(i % 64))
            continue;
        used[i / 64] |= BIT(i % 64);
        v->window = i;
        for (unsigned s = 0; s < MM_GDT_SLOTS; s++)
            map_gdt_slot(v, s);
        map(gdt_va(v) + GDT_RESERVED_START, mfn_of_maddr(this_cpu()->gdt_frame),
            MAP_RW);
        return ERR_NONE;
    }
    return ERR_NOMEM;
}

void seg_window_put(struct vcpu *v)
{
    for (unsigned i = 0; i < WINDOW_PAGES; i++)
        map(gdt_va(v) + i * PAGE_SIZE, mfn_of(0), 0);
    used[v->window / 64] &= ~BIT(v->window % 64);
}

void seg_load(const struct vcpu *v)
{
    cpu_load_gdt(gdt_va(v));
    cpu_load_ldt(ldt_va(v), v->ldt_entries);
}

/* --- GDT --------------------------------------------------------------- */

enum err seg_set_gdt(struct vcpu *v, const uint64_t *mfns, unsigned entries)
{
    struct mm_op op;
    enum err rc;

    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = mmu_gdt_load(&op, mfns, seg_gdt_frames(entries));
    for (unsigned i = 0; !rc && i < MM_GDT_SLOTS; i++)
        map_gdt_slot(v, i);
    if (!rc)
        v->gdt_entries = entries;
    mm_op_end(&op);
    return rc;
}

/* --- LDT --------------------------------------------------------------- */

enum err seg_drop_ldt(struct mm_op *op, struct vcpu *v)
{
    enum err rc = ERR_NONE;

    for (unsigned i = 0; !rc && i < MM_LDT_SLOTS; i++) {
        if (mfn_eq(v->mm.seg[MM_GDT_SLOTS + i], MFN_NONE))
            continue;
        map(ldt_va(v) + i * PAGE_SIZE, mfn_of(0), 0);
        rc = mmu_seg_load(op, MM_GDT_SLOTS + i, MFN_NONE);
    }
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
        cpu_load_ldt(ldt_va(v), entries);
    return ERR_NONE;
}

/* The page of the LDT is looked up in the kernel's tables on first use. */
static enum err bring_in(struct mm_op *op, const struct vcpu *v,
                         uint64_t offset)
{
    unsigned page = (unsigned)(offset / PAGE_SIZE);
    pte_t e;
    enum err rc;

    if (offset >= (uint64_t)v->ldt_entries * 8)
        return ERR_INVAL; /* XSA-298 */
    rc = mmu_find_va(op, v->ldt_base + (uint64_t)page * PAGE_SIZE, &e);
    if (rc)
        return rc;
    rc = mmu_seg_load(op, MM_GDT_SLOTS + page, pte_mfn(e));
    if (!rc)
        map(ldt_va(v) + (uint64_t)page * PAGE_SIZE, pte_mfn(e), MAP_RW);
    return rc;
}

static bool in_ldt_window(const struct vcpu *v, uint64_t va)
{
    return va >= ldt_va(v) && va < ldt_va(v) + MM_LDT_SLOTS * PAGE_SIZE;
}

bool seg_fault_retry(struct vcpu *v, uint64_t va, uint64_t error)
{
    struct mm_op op;
    enum err rc;

    if (!in_ldt_window(v, va) || (error & (PF_PRESENT | PF_RESERVED)))
        return false;
    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = bring_in(&op, v, va - ldt_va(v));
    mm_op_end(&op);
    return !rc || rc == ERR_RESTART;
}

bool seg_fault(struct vcpu *v, uint64_t va, uint64_t error)
{
    if (!in_ldt_window(v, va))
        return false;
    if (!seg_fault_retry(v, va, error))
        bounce_page_fault(v, v->ldt_base + (va - ldt_va(v)), error);
    return true;
}

/* A page of the LDT that is not there comes in by seg_fault_retry(). */
bool seg_descriptor(const struct vcpu *v, uint16_t sel, uint64_t *descriptor)
{
    bool local = sel & 4;
    unsigned at = sel & ~7u, n = local ? v->ldt_entries * 8 : GDT_LIMIT + 1;

    return sel >= 4 && at < n &&
           x86_peek((local ? ldt_va(v) : gdt_va(v)) + at, descriptor);
}
