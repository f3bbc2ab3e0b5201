/* SPDX-License-Identifier: MIT */
/*
 * layout_pin.c: tables become tables again: those that were pinned are, and
 * all others by being referred to.
 *
 * An entry that names a table of its own level finds it validated already, or
 * takes it for one of the level below (facts 2.1), so where there are any the
 * order matters. Then all tables are pinned for a while: level by level from
 * below, and of each level first those that name no other of it, because no
 * table both names others and is named. Afterwards the pins that were not
 * there go. What an unpinned root held up that way only, goes with them: such
 * a guest gets its root back if its tables can be validated from there.
 */
#include "mm/base/port.h"
#include "mm/pv/lapse.h"
#include "mm/pv/mmu.h"
#include "mm/pv/type.h"
#include "mm/save/layout.h"

enum stage { PIN, LEVELS, UNPIN, DRAIN, MARK, DONE };
#define TURNS 2 /* for each level */

static bool is_pinned(const struct layout *l, mfn_t m)
{
    struct frame f;

    return frame_find_worded(l->op, m, &f) && (frame_word(&f) & FRAME_PINNED);
}

static enum err pin(struct layout *l, struct snapshot_table t)
{
    enum err rc = mmu_pin(l->op, layout_named(l, t.pfn), t.level);

    if (rc == ERR_NOMEM)
        say(l->why, 160, "no memory to account for the table at pfn %lx",
            t.pfn);
    else if (rc && rc != ERR_RESTART)
        return layout_wrong(l, "the level %lu table at pfn %lx is not valid",
                            (uint64_t)t.level, t.pfn);
    return rc;
}

static enum err pin_pinned(struct layout *l, struct snapshot_table t)
{
    return t.pinned ? pin(l, t) : ERR_NONE;
}

static enum err pin_in_turn(struct layout *l, struct snapshot_table t)
{
    bool second = l->level % TURNS;

    if (t.level != l->level / TURNS + 1 ||
        layout_is_linear(l, l->cursor) != second)
        return ERR_NONE;
    return pin(l, t);
}

static enum err unpin(struct layout *l, struct snapshot_table t)
{
    mfn_t m = layout_named(l, t.pfn);

    return t.pinned || !is_pinned(l, m) ? ERR_NONE : mmu_unpin(l->op, m);
}

static enum err mark(struct layout *l, struct snapshot_table t)
{
    lapse_set_marks(l->op, layout_named(l, t.pfn), t.marks);
    return ERR_NONE;
}

static enum err for_tables(struct layout *l,
                           enum err (*fn)(struct layout *,
                                          struct snapshot_table))
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

static enum err pin_levels(struct layout *l)
{
    for (; l->level < PT_LEVELS * TURNS; l->level++) {
        enum err rc = for_tables(l, pin_in_turn);

        if (rc)
            return rc;
    }
    return ERR_NONE;
}

static enum err run_stage(struct layout *l)
{
    switch ((enum stage)l->stage) {
    case PIN:
        return l->any_linear ? ERR_NONE : for_tables(l, pin_pinned);
    case LEVELS:
        return l->any_linear ? pin_levels(l) : ERR_NONE;
    case UNPIN:
        return l->any_linear ? for_tables(l, unpin) : ERR_NONE;
    case DRAIN:
        return type_finish_deferred(l->op);
    case MARK:
        return l->op->d->large_shown ? for_tables(l, mark) : ERR_NONE;
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
