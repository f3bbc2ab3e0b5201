/* SPDX-License-Identifier: MIT */
/* numbered.c: see numbered.h. */
#include "numbered.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "flagstone/flagstone.h"
#include "mm/alloc/m2p.h"
#include "mm/pv/supply.h"

void set_m2p(struct scene *s, mfn_t m, uint64_t pfn)
{
    m2p_set(&s->w.mm, m, pfn_of(pfn), 1);
}

void number(struct scene *s)
{
    const mfn_t small[SMALL] = {s->l4, s->l3, s->l2, s->l1, s->data};

    for (unsigned i = 0; i < SMALL; i++)
        set_m2p(s, small[i], 10 + 2 * i);
    m2p_set(&s->w.mm, s->block, pfn_of(BLOCK_PFN), BLOCK_FRAMES);
}

void take(struct scene *s, struct snapshot *c)
{
    if (saving_snapshot(c, &s->op, no_p2m, NULL))
        fail_msg("%s", c->job.why);
}

mfn_t shatter(struct scene *s)
{
    mfn_t table;
    pte_t *e;

    number(s);
    assert_int_equal(supply_get(&s->op, &table), ERR_NONE);
    e = mm_frame_ptr(&s->w.mm, table);
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        mfn_t m = scene_frame(s);

        set_m2p(s, m, SPAN_PFN + i);
        e[i] = pte_make(m, KERNEL | (i % 2 ? PTE_A | PTE_D : 0));
    }
    assert_int_equal(
        scene_update(
            s, s->l2, 5,
            pte_make(table, KERNEL | PTE_NX | FLAGSTONE_PTE_SHATTERED).v),
        ERR_NONE);
    return table;
}

void add_range(struct scene *s, uint64_t pfn, enum range_state state)
{
    struct range r = {.pfn = pfn_of(pfn), .state = state};

    assert_int_equal(range_add(&s->us.d, r), ERR_NONE);
}

static struct extent extent_at(const struct snapshot *c, uint64_t n)
{
    return *(struct extent *)snapshot_at(&c->extents, n);
}

void assert_extent(const struct snapshot *c, uint64_t n, uint64_t pfn,
                   uint32_t count, uint64_t flags)
{
    struct extent e = extent_at(c, n);

    assert_int_equal(e.pfn, pfn);
    assert_int_equal(e.count, count);
    assert_int_equal(e.flags, flags);
}

void assert_table(const struct snapshot *c, uint64_t n, uint64_t pfn,
                  unsigned level, unsigned pinned)
{
    const struct snapshot_table *t = snapshot_at(&c->tables, n);

    assert_int_equal(t->pfn, pfn);
    assert_int_equal(t->level, level);
    assert_int_equal(t->pinned, pinned);
}
