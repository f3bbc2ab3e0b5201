/* SPDX-License-Identifier: MIT */
/*
 * remap.c: entries are mended in batches of one mmu_update: for each, the
 * frame of the new table is closed to writing and then hooked in.
 */
#include "guest/lib/remap.h"

#include "guest/lib/flagstone.h"
#include "guest/lib/guest.h"
#include "guest/lib/space.h"
#include "guest/lib/spare.h"

#define BATCH 64u

static struct mmu_update batch[2 * BATCH];
static unsigned nr;
static struct remap_result *result;
static bool failed;

static void flush(void)
{
    if (!nr)
        return;
    result->calls++;
    int64_t rc = hc_mmu_update(batch, nr, NULL, DOMID_SELF);
    nr = 0;
    if (!rc)
        return;
    printk("remap: %ld\n", rc);
    failed = true;
}

static void add(maddr_t at, pte_t value)
{
    batch[nr++] = (struct mmu_update){at.v | MMU_NORMAL_PT_UPDATE, value.v};
}

/* What the large entry permitted is permitted again. */
static uint64_t small_flags(pte_t e)
{
    return (space_small_flags(pte_flags(e)) & ~FLAGSTONE_PTE_SHATTERED) | PTE_P;
}

static bool fill(pfn_t table, pte_t e)
{
    pte_t *to = frame_va(table);
    uint64_t first = FLAGSTONE_REMAP_PFN(e.v);
    if (first + BLOCK_FRAMES > frame_count())
        return false;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        mfn_t m = frame_mfn(pfn_of(first + i));
        to[i] = m.v == MFN_NONE.v ? pte_of(0) : pte_make(m, small_flags(e));
    }
    return true;
}

/* The first that could not be mended is told. */
static void fail(pte_t e, const char *why)
{
    if (!failed)
        printk("remap: entry %#lx: %s\n", e.v, why);
    failed = true;
}

static void mend(maddr_t at, pte_t e)
{
    pfn_t table = spare_get();
    if (table.v == PFN_NONE.v) {
        fail(e, "no spare table");
        return;
    }
    if (!fill(table, e)) {
        spare_put(table);
        fail(e, "no such memory");
        return;
    }
    mfn_t m = frame_mfn(table);
    add(pt_entry_maddr(pt_root(), (uint64_t)frame_va(table), 1),
        pte_make(m, PT_KERNEL_RO));
    add(at, pte_make(m, PT_TABLE));
    result->l1_frames++;
    if (nr == 2 * BATCH)
        flush();
}

static void mend_level2(pfn_t table)
{
    const pte_t *entries = frame_va(table);
    result->looked_at++;
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        pte_t e = entries[i];
        if (!pte_present(e) && e.v & FLAGSTONE_PTE_SHATTERED)
            mend(pt_slot_maddr(frame_mfn(table), i), e);
    }
}

static void walk(pfn_t table, unsigned level)
{
    const pte_t *entries = frame_va(table);
    if (level == 2) {
        mend_level2(table);
        flush(); /* a table that others share is done once */
        return;
    }
    result->looked_at++;
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        if (!pte_present(entries[i]) || pte_has(entries[i], PTE_PSE) ||
            (level == 4 && l4_slot_is_hv(i)))
            continue;
        pfn_t below = frame_pfn(pte_mfn(entries[i]));
        if (below.v < frame_count())
            walk(below, level - 1);
    }
}

bool remap_all(struct remap_result *r)
{
    uint64_t start = timer_ran();
    *r = (struct remap_result){0};
    result = r;
    failed = false;
    r->ranges = flagstone_count_ranges(FLAGSTONE_RANGE_remap);
    for (unsigned i = 0; i < space_count(); i++)
        walk(space_nth(i)->root, 4);
    r->ticks = timer_ran() - start;
    if (r->l1_frames) {
        r->calls++;
        (void)flagstone_downgraded(r->ranges, r->l1_frames, r->ticks);
    }
    return !failed;
}
