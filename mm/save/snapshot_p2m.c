/* SPDX-License-Identifier: MIT */
/*
 * snapshot_p2m.c: see snapshot_p2m.h. The guest says where in one of two ways:
 *
 *   list_list -> frame of 512 mfns -> frames of 512 mfns -> pages of the p2m
 *   va in the address space of cr3 -> pages of the p2m, one after the other
 *
 * A page may serve more than once: kernels have one for all the places where
 * there is no memory. None may be in use as a table, for it is to be written.
 */
#include "mm/save/snapshot_p2m.h"

#include "mm/pv/walk.h"

#define PER_PAGE (PAGE_SIZE / sizeof(uint64_t))

static bool has_pfn(const struct snapshot *c, mfn_t m)
{
    return snapshot_pfn(c, m).v != PFN_NONE.v;
}

static uint64_t word_in(const struct snapshot *c, mfn_t m, uint64_t i)
{
    return ((const uint64_t *)mm_frame_ptr(c->op->mm, m))[i];
}

/* The frame of page n by the list of lists. */
static enum err by_list(struct snapshot *c, uint64_t n, mfn_t *out)
{
    mfn_t top = c->p2m_location.list_list, list;

    if (!has_pfn(c, top))
        return snapshot_wrong(
            c,
            "p2m: the list of lists, frame %lx, is not memory "
            "of the domain",
            top.v);
    if (n >= PER_PAGE * PER_PAGE)
        return snapshot_wrong(
            c, "p2m: %lu pfns are more than a list of lists names",
            c->p2m_location.nr_pfns);
    list = mfn_of(word_in(c, top, n / PER_PAGE));
    if (!has_pfn(c, list))
        return snapshot_wrong(c,
                              "p2m: list %lu, frame %lx, is not memory of the "
                              "domain",
                              n / PER_PAGE, list.v);
    *out = mfn_of(word_in(c, list, n % PER_PAGE));
    return ERR_NONE;
}

/* Is the frame a table of this level, its entries good? */
static bool is_root(const struct snapshot *c, mfn_t m)
{
    uint64_t w;

    if (!has_pfn(c, m))
        return false;
    w = frame_word_of(c->op->mm, m, c->op->d->id);
    return frame_type(w) == FRAME_L4 && (w & FRAME_VALIDATED);
}

/* What a valid root maps at va. */
static bool walk(const struct snapshot *c, uint64_t va, mfn_t *out)
{
    maddr_t at = maddr_of_mfn(c->p2m_location.cr3);
    enum pt_step to = PT_STEP_TABLE;
    unsigned level = PT_LEVELS + 1;

    if (!va_canonical(va) || va_is_hv(va))
        return false;
    while (to == PT_STEP_TABLE)
        to = walk_step(c->op->mm, &at, va, --level);
    *out = mfn_add(mfn_of_maddr(at),
                   va / PAGE_SIZE % (UINT64_C(1) << 9 * (level - 1)));
    return to == PT_STEP_LEAF;
}

static enum err by_va(struct snapshot *c, uint64_t n, mfn_t *out)
{
    uint64_t va = c->p2m_location.va + n * PAGE_SIZE;

    if (n == 0 && va % PAGE_SIZE)
        return snapshot_wrong(c, "p2m: address %lx is not that of a page", va);
    if (n == 0 && !is_root(c, c->p2m_location.cr3))
        return snapshot_wrong(
            c,
            "p2m: cr3, frame %lx, is not a top-level table of "
            "the domain",
            c->p2m_location.cr3.v);
    return walk(c, va, out)
               ? ERR_NONE
               : snapshot_wrong(c, "p2m: address %lx is not mapped", va);
}

static bool is_data(const struct snapshot *c, mfn_t m)
{
    uint64_t w = frame_word_of(c->op->mm, m, c->op->d->id);

    return frame_count(w) == 0 || !frame_type_exclusive(frame_type(w));
}

static enum err add_page(struct job *j, uint64_t n)
{
    struct snapshot *c = snapshot_of(j);
    const struct p2m_location *where = &c->p2m_location;
    mfn_t m = MFN_NONE;
    uint64_t pfn;
    enum err rc = where->va ? by_va(c, n, &m) : by_list(c, n, &m);

    if (rc)
        return rc;
    pfn = snapshot_pfn(c, m).v;
    if (pfn == PFN_NONE.v)
        return snapshot_wrong(c,
                              "p2m: page %lu, frame %lx, is not memory of the "
                              "domain",
                              n, m.v);
    if (!is_data(c, m))
        return snapshot_wrong(
            c,
            "p2m: page %lu, frame %lx, is a page table or holds "
            "descriptors",
            n, m.v);
    return snapshot_list_add(&c->p2m, c->op->mm, &pfn);
}

enum err snapshot_p2m(struct job *j)
{
    struct snapshot *c = snapshot_of(j);
    const struct p2m_location *where = &c->p2m_location;
    uint64_t pages = where->nr_pfns / PER_PAGE + !!(where->nr_pfns % PER_PAGE);

    if (!where->va && mfn_eq(where->list_list, MFN_NONE))
        return ERR_NONE;
    if (where->nr_pfns > c->bound)
        return snapshot_wrong(c, "p2m: %lu pfns, the domain may have %lu",
                              where->nr_pfns, c->bound);
    return job_each(j, pages, add_page);
}
