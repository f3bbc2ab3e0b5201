/* SPDX-License-Identifier: MIT */
/*
 * layout_pin.c: tables become tables again: those that were pinned are, and
 * all others by being referred to.
 *
 * An entry that names a table of its own level asks for that table to be
 * validated already (facts 2.1), which depends on the order. So if one is
 * refused, all are pinned for a while, level by level from below, twice
 * each: tables that are named so do not name others that way, hence the
 * second time all they need is there. Then the pins that were not there go.
 */
#include "mm/layout.h"
#include "mm/mmu.h"
#include "mm/port.h"

enum stage { PIN, SUPPORT, CHECK, UNSUPPORT, DRAIN, DONE };
#define ROUNDS 2

static bool is_pinned(const struct layout *l, mfn_t m)
{
    struct frame f;

    if (!frame_owned(l->op, m) || !mm_block(l->op->mm, blk_of_mfn(m))->table)
        return false;
    f = frame_held(l->op->mm, m);
    return frame_word(&f) & FRAME_PINNED;
}

static enum err pin_one(struct layout *l, struct census_table t)
{
    mfn_t m = layout_named(l, t.pfn);
    enum err rc;

    if (mfn_eq(m, MFN_NONE) || is_pinned(l, m))
        return ERR_NONE;
    rc = mmu_pin(l->op, m, t.level);
    if (rc == ERR_RESTART)
        return rc;
    if (rc == ERR_NOMEM) {
        say(l->why, 160, "no memory to account for the table at pfn %lx",
            t.pfn);
        return rc;
    }
    l->refused = l->refused || rc;
    return ERR_NONE;
}

static enum err support_one(struct layout *l, struct census_table t)
{
    return t.level == l->level / ROUNDS + 1 ? pin_one(l, t) : ERR_NONE;
}

static enum err check_one(struct layout *l, struct census_table t)
{
    if (!t.pinned || is_pinned(l, layout_named(l, t.pfn)))
        return ERR_NONE;
    return layout_wrong(l, "the level %lu table at pfn %lx is not valid",
                        (uint64_t)t.level, t.pfn);
}

static enum err unsupport_one(struct layout *l, struct census_table t)
{
    mfn_t m = layout_named(l, t.pfn);

    return t.pinned || !is_pinned(l, m) ? ERR_NONE : mmu_unpin(l->op, m);
}

static enum err for_tables(struct layout *l,
                           enum err (*fn)(struct layout *, struct census_table))
{
    while (l->cursor < layout_nr_tables(l)) {
        enum err rc = fn(l, layout_nth_table(l, l->cursor));

        if (rc)
            return rc;
        if (++l->cursor % 8 == 0 && port_preempt())
            return ERR_RESTART;
    }
    l->cursor = 0;
    return ERR_NONE;
}

static enum err pin_pinned(struct layout *l, struct census_table t)
{
    return t.pinned ? pin_one(l, t) : ERR_NONE;
}

static enum err support(struct layout *l)
{
    for (; l->refused && l->level < PT_LEVELS * ROUNDS; l->level++) {
        enum err rc = for_tables(l, support_one);

        if (rc)
            return rc;
    }
    return ERR_NONE;
}

static enum err run_stage(struct layout *l)
{
    switch ((enum stage)l->stage) {
    case PIN:
        return for_tables(l, pin_pinned);
    case SUPPORT:
        return support(l);
    case CHECK:
        return for_tables(l, check_one);
    case UNSUPPORT:
        return l->refused ? for_tables(l, unsupport_one) : ERR_NONE;
    case DRAIN:
        return type_drain(l->op);
    case DONE:
        break;
    }
    return ERR_NONE;
}

enum err layout_pin(struct layout *l)
{
    for (; l->stage < DONE; l->stage++) {
        enum err rc = run_stage(l);

        if (rc)
            return rc;
    }
    return ERR_NONE;
}
