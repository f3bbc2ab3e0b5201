/* SPDX-License-Identifier: MIT */
/*
 * type.c: references to frames and their types.
 *
 * A type is published first, with a count of one and not validated; then what
 * was cached under the old type is flushed; then the content is audited; then
 * it is validated. Nobody else can take the type in between, and nobody can
 * write to the content any more (XSA-401, -408).
 */
#include "mm/pv/type.h"

#include "mm/alloc/dmem.h"
#include "mm/base/port.h"
#include "mm/pv/table.h"

void type_flush_now(struct mm_op *op)
{
    mm_op_flush_now(op);
}

enum err type_ref_get(struct mm_op *op, mfn_t m)
{
    struct frame f;
    enum err rc = frame_find(op, m, &f);

    if (rc)
        return rc == ERR_NOMEM ? rc : ERR_INVAL;
    return frame_try(&f, frame_get, op->d->id) ? ERR_NONE : ERR_INVAL;
}

void type_ref_put(struct mm_op *op, mfn_t m)
{
    struct frame f = frame_held(op->mm, m);
    uint64_t old;

    MUST(frame_apply(&f, old, frame_put));
    if (frame_refs(old) == 1)
        dmem_frame_free(op, &f);
}

/*
 * May a translation made under the old type still be cached, and does it
 * matter? Any table type matters as much as writable: structure caches walk
 * a former table on, and what is now writable would be an entry there.
 */
static bool must_flush(const struct mm_op *op, const struct frame *f,
                       uint64_t old, enum frame_type t)
{
    uint16_t now = (uint16_t)op->d->tlb_epoch;

    return frame_type(old) != FRAME_NONE && frame_type(old) != t &&
           f->table->stamp[f->i] == now;
}

/* Drop general and type reference, the content being dealt with. */
static void drop(struct mm_op *op, struct frame *f)
{
    enum frame_type t = frame_type(frame_word(f));
    uint64_t old;

    MUST(frame_apply(f, old, frame_type_put));
    if (frame_count(old) == 1) {
        f->table->stamp[f->i] = (uint16_t)op->d->tlb_epoch;
        if (frame_type_exclusive(t))
            MUST(block_try(f->block, block_excl_put));
    }
    if (frame_refs(old) == 1)
        dmem_frame_free(op, f);
}

bool type_descriptor_ok(uint64_t *desc)
{
    const uint64_t present = BIT(47), code_or_data = BIT(44);
    const uint64_t dpl = BITS(46, 45), type = BITS(43, 40);
    const uint64_t call_gate = UINT64_C(0xc) << 40;

    if (!(*desc & present))
        return true;
    if (*desc & code_or_data) {
        *desc |= dpl;
        return true;
    }
    if ((*desc & type) == 0) /* an upper half, or nothing */
        return true;
    if ((*desc & type) != call_gate)
        return false;
    *desc &= ~dpl; /* not to be used: far calls into us are refused */
    return true;
}

static enum err audit_descriptors(struct mm_op *op, const struct frame *f)
{
    uint64_t *desc = mm_frame_ptr(op->mm, f->mfn);

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*desc); i++)
        if (!type_descriptor_ok(&desc[i]))
            return ERR_INVAL;
    return ERR_NONE;
}

void type_commit(struct mm_op *op, struct frame *f, enum frame_type t)
{
    MUST(frame_try(f, frame_flags, FRAME_VALIDATED, 0));
    if (frame_is_table(t))
        op->d->tables[t]++;
}

/* The type is published and ours alone: look at the content. */
static enum err validate(struct mm_op *op, struct frame *f, enum frame_type t)
{
    bool gone = false;
    enum err rc = t == FRAME_SEG ? audit_descriptors(op, f)
                                 : table_promote(op, f, (unsigned)t, &gone);

    if (rc) {
        if (!gone)
            drop(op, f);
        return rc;
    }
    type_commit(op, f, t);
    return ERR_NONE;
}

enum err type_reserve(struct mm_op *op, struct frame *f, enum frame_type t)
{
    uint64_t oldb, old;

    if (frame_count(frame_word(f)) > 0 ||
        !block_apply(f->block, oldb, block_excl_get))
        return ERR_INVAL; /* mapped as a superpage */
    if (!frame_apply(f, old, frame_type_get, op->d->id, t)) {
        MUST(block_try(f->block, block_excl_put));
        return ERR_INVAL;
    }
    if ((oldb & BLOCK_STALE_SUPER) || must_flush(op, f, old, t)) {
        type_flush_now(op);
        (void)block_try(f->block, block_flushed);
    }
    return ERR_NONE;
}

/* Count zero: make the frame a t, with all that is due in between. */
static enum err get_first(struct mm_op *op, struct frame *f, enum frame_type t)
{
    enum err rc = type_reserve(op, f, t);

    return rc ? rc : validate(op, f, t);
}

/* Somebody left it half done: its references become ours. */
static bool take_on(struct mm_op *op, struct frame *f)
{
    bool was = frame_try(f, frame_flags, 0, FRAME_PARTIAL);

    op->d->partial -= was;
    return was;
}

static enum err resume(struct mm_op *op, struct frame *f, enum frame_type t)
{
    if (frame_type(frame_word(f)) != t || !take_on(op, f))
        return ERR_INVAL;
    return validate(op, f, t);
}

enum err type_get(struct mm_op *op, mfn_t m, enum frame_type t)
{
    struct frame f;
    uint64_t w;
    enum err rc = frame_find(op, m, &f);

    if (rc)
        return rc == ERR_NOMEM ? rc : ERR_INVAL;
    w = frame_word(&f);
    if (frame_owner(w) != op->d->id)
        return ERR_INVAL;
    if (t == FRAME_WRITABLE)
        return type_get_writable(op, &f);
    if (w & FRAME_PARTIAL)
        return resume(op, &f, t);
    if (frame_count(w) == 0)
        return get_first(op, &f, t);
    if (frame_type(w) != t || !(w & FRAME_VALIDATED))
        return ERR_INVAL;
    return frame_try(&f, frame_type_get, op->d->id, t) ? ERR_NONE : ERR_INVAL;
}

enum err type_get_writable(struct mm_op *op, const struct frame *f)
{
    uint64_t old;

    if (!frame_apply(f, old, frame_type_get, op->d->id, FRAME_WRITABLE))
        return ERR_INVAL;
    if (frame_count(old) == 0 && must_flush(op, f, old, FRAME_WRITABLE))
        type_flush_now(op);
    return ERR_NONE;
}

/* Not validated, not partial, count one: entries first, then the reference. */
static enum err demote(struct mm_op *op, struct frame *f, enum frame_type t)
{
    if (frame_is_table(t)) {
        enum err rc = table_demote(op, f, (unsigned)t);

        if (rc)
            return rc;
    }
    drop(op, f);
    return ERR_NONE;
}

enum err type_finish(struct mm_op *op, struct frame *f)
{
    enum frame_type t = frame_type(frame_word(f));

    if (!take_on(op, f))
        return ERR_NONE; /* somebody else did */
    return demote(op, f, t);
}

static bool unvalidate(uint64_t *w)
{
    if (frame_count(*w) != 1 || !frame_is_table(frame_type(*w)) ||
        !(*w & FRAME_VALIDATED))
        return false;
    *w &= ~FRAME_VALIDATED;
    return true;
}

void type_put_deferred(struct mm_op *op, mfn_t m)
{
    struct frame f = frame_held(op->mm, m);
    enum frame_type t = frame_type(frame_word(&f));

    if (!frame_try(&f, unvalidate)) {
        drop(op, &f);
        return;
    }
    op->d->tables[t]--;
    table_goes_down(&f);
    (void)demote(op, &f, t); /* or it is op->v->deferred */
}

enum err type_finish_deferred_slow(struct mm_op *op)
{
    const mfn_t top = op->v->deferred;
    enum err rc = ERR_NONE;
    struct frame f;

    while (!rc && table_first_left(op, top, &f)) {
        op->v->deferred = MFN_NONE; /* it may stop again */
        rc = type_finish(op, &f);
    }
    op->v->deferred = rc ? top : MFN_NONE;
    return rc;
}
