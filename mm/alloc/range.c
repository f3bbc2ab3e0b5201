/* SPDX-License-Identifier: MIT */
/*
 * range.c: see range.h. Pages of words, pfn and state in one; all pages but
 * the last are full, because the last range moves to where one was removed.
 * So the nth is found by counting pages, and what is added in ascending order
 * is read in ascending order until something is removed.
 */
#include "mm/alloc/range.h"

#define RANGE_STATE_BITS 2
#define RANGE_STATE_MASK ((1u << RANGE_STATE_BITS) - 1)
#define RANGES_PER_PAGE  509
_Static_assert(RANGE_REMAP <= RANGE_STATE_MASK, "the largest state fits");
_Static_assert(ARRAY_SIZE(((struct ranges *)0)->nr) == RANGE_REMAP + 1,
               "counted by state, from 1 on");

struct range_page {
    struct range_page *prev, *next;
    uint64_t nr;
    uint64_t word[RANGES_PER_PAGE];
};
_Static_assert(sizeof(struct range_page) == PAGE_SIZE, "one frame");

static uint64_t word_of(struct range r)
{
    return r.pfn.v << RANGE_STATE_BITS | (uint64_t)r.state;
}

static struct range range_of(uint64_t word)
{
    return (struct range){.pfn = pfn_of(word >> RANGE_STATE_BITS),
                          .state = (enum range_state)(word & RANGE_STATE_MASK)};
}

static enum err add_page(struct mm_domain *d)
{
    struct ranges *rs = &d->ranges;
    struct range_page *p;
    mfn_t m;
    enum err rc = alloc_hv_get(d->mm, 0, &m);

    if (rc)
        return rc;
    p = mm_frame_ptr(d->mm, m);
    p->prev = rs->last;
    if (rs->last)
        rs->last->next = p;
    else
        rs->first = p;
    rs->last = p;
    return ERR_NONE;
}

static void drop_last_page(struct mm_domain *d)
{
    struct ranges *rs = &d->ranges;
    struct range_page *p = rs->last;
    uint64_t offset = (uint64_t)((uint8_t *)p - d->mm->direct);

    rs->last = p->prev;
    if (rs->last)
        rs->last->next = NULL;
    else
        rs->first = NULL;
    alloc_hv_put(d->mm, mfn_of(offset >> PAGE_SHIFT), 0);
}

static uint64_t *find(const struct mm_domain *d, pfn_t pfn)
{
    for (struct range_page *p = d->ranges.first; p; p = p->next)
        for (uint64_t i = 0; i < p->nr; i++)
            if (p->word[i] >> RANGE_STATE_BITS == pfn.v)
                return &p->word[i];
    return NULL;
}

enum err range_add(struct mm_domain *d, struct range r)
{
    struct ranges *rs = &d->ranges;

    ASSERT(r.state >= RANGE_SCATTERED && r.state <= RANGE_REMAP);
    ASSERT(r.pfn.v >> (64 - RANGE_STATE_BITS) == 0);
    if (!rs->last || rs->last->nr == RANGES_PER_PAGE) {
        enum err rc = add_page(d);

        if (rc)
            return rc;
    }
    rs->last->word[rs->last->nr++] = word_of(r);
    rs->nr[r.state]++;
    return ERR_NONE;
}

bool range_remove(struct mm_domain *d, pfn_t pfn)
{
    struct ranges *rs = &d->ranges;
    uint64_t *w = find(d, pfn);

    if (!w)
        return false;
    rs->nr[range_of(*w).state]--;
    *w = rs->last->word[--rs->last->nr];
    if (rs->last->nr == 0)
        drop_last_page(d);
    return true;
}

bool range_nth(const struct mm_domain *d, uint64_t n, struct range *out)
{
    const struct range_page *p = d->ranges.first;

    for (; p && n >= p->nr; p = p->next)
        n -= p->nr;
    if (!p)
        return false;
    *out = range_of(p->word[n]);
    return true;
}

uint64_t range_count(const struct mm_domain *d, enum range_state state)
{
    return d->ranges.nr[state];
}

void range_clear(struct mm_domain *d)
{
    while (d->ranges.last)
        drop_last_page(d);
    d->ranges = (struct ranges){.first = NULL};
}
