/* SPDX-License-Identifier: MIT */
/*
 * table.c: validating and invalidating a whole table.
 *
 *      progress           0 ............ n ............ 511
 *      promoted so far    [0, n) hold references, the rest none
 *      demoted so far     the same: demotion walks from n down to 0
 *
 * So a partial table means one thing whichever way it was going, and whoever
 * meets it can take it in either direction (facts 2.6, XSA-299, -309, -310).
 * The hypervisor's slots of an L4 are never looked at and are written when it
 * is promoted.
 */
#include "mm/table.h"

#include <string.h>

#include "mm/port.h"

static pte_t *entries_of(const struct mm_op *op, const struct frame *f)
{
    return mm_frame_ptr(op->mm, f->mfn);
}

static bool skipped(unsigned level, unsigned i)
{
    return level == 4 && l4_slot_is_hv(i);
}

/* One entry: its references, and how the hypervisor wants it to read. */
static enum err promote_entry(struct mm_op *op, const struct entry_at *at,
                              pte_t *e)
{
    enum err rc;

    if (!pte_present(*e))
        return entry_absent_ok(op->mm, *e, at->level) ? ERR_NONE : ERR_INVAL;
    rc = entry_get(op, at, *e);
    if (!rc)
        *e = entry_adjust(*e, at->level);
    return rc;
}

static void stay_partial(struct frame *f, unsigned progress)
{
    f->table->pt[f->i].progress = (uint16_t)progress;
    BUG_IF(!frame_try(f, frame_flags, FRAME_PARTIAL, 0));
}

/* Entry `progress` was refused: give back those before it. */
static enum err undo(struct mm_op *op, struct frame *f, unsigned level,
                     unsigned progress, enum err why, bool *gone)
{
    unsigned at = op->v->nr_old;

    f->table->pt[f->i].progress = (uint16_t)progress;
    if (table_demote(op, f, level) == ERR_RESTART) {
        *gone = true;
        type_leave_old(op, at, f->mfn);
    }
    return why;
}

/*
 * L1 tables are 512 entries and most of what there is to validate. Returns
 * how many of n entries got their references in the usual way.
 */
static unsigned promote_quickly(struct mm_op *op, pte_t *e, unsigned n)
{
    struct entry_lens l = entry_lens(op, true);
    unsigned i;

    for (i = 0; i < n; i++) {
        const pte_t was = e[i];

        if (!was.v)
            continue;
        if (!entry_quick_get(&l, was))
            break;
        if (unlikely(!(was.v & PTE_US) ||
                     !(was.v & (PTE_GUEST_KERNEL | PTE_G))))
            e[i] = entry_adjust(was, 1);
    }
    return i;
}

static void write_hv_slots(struct mm_op *op, const struct frame *f)
{
    memcpy(entries_of(op, f) + L4_HV_FIRST, op->mm->l4_hv,
           sizeof(op->mm->l4_hv));
}

static enum err promote_l1(struct mm_op *op, struct frame *f, bool *gone)
{
    const struct entry_at at = {.table = *f, .level = 1};
    pte_t *e = entries_of(op, f);

    for (unsigned i = 0; i < PT_ENTRIES;) {
        enum err rc;

        i += promote_quickly(op, e + i, PT_ENTRIES - i);
        if (i == PT_ENTRIES)
            break;
        if (entry_prepare(op, e[i]))
            continue; /* the same once more */
        rc = promote_entry(op, &at, &e[i]);
        if (rc)
            return undo(op, f, 1, i, rc, gone);
        i++;
    }
    return ERR_NONE;
}

static void demote_l1(struct mm_op *op, struct frame *f)
{
    struct entry_lens l = entry_lens(op, true);
    const pte_t *e = entries_of(op, f);

    for (unsigned n = f->table->pt[f->i].progress; n-- > 0;)
        if (pte_present(e[n]))
            entry_quick_put(op, &l, e[n]);
    f->table->pt[f->i].progress = 0;
}

enum err table_promote(struct mm_op *op, struct frame *f, unsigned level,
                       bool *gone)
{
    const struct entry_at at = {.table = *f, .level = level};
    pte_t *e = entries_of(op, f);
    unsigned first = f->table->pt[f->i].progress;

    if (level == 1)
        return promote_l1(op, f, gone);
    for (unsigned i = first; i < PT_ENTRIES; i++) {
        enum err rc;

        if (skipped(level, i))
            continue;
        rc = i > first && port_preempt() ? ERR_RESTART
                                         : promote_entry(op, &at, &e[i]);
        if (rc == ERR_RESTART) {
            stay_partial(f, i);
            *gone = true;
            return rc;
        }
        if (rc)
            return undo(op, f, level, i, rc, gone);
    }
    f->table->pt[f->i].progress = 0;
    if (level == 4)
        write_hv_slots(op, f);
    return ERR_NONE;
}

enum err table_demote(struct mm_op *op, struct frame *f, unsigned level)
{
    const struct entry_at at = {.table = *f, .level = level};
    const pte_t *e = entries_of(op, f);
    unsigned left = f->table->pt[f->i].progress;

    if (level == 1) {
        demote_l1(op, f);
        return ERR_NONE;
    }
    for (unsigned i = left; i-- > 0;) {
        unsigned waiting = op->v->nr_old;

        if (skipped(level, i) || !pte_present(e[i]))
            continue;
        entry_put(op, &at, e[i]);
        /* Its table could not be finished either, or time is up. */
        if (i > 0 && (op->v->nr_old > waiting || port_preempt())) {
            stay_partial(f, i);
            return ERR_RESTART;
        }
    }
    f->table->pt[f->i].progress = 0;
    return ERR_NONE;
}
