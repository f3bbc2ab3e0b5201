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
#include "mm/pv/table.h"

#include <string.h>

#include "mm/base/port.h"
#include "mm/pv/pte_batch.h"

static pte_t *entries_of(const struct mm_op *op, const struct frame *f)
{
    return mm_frame_ptr(op->mm, f->mfn);
}

static bool skipped(unsigned level, unsigned i)
{
    return level == 4 && l4_slot_is_hv(i);
}

/*
 * What others may change of a table on its way up or down is accessed and
 * dirty, where walks that were begun before go on in it: the processors' bits,
 * which decide nothing here, and may be lost.
 */
static always_inline pte_t entry_peek(const pte_t *e)
{
    return pte_of(PEEK(e->v));
}

static always_inline void entry_poke(pte_t *e, pte_t new)
{
    POKE(e->v, new.v);
}

/*
 * Most entries of most tables are zero, which is nothing to be looked at: so
 * a row of them is passed over in strides. From i on the next entry that is
 * not zero, or the table's end; below n the last that is not, counted from
 * one, or 0.
 */
#define STRIDE 32u
_Static_assert(PT_ENTRIES % STRIDE == 0, "no stride crosses the table's end");

static always_inline bool stride_is_zero(const pte_t *e)
{
    uint64_t any = 0;

#pragma GCC unroll 32
    for (unsigned k = 0; k < STRIDE; k++)
        any |= entry_peek(e + k).v;
    return !any;
}

static unsigned skip_up(const pte_t *e, unsigned i)
{
    while (i < PT_ENTRIES && !entry_peek(e + i).v) {
        i++;
        while (i % STRIDE == 0 && i < PT_ENTRIES && stride_is_zero(e + i))
            i += STRIDE;
    }
    return i;
}

static unsigned skip_down(const pte_t *e, unsigned n)
{
    while (n > 0 && !entry_peek(e + n - 1).v) {
        n--;
        while (n % STRIDE == 0 && n > 0 && stride_is_zero(e + n - STRIDE))
            n -= STRIDE;
    }
    return n;
}

/*
 * Entries of L2 to L4 that name a table which is one already, and stays one:
 * those of a guest's kernel, the same in all its trees, and those pinned
 * before. What else there is takes the slow path.
 */
static bool promote_known(struct mm_op *op, unsigned level, pte_t e)
{
    struct entry_lens l = entry_lens(op, false);
    _Atomic uint64_t *p;

    if ((e.v & (PTE_P | ENTRY_FORBIDDEN(2))) != PTE_P)
        return false;
    p = entry_fast_table(&l, pte_mfn(e), (enum frame_type)(level - 1));
    if (p)
        atomic_fetch_add_explicit(p, ENTRY_TABLE_REFS, memory_order_acq_rel);
    return p;
}

static bool demote_known(struct mm_op *op, unsigned level, pte_t e)
{
    struct entry_lens l = entry_lens(op, false);
    _Atomic uint64_t *p;

    if (e.v & PTE_PSE)
        return false;
    p = entry_fast_table(&l, pte_mfn(e), (enum frame_type)(level - 1));
    if (!p || (atomic_load_explicit(p, memory_order_relaxed) &
               FRAME_COUNT_MASK) == FRAME_COUNT_ONE)
        return false;
    atomic_fetch_sub_explicit(p, ENTRY_TABLE_REFS, memory_order_acq_rel);
    return true;
}

/* One entry: its references, and how the hypervisor wants it to read. */
static enum err promote_entry(struct mm_op *op, const struct entry_at *at,
                              pte_t *e)
{
    enum err rc;

    if (at->level > 1 && promote_known(op, at->level, entry_peek(e))) {
        entry_poke(e, entry_adjust(entry_peek(e), at->level));
        return ERR_NONE;
    }
    if (!pte_present(entry_peek(e)))
        return entry_absent_allowed(op, entry_peek(e), at->level) ? ERR_NONE
                                                                  : ERR_INVAL;
    rc = entry_get(op, at, entry_peek(e));
    if (!rc)
        entry_poke(e, entry_adjust(entry_peek(e), at->level));
    return rc;
}

static void set_progress(const struct frame *f, unsigned n, enum pt_stop stop)
{
    struct frame_pt *pt = &f->table->pt[f->i];

    pt->progress = n & (2 * PT_ENTRIES - 1);
    pt->stop = stop & 3u;
}

static enum err stay_partial(struct mm_op *op, struct frame *f,
                             unsigned progress, enum pt_stop stop)
{
    set_progress(f, progress, stop);
    op->d->partial++;
    MUST(frame_try(f, frame_flags, FRAME_PARTIAL, 0));
    return ERR_RESTART;
}

/*
 * On the way down a table stops when time is up, unless there is one already
 * that is to be found; and when it has let go of a table below that stopped. In
 * its place the upper one is to be found, which says where the lower one is.
 */
static bool time_is_up(const struct mm_op *op)
{
    return !type_has_deferred(op) && port_preempt();
}

static bool below_stopped(const struct mm_op *op, pte_t e)
{
    return type_has_deferred(op) && mfn_eq(op->v->deferred, pte_mfn(e));
}

static enum err stop_down(struct mm_op *op, struct frame *f, unsigned progress,
                          enum pt_stop stop)
{
    op->v->deferred = f->mfn;
    return stay_partial(op, f, progress, stop);
}

void table_goes_down(const struct frame *f)
{
    set_progress(f, PT_ENTRIES, PT_DOWN);
}

/* Is m a table that was left half way down? By now it may be anything. */
static bool is_left(const struct mm_op *op, mfn_t m, struct frame *out)
{
    return frame_find_worded(op, m, out) && (frame_word(out) & FRAME_PARTIAL) &&
           out->table->pt[out->i].stop != PT_UP;
}

/* Is f to wait for a table below, which is still on its way? */
static bool waits(const struct mm_op *op, const struct frame *f,
                  struct frame *below)
{
    const struct frame_pt *pt = &f->table->pt[f->i];

    return pt->stop == PT_WAITS &&
           is_left(op, pte_mfn(entry_peek(entries_of(op, f) + pt->progress)),
                   below);
}

/*
 * From one to the next the level falls or, where the entry was linear, stays
 * once. Only if a frame has become another table meanwhile can there be more
 * steps than that; then one goes before what it waits for, which is harmless:
 * a partial table owns what it has, wherever it is found again.
 */
bool table_first_left(const struct mm_op *op, mfn_t top, struct frame *out)
{
    struct frame below;

    if (!is_left(op, top, out))
        return false;
    for (unsigned n = 0; n < 2 * PT_LEVELS && waits(op, out, &below); n++)
        *out = below;
    out->table->pt[out->i].stop = PT_DOWN;
    return true;
}

/*
 * Entry `progress` was refused: give back those before it. If the table had
 * stopped there on its way down, it may still have to wait there.
 */
static enum err undo(struct mm_op *op, struct frame *f, unsigned level,
                     unsigned progress, enum err why, bool *gone)
{
    const struct frame_pt *pt = &f->table->pt[f->i];
    bool as_before = pt->progress == progress && pt->stop == PT_WAITS;
    enum err rc;

    if (level > 1 &&
        below_stopped(op, entry_peek(entries_of(op, f) + progress))) {
        rc = stop_down(op, f, progress, PT_WAITS);
    } else {
        set_progress(f, progress, as_before ? PT_WAITS : PT_DOWN);
        rc = table_demote(op, f, level);
    }
    *gone = rc == ERR_RESTART;
    return why;
}

/*
 * L1 tables are 512 entries and most of what there is to validate: from one
 * batch of like entries to the next, with as little as there can be in between.
 * Returns the first entry from i on that did not get its references so.
 */
static always_inline unsigned
promote_batches(struct mm_op *op, pte_t *e, unsigned i,
                bool (*get)(const struct pte_batch *, pte_t))
{
    const pte_t *const end = e + PT_ENTRIES;
    struct pte_batch batch;

    for (i = skip_up(e, i); i < PT_ENTRIES; i = skip_up(e, i)) {
        pte_t *at = e + i;

        if (!pte_batch_begin_get(&batch, op, entry_peek(at)))
            break;
        for (; at < end; at++) {
            if (unlikely(!pte_batch_has(&batch, entry_peek(at))) &&
                !pte_batch_move_get(&batch, op, entry_peek(at)))
                break;
            if (unlikely(!get(&batch, entry_peek(at))))
                return (unsigned)(at - e);
            entry_poke(at, pte_of(entry_peek(at).v | batch.adjust));
        }
        i = (unsigned)(at - e);
    }
    return i;
}

static unsigned promote_fast(struct mm_op *op, pte_t *e, unsigned i)
{
    return promote_batches(op, e, i, pte_batch_get);
}

/* Goes on where frames are new: their words are changed by a swap each. */
static never_inline unsigned promote_new(struct mm_op *op, pte_t *e, unsigned i)
{
    return promote_batches(op, e, i, pte_batch_get_new);
}

/* The references of the last batch of like entries among n; how many are left.
 */
static unsigned demote_fast(struct mm_op *op, const pte_t *e, unsigned n)
{
    const pte_t *at = e + n;
    struct pte_batch batch;

    pte_batch_begin(&batch, op, entry_peek(at - 1),
                    pte_batch_held(op, entry_peek(at - 1)));
    while (at > e) {
        const pte_t was = entry_peek(at - 1);

        if (unlikely(!pte_batch_has(&batch, was)) &&
            !pte_batch_move_put(&batch, op, was))
            break;
        at--;
        if (unlikely(!pte_batch_put(&batch, op, was)))
            break;
    }
    return (unsigned)(at - e);
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

    for (unsigned i = 0, n; i < PT_ENTRIES;) {
        enum err rc;

        n = promote_fast(op, e, i);
        i = n < PT_ENTRIES ? promote_new(op, e, n) : n;
        if (i > n)
            continue;
        if (i == PT_ENTRIES)
            break;
        rc = promote_entry(op, &at, &e[i]);
        if (rc)
            return undo(op, f, 1, i, rc, gone);
        i++;
    }
    return ERR_NONE;
}

static void demote_l1(struct mm_op *op, struct frame *f)
{
    const pte_t *e = entries_of(op, f);
    unsigned n = skip_down(e, f->table->pt[f->i].progress);

    while (n > 0) {
        n = pte_present(entry_peek(e + n - 1)) ? demote_fast(op, e, n) : n - 1;
        n = skip_down(e, n);
    }
    set_progress(f, 0, PT_UP);
}

enum err table_promote(struct mm_op *op, struct frame *f, unsigned level,
                       bool *gone)
{
    const struct entry_at at = {.table = *f, .level = level};
    pte_t *e = entries_of(op, f);
    unsigned i = f->table->pt[f->i].progress;
    bool some = false;

    if (level == 1)
        return promote_l1(op, f, gone);
    for (i = skip_up(e, i); i < PT_ENTRIES; i = skip_up(e, i + 1)) {
        enum err rc;

        if (skipped(level, i))
            continue;
        rc = some && port_preempt() ? ERR_RESTART
                                    : promote_entry(op, &at, &e[i]);
        some = true;
        if (rc == ERR_RESTART) {
            *gone = true;
            return stay_partial(op, f, i, PT_UP);
        }
        if (rc)
            return undo(op, f, level, i, rc, gone);
    }
    set_progress(f, 0, PT_UP);
    if (level == 4)
        write_hv_slots(op, f);
    return ERR_NONE;
}

enum err table_demote(struct mm_op *op, struct frame *f, unsigned level)
{
    const struct entry_at at = {.table = *f, .level = level};
    const pte_t *e = entries_of(op, f);
    unsigned left = f->table->pt[f->i].progress;
    struct frame below;

    if (level == 1) {
        demote_l1(op, f);
        return ERR_NONE;
    }
    if (!type_has_deferred(op) && waits(op, f, &below))
        return stop_down(op, f, left, PT_WAITS);
    for (unsigned n = skip_down(e, left); n > 0; n = skip_down(e, n - 1)) {
        unsigned i = n - 1;

        if (skipped(level, i) || !pte_present(entry_peek(e + i)))
            continue;
        if (!demote_known(op, level, entry_peek(e + i)))
            entry_put(op, &at, entry_peek(e + i));
        if (below_stopped(op, entry_peek(e + i)))
            return stop_down(op, f, i, PT_WAITS);
        if (i > 0 && time_is_up(op))
            return stop_down(op, f, i, PT_DOWN);
    }
    set_progress(f, 0, PT_UP);
    return ERR_NONE;
}
