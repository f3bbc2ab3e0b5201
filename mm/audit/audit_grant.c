/* SPDX-License-Identifier: MIT */
/*
 * audit_grant.c: the audit of grants: entries onto other domains' frames are
 * looked for in all tables, not believed to be where the handles say; pins are
 * counted from the handles.
 */
#include "mm/alloc/frame.h"
#include "mm/pv/grant_table.h"

bool grant_covers(const struct mm_domain *d, maddr_t entry_maddr, mfn_t m)
{
    for (uint32_t n = 0; n < grant_nr_handles(d); n++) {
        const struct grant_handle *h = grant_handle(d, n);

        if ((h->flags & GNTMAP_host_map) && h->entry_maddr == entry_maddr.v &&
            h->mfn == m.v)
            return true;
    }
    return false;
}

struct search {
    const struct mm *mm;
    struct mm_op owner;
    void (*fn)(void *ctx, mfn_t m, bool rw);
    void *ctx;
};

static void search_table(const struct search *s, const struct frame *f)
{
    const pte_t *e = mm_frame_ptr(s->mm, f->mfn);

    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        const pte_t x = pte_of(READ_ONCE(e[i].v));

        if (pte_present(x) && frame_owned(&s->owner, pte_mfn(x)))
            s->fn(s->ctx, pte_mfn(x), x.v & PTE_RW);
    }
}

static void search_block(const struct search *s, uint64_t b, unsigned id)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        struct frame f = frame_held(s->mm, mfn_add(mfn_of_blk(blk_of(b)), i));
        uint64_t w = frame_word(&f);

        if (frame_owner(w) == id && frame_type(w) == FRAME_L1 &&
            (w & FRAME_VALIDATED))
            search_table(s, &f);
    }
}

/* What o's handles hold of d's frames themselves. */
static void each_handle(const struct search *s, const struct mm_domain *o,
                        unsigned id)
{
    for (uint32_t n = 0; n < grant_nr_handles(o); n++) {
        const struct grant_handle *h = grant_handle(o, n);

        if (grant_handle_used(h) && h->domid == id)
            s->fn(s->ctx, mfn_of(h->mfn), !(h->flags & GNTMAP_readonly));
    }
}

void grant_each_foreign(const struct mm *mm, const struct mm_domain *d,
                        void (*fn)(void *ctx, mfn_t m, bool rw), void *ctx)
{
    struct mm_domain *owner = mm->domains;
    struct search s = {.mm = mm, .fn = fn, .ctx = ctx};

    while (owner != d)
        owner = owner->next;
    s.owner = (struct mm_op){.mm = owner->mm, .d = owner};
    for (const struct mm_domain *o = mm->domains; o; o = o->next)
        each_handle(&s, o, d->id);
    for (const struct mm_domain *o = mm->domains; o; o = o->next)
        for (uint64_t b = 0; o != d && o->grants && b < mm->nr_blocks; b++)
            if (mm->blocks[b].table &&
                block_concerns(mm->blocks[b].word, o->id))
                search_block(&s, b, o->id);
}

/* How many handles for d's entry ref there are, by kind. */
static void count(const struct mm *mm, const struct mm_domain *d, uint32_t ref,
                  unsigned n[2])
{
    for (const struct mm_domain *o = mm->domains; o; o = o->next)
        for (uint32_t i = 0; i < grant_nr_handles(o); i++) {
            const struct grant_handle *h = grant_handle(o, i);

            if (grant_handle_used(h) && h->domid == d->id && h->ref == ref)
                n[!(h->flags & GNTMAP_readonly)]++;
        }
}

static uint32_t handles_for(const struct mm *mm, const struct mm_domain *d)
{
    uint32_t all = 0;

    for (const struct mm_domain *o = mm->domains; o; o = o->next)
        for (uint32_t i = 0; i < grant_nr_handles(o); i++)
            all += grant_handle_used(grant_handle(o, i)) &&
                   grant_handle(o, i)->domid == d->id;
    return all;
}

const char *grant_check(const struct mm *mm, const struct mm_domain *d)
{
    uint32_t own = 0;

    for (uint32_t ref = 0; ref < grant_nr_frames(d) * GRANT_REFS; ref++) {
        const struct grant_active *a = grant_active(d, ref);
        unsigned n[2] = {0};

        if (!a->readers && !a->writers)
            continue;
        count(mm, d, ref, n);
        if (n[0] != a->readers || n[1] != a->writers)
            return "a grant has a wrong number of pins";
    }
    for (uint32_t i = 0; i < grant_nr_handles(d); i++)
        own += grant_handle_used(grant_handle(d, i));
    if (d->grants && own != d->grants->handles)
        return "the number of grant handles is wrong";
    if (d->grants && handles_for(mm, d) != d->grants->pins)
        return "the number of grant pins is wrong";
    return NULL;
}
