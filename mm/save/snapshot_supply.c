/* SPDX-License-Identifier: MIT */
/*
 * snapshot_supply.c: see snapshot_supply.h.
 *
 * A table is a superpage if its entries map 512 pfns in order, each with all
 * rights so that the entry above decides, and if nothing knows it but entries
 * one level up: not pinned, mapped by nobody, in no linear use. Then whatever
 * refers to it may as well map the superpage.
 */
#include "mm/save/snapshot_supply.h"

#include "mm/base/port.h"
#include "mm/pv/supply.h"
#include "mm/save/normalise.h"
#include "mm/save/snapshot_span.h"

/* What may differ: A, D, and what the hypervisor makes of US (facts 2.1). */
#define FREE_FLAGS (PTE_A | PTE_D | PTE_G | PTE_GUEST_KERNEL)
#define ALL_RIGHTS (PTE_P | PTE_RW | PTE_US)
_Static_assert(!(FREE_FLAGS & ALL_RIGHTS), "no right is free to differ");
_Static_assert(!(FREE_FLAGS & (PTE_ADDR | PTE_NX)), "nor where it leads");

enum err snapshot_supplied_add(struct snapshot *c, const struct frame *f)
{
    uint64_t w = frame_word(f);
    struct snapshot_supplied s = {.mfn = f->mfn.v,
                                  .level = (uint32_t)frame_type(w)};

    if (!(w & FRAME_VALIDATED) || !frame_is_table(frame_type(w)))
        return ERR_NONE; /* in no use: it is not part of the domain's state */
    return snapshot_list_add(&c->supplied, c->op->mm, &s);
}

static const pte_t *entries_of(const struct snapshot *c,
                               const struct snapshot_supplied *s)
{
    return mm_frame_ptr(c->op->mm, mfn_of(s->mfn));
}

static bool only_entries_know(const struct snapshot *c,
                              const struct snapshot_supplied *s)
{
    struct frame f = frame_held(c->op->mm, mfn_of(s->mfn));
    uint64_t w = frame_word(&f);

    return !(w & FRAME_PINNED) && f.table->pt[f.i].linear == 0 &&
           frame_refs(w) == frame_count(w) + 1;
}

static bool all_rights(pte_t e, uint64_t besides)
{
    return (pte_flags(e) & ~FREE_FLAGS) == (ALL_RIGHTS | besides);
}

/* Does it map 512 pfns in order from *first on? */
static bool is_span(const struct snapshot *c, const pte_t *e, uint64_t *first)
{
    *first = snapshot_pfn(c, pte_mfn(e[0])).v;
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        if (!all_rights(e[i], 0) || *first == PFN_NONE.v ||
            snapshot_pfn(c, pte_mfn(e[i])).v != *first + i)
            return false;
    return true;
}

/* Does it map 512 superpages in order, or what canonically is that? */
static bool is_1g_span(const struct snapshot *c, const pte_t *e,
                       uint64_t *first)
{
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        uint64_t pfn;
        pte_t x;

        if (!pte_present(e[i]) || normalise_entry(c, 2, e[i], &x) ||
            !normalise_is_large(x, 2) || !all_rights(x, PTE_PSE))
            return false;
        pfn = pte_mfn(x).v;
        *first = i ? *first : pfn;
        if (pfn != *first + (uint64_t)i * BLOCK_FRAMES)
            return false;
    }
    return true;
}

/* No mere superpage: it gets the next number. */
static enum err add_own(struct snapshot *c, struct snapshot_supplied *s)
{
    s->as = SNAPSHOT_SUPPLIED + c->nr_own++;
    return snapshot_list_add(&c->own, c->op->mm, &s->mfn);
}

static enum err judge_1(struct snapshot *c, struct snapshot_supplied *s)
{
    bool fits = false;
    enum err rc = ERR_NONE;

    if (only_entries_know(c, s) && is_span(c, entries_of(c, s), &s->as))
        rc = snapshot_span_add(c, s->as, EXTENT_LARGE, &fits);
    s->superpage = fits;
    return rc || fits ? rc : add_own(c, s);
}

static enum err judge_2(struct snapshot *c, struct snapshot_supplied *s)
{
    enum err rc = ERR_NONE;
    bool fits;

    if (s->level > 2 || !only_entries_know(c, s) ||
        !is_1g_span(c, entries_of(c, s), &s->as))
        return add_own(c, s);
    s->superpage = true;
    for (unsigned i = 0; i < PT_ENTRIES && !rc; i++)
        rc = snapshot_span_add(c, s->as + (uint64_t)i * BLOCK_FRAMES,
                               EXTENT_LARGE | EXTENT_1G, &fits);
    return rc;
}

static enum err judge_all(struct snapshot *c, bool upper,
                          enum err (*judge)(struct snapshot *,
                                            struct snapshot_supplied *))
{
    while (c->job.cursor < c->supplied.nr) {
        struct snapshot_supplied *s =
            snapshot_at(&c->supplied, c->job.cursor++);
        enum err rc = (s->level > 1) == upper ? judge(c, s) : ERR_NONE;

        if (rc)
            return rc;
        if (port_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}

enum err snapshot_supplied_1(struct job *j)
{
    return judge_all(snapshot_of(j), false, judge_1);
}

enum err snapshot_supplied_2(struct job *j)
{
    return judge_all(snapshot_of(j), true, judge_2);
}

const struct snapshot_supplied *snapshot_supplied_find(const struct snapshot *c,
                                                       mfn_t m)
{
    uint64_t lo = 0, hi = c->supplied.nr;

    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        const struct snapshot_supplied *s = snapshot_at(&c->supplied, mid);

        if (s->mfn == m.v)
            return s;
        if (s->mfn < m.v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

mfn_t snapshot_supplied_mfn(const struct snapshot *c, uint64_t n)
{
    const uint64_t *m = n < c->own.nr ? snapshot_at(&c->own, n) : NULL;

    return m ? mfn_of(*m) : MFN_NONE;
}

mfn_t snapshot_named(const struct snapshot *c, uint64_t pfn)
{
    return pfn < SNAPSHOT_SUPPLIED
               ? snapshot_mfn(c, pfn_of(pfn))
               : snapshot_supplied_mfn(c, pfn - SNAPSHOT_SUPPLIED);
}
