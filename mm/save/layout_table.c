/* SPDX-License-Identifier: MIT */
/*
 * layout_table.c: page tables from pfn terms to mfns, and what becomes of a
 * large entry: a large one again, one onto a supplied table, or none, for the
 * guest to remap. A span has one supplied table however many entries map it,
 * because that table gives all rights and the entries take them away.
 *
 * Invariant: `entry` of the table under way, and `part` of the table supplied
 * for its entry of 1 GiB, are what comes next: all before them is in mfns, and
 * done once. So there can be a look at the clock after any of them.
 */
#include "flagstone/flagstone.h"
#include "mm/base/port.h"
#include "mm/pv/entry.h"
#include "mm/pv/super.h"
#include "mm/pv/supply.h"
#include "mm/save/layout.h"
#include "mm/save/normalise.h"

/*
 * The guest's kernel mark keeps the processor from making these translations
 * global, as those of a superpage are not (entry_adjust()).
 */
#define SUPPLIED_L1 (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D | PTE_GUEST_KERNEL)
#define SUPPLIED_L2 (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D | PTE_PSE)
_Static_assert(!(SUPPLIED_L1 & ENTRY_FORBIDDEN(1)), "a guest might have it");
_Static_assert(!(SUPPLIED_L2 & (SUPER_FORBIDDEN | SUPER_MUST_BE_ZERO)),
               "and this");

/* Entries between two looks, or what is as much work. */
#define LOOK 64u

static bool time_is_up(struct layout *l)
{
    if (++l->work < LOOK)
        return false;
    l->work = 0;
    return port_preempt();
}

static enum err supply(struct layout *l, uint64_t *table)
{
    mfn_t m;
    enum err rc;

    if (*table)
        return ERR_NONE;
    rc = supply_get(l->op, &m);
    if (rc) {
        say(l->why, 160, "no memory for a page table in a superpage's place");
        return rc;
    }
    *table = m.v;
    l->result->supplied++;
    return ERR_NONE;
}

static void fill_l1(struct layout *l, struct layout_span *span, uint64_t pfn)
{
    pte_t *e = mm_frame_ptr(l->op->mm, mfn_of(span->l1));

    if (span->flags & LAYOUT_FILLED)
        return;
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        e[i] = pte_make(pfnmap_get(l->map, pfn_of(pfn + i)), SUPPLIED_L1);
    span->flags |= LAYOUT_FILLED;
    l->work += LOOK;
}

/* What a large entry is that is shattered, or left to the guest. */
static pte_t shattered_onto(uint64_t table, uint64_t flags)
{
    return pte_make(mfn_of(table),
                    (flags & ~PTE_PSE) | FLAGSTONE_PTE_SHATTERED);
}

static pte_t to_remap(uint64_t pfn, uint64_t flags)
{
    return pte_of((flags & ~(PTE_P | PTE_PSE)) | FLAGSTONE_PTE_SHATTERED |
                  (~pfn << PAGE_SHIFT & PTE_ADDR));
}

/* A 2 MiB entry with these flags onto the span that begins at pfn. */
static enum err lay_span(struct layout *l, struct layout_span *span,
                         uint64_t pfn, uint64_t flags, pte_t *out)
{
    enum err rc;

    if (span->flags & LAYOUT_WHOLE) {
        *out = pte_make(pfnmap_get(l->map, pfn_of(pfn)), flags);
        l->result->large_after++;
        return ERR_NONE;
    }
    if (!span->l1 && l->policy != RESTORE_SHATTER) {
        *out = to_remap(pfn, flags);
        span->flags |= LAYOUT_REMAP;
        l->result->remap++;
        return ERR_NONE;
    }
    rc = supply(l, &span->l1);
    if (rc)
        return rc;
    fill_l1(l, span, pfn);
    *out = shattered_onto(span->l1, flags);
    span->flags |= LAYOUT_SMALL;
    l->result->shattered++;
    return ERR_NONE;
}

static struct layout_span *large_span(const struct layout *l, uint64_t pfn)
{
    struct layout_span *span = layout_span_at(l, pfn);

    return span && (span->flags & LAYOUT_LARGE) ? span : NULL;
}

/* --- 1 GiB --------------------------------------------------------------- */

/* The 512 spans from pfn on, each of them there? */
static bool exists_1g(const struct layout *l, uint64_t pfn)
{
    for (unsigned i = 0; i < REGION_BLOCKS; i++)
        if (!large_span(l, pfn + (uint64_t)i * BLOCK_FRAMES))
            return false;
    return true;
}

static bool is_whole_1g(const struct layout *l, uint64_t pfn)
{
    mfn_t first = pfnmap_get(l->map, pfn_of(pfn));

    if (!super_allowed(l->op, 3) || first.v % (REGION_BLOCKS * BLOCK_FRAMES))
        return false;
    for (unsigned i = 0; i < REGION_BLOCKS; i++) {
        uint64_t at = (uint64_t)i * BLOCK_FRAMES;

        if (!(layout_span_at(l, pfn + at)->flags & LAYOUT_WHOLE) ||
            !mfn_eq(pfnmap_get(l->map, pfn_of(pfn + at)), mfn_add(first, at)))
            return false;
    }
    return true;
}

/* ERR_RESTART: not all of it yet. */
static enum err fill_l2(struct layout *l, struct layout_span *span,
                        uint64_t pfn)
{
    pte_t *e = mm_frame_ptr(l->op->mm, mfn_of(span->l2));

    if (span->flags & LAYOUT_FULL)
        return ERR_NONE;
    while (l->part < PT_ENTRIES) {
        uint64_t at = pfn + (uint64_t)l->part * BLOCK_FRAMES;
        enum err rc =
            lay_span(l, layout_span_at(l, at), at, SUPPLIED_L2, &e[l->part]);

        if (rc)
            return rc;
        l->part++;
        if (time_is_up(l))
            return ERR_RESTART;
    }
    l->part = 0;
    span->flags |= LAYOUT_FULL;
    return ERR_NONE;
}

static enum err lay_1g(struct layout *l, uint64_t pfn, uint64_t flags,
                       pte_t *out)
{
    struct layout_span *span = layout_span_at(l, pfn);
    enum err rc;

    if (is_whole_1g(l, pfn)) {
        *out = pte_make(pfnmap_get(l->map, pfn_of(pfn)), flags);
        l->result->large_after++;
        return ERR_NONE;
    }
    rc = supply(l, &span->l2);
    if (!rc)
        rc = fill_l2(l, span, pfn);
    if (rc)
        return rc;
    *out = shattered_onto(span->l2, flags);
    l->result->shattered++;
    return ERR_NONE;
}

/* --- entries ------------------------------------------------------------- */

static enum err lay_large(struct layout *l, unsigned level, pte_t *e)
{
    uint64_t pfn = pte_mfn(*e).v, flags = pte_flags(*e);
    struct layout_span *span = large_span(l, pfn);
    enum err rc;

    if (!span || (level == 3 && !exists_1g(l, pfn)))
        return layout_wrong(l,
                            "a large entry is onto pfn %lx, where no whole "
                            "block was",
                            pfn);
    if (level == 3)
        l->work += LOOK; /* 512 spans are looked at */
    rc = level == 3 ? lay_1g(l, pfn, flags, e)
                    : lay_span(l, span, pfn, flags, e);
    l->result->large_before += !rc;
    return rc;
}

/*
 * Left to the guest by an earlier restore, and still to be remapped: as large
 * as it once was, if its span is whole by now. Only the hypervisor makes such
 * spans, so a guest's own entries are not touched.
 */
static enum err lay_absent(struct layout *l, unsigned level, pte_t *e)
{
    uint64_t pfn = FLAGSTONE_REMAP_PFN(e->v), flags = pte_flags(*e);
    struct layout_span *span;

    if (level != 2 || !(flags & FLAGSTONE_PTE_SHATTERED) || (flags & PTE_PSE))
        return ERR_NONE;
    span = large_span(l, pfn);
    if (!span || !(span->flags & LAYOUT_LATE))
        return ERR_NONE;
    l->result->large_before++;
    return lay_span(l, span, pfn,
                    (flags & ~FLAGSTONE_PTE_SHATTERED) | PTE_P | PTE_PSE, e);
}

/* There is a byte for it: layout_tables_begin(). */
static void note_linear(struct layout *l, uint64_t n)
{
    bool *linear = snapshot_at(&l->linear, n);

    *linear = l->any_linear = true;
}

bool layout_is_linear(const struct layout *l, uint64_t n)
{
    const bool *linear = snapshot_at(&l->linear, n);

    return *linear;
}

/* An entry for another of its own level, or for itself. Validating would refuse
 * what is wrong, but not say why. */
static enum err lay_linear(struct layout *l, uint64_t n,
                           struct snapshot_table t, uint64_t name)
{
    if (t.level == PT_LEVELS && l->op->mm->no_linear_l4)
        return layout_wrong(l,
                            "the root at pfn %lx maps a root, which isolate=on "
                            "does not allow",
                            t.pfn);
    if (name != t.pfn)
        note_linear(l, n);
    return ERR_NONE;
}

static enum err lay_small(struct layout *l, uint64_t n, struct snapshot_table t,
                          pte_t *e)
{
    uint64_t name = pte_mfn(*e).v;
    mfn_t m = layout_named(l, name);

    if (mfn_eq(m, MFN_NONE))
        return layout_wrong(l, "an entry is onto pfn %lx, which does not exist",
                            name);
    *e = pte_make(m, pte_flags(*e));
    if (t.level > 1 && layout_level(l, name) == t.level)
        return lay_linear(l, n, t, name);
    return ERR_NONE;
}

static enum err lay_entry(struct layout *l, uint64_t n, struct snapshot_table t,
                          pte_t *e)
{
    if (t.level == PT_LEVELS && l4_slot_is_hv(l->entry)) {
        *e = pte_of(0);
        return ERR_NONE;
    }
    if (!pte_present(*e))
        return lay_absent(l, t.level, e);
    if (normalise_is_large(*e, t.level))
        return lay_large(l, t.level, e);
    return lay_small(l, n, t, e);
}

#define PER_PAGE (PAGE_SIZE / sizeof(bool)) /* of the list of them */

enum err layout_tables_begin(struct layout *l, uint64_t *cursor)
{
    const uint64_t nr = layout_nr_tables(l);
    void *unused;

    for (; *cursor < nr; *cursor += PER_PAGE) {
        enum err rc =
            snapshot_list_reach(&l->linear, l->op->mm, *cursor, &unused);

        if (rc)
            return rc;
        if (time_is_up(l))
            return ERR_RESTART;
    }
    return ERR_NONE;
}

enum err layout_table(struct layout *l, uint64_t n)
{
    const struct snapshot_table t = layout_nth_table(l, n);
    mfn_t m = layout_named(l, t.pfn);
    pte_t *e;

    if (mfn_eq(m, MFN_NONE))
        return layout_wrong(l, "a table is at pfn %lx, which does not exist",
                            t.pfn);
    e = mm_frame_ptr(l->op->mm, m);
    while (l->entry < PT_ENTRIES) {
        enum err rc = lay_entry(l, n, t, &e[l->entry]);

        if (rc)
            return rc;
        l->entry++;
        if (time_is_up(l))
            return ERR_RESTART;
    }
    l->entry = 0;
    return ERR_NONE;
}
