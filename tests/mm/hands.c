/* SPDX-License-Identifier: MIT */
/* hands.c: see hands.h. */
#include "hands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct world hands_world;
struct hand *hands_owner[HANDS_FRAMES];
bool hands_given[HANDS_FRAMES];
uint64_t hands_shared;
char hands_what[80];

struct mm_op hands_op(struct hand *d)
{
    return mm_op_on(&d->x.d, &d->x.v);
}

/* All of one's frames but tables say whose they are, all over. */
static void stamp(const struct hand *d, mfn_t m)
{
    uint64_t *p = mm_frame_ptr(&hands_world.mm, m);

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*p); i += 73)
        p[i] = d->serial;
}

static bool stamped(const struct hand *d, mfn_t m)
{
    const uint64_t *p = mm_frame_ptr(&hands_world.mm, m);

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*p); i += 73)
        if (p[i] != d->serial)
            return false;
    return true;
}

void hands_check_content(const struct hand *d, mfn_t m)
{
    const uint64_t *p = mm_frame_ptr(&hands_world.mm, m);

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*p); i++)
        if (p[i] && p[i] != d->serial)
            fail_msg("after %s: domain %u reads %lx of %lx in frame %lx",
                     hands_what, d->x.d.id, p[i], d->serial, m.v);
}

void hands_take(struct hand *d, mfn_t m)
{
    const struct block *b = &hands_world.mm.blocks[m.v / BLOCK_FRAMES];

    if (hands_owner[m.v])
        fail_msg("after %s: frame %lx is given to domain %u, but domain %u "
                 "has it",
                 hands_what, m.v, d->x.d.id, hands_owner[m.v]->x.d.id);
    hands_check_content(d, m);
    stamp(d, m);
    hands_owner[m.v] = d;
    d->has[d->n++] = m;
    hands_shared += block_class(b->word) == BLOCK_SHARED;
}

static bool is_mapped(const struct hand *d, mfn_t m)
{
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        if (mfn_eq(d->mapped[i], m))
            return true;
    return false;
}

void hands_give(struct hand *d, unsigned k)
{
    mfn_t m = d->has[k];

    d->has[k] = d->has[--d->n];
    if (is_mapped(d, m))
        hands_given[m.v] = true;
    else
        hands_owner[m.v] = NULL;
}

void hands_unmapped(struct hand *d, mfn_t m)
{
    if (hands_given[m.v] && !is_mapped(d, m)) {
        hands_given[m.v] = false;
        hands_owner[m.v] = NULL;
    }
}

void hands_drop(struct hand *d)
{
    for (unsigned m = 0; m < HANDS_FRAMES; m++)
        if (hands_owner[m] == d) {
            hands_owner[m] = NULL;
            hands_given[m] = false;
        }
}

bool hands_has_all(const struct hand *d, mfn_t first, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (hands_owner[first.v + i] != d || hands_given[first.v + i])
            return false;
    return true;
}

void hands_check(struct hand *d)
{
    struct mm_op op = hands_op(d);
    uint64_t n = 0;

    for (uint64_t m = 0; m < HANDS_FRAMES; m++) {
        n += hands_owner[m] == d;
        if (frame_owned(&op, mfn_of(m)) != (hands_owner[m] == d) &&
            !mfn_eq(mfn_of(m), d->supplied))
            fail_msg("after %s: is frame %lx domain %u's?", hands_what, m,
                     d->x.d.id);
    }
    assert_int_equal(d->x.d.tot_pages, n);
    for (unsigned k = 0; k < d->n; k++)
        if (!stamped(d, d->has[k]))
            fail_msg("after %s: frame %lx of domain %u was written to",
                     hands_what, d->has[k].v, d->x.d.id);
}
