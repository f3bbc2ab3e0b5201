/* SPDX-License-Identifier: MIT */
/*
 * reservation.c: one extent in, one extent out; all of it or nothing.
 */
#include "mm/resize/reservation.h"

#include "mm/alloc/m2p.h"
#include "mm/alloc/span.h"
#include "mm/pv/type.h"

/* Can every frame of the extent be given up? Nothing is changed by asking. */
static enum err decrease_check(struct mm_op *op, mfn_t m, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        enum err rc = dmem_frame_check(op, mfn_add(m, i));

        if (rc)
            return rc;
    }
    return ERR_NONE;
}

enum err reservation_decrease(struct mm_op *op, mfn_t m, unsigned order)
{
    uint64_t n;
    enum err rc = type_finish_deferred(op);

    if (rc)
        return rc;
    if (order > RESERVATION_ORDER_MAX)
        return ERR_PERM;
    n = UINT64_C(1) << order;
    if (order == 0) {
        if (unlikely(span_kept(op->d)))
            span_learn(op, &m, 1);
        return dmem_frame_put(op, m);
    }
    if (m.v >= op->mm->nr_frames || n > op->mm->nr_frames - m.v)
        return ERR_INVAL;
    if (order == RESERVATION_ORDER_MAX && m.v % BLOCK_FRAMES == 0 &&
        dmem_block_put(op, blk_of_mfn(m)) == ERR_NONE)
        return ERR_NONE;
    if (unlikely(span_kept(op->d)))
        span_learn(op, &m, 1);
    rc = decrease_check(op, m, n);
    if (rc)
        return rc;
    for (uint64_t i = 0; i < n; i++)
        MUST(dmem_frame_put(op, mfn_add(m, i)));
    return ERR_NONE;
}

enum err reservation_decrease_list(struct mm_op *op, const mfn_t *m, unsigned n,
                                   unsigned *done)
{
    enum err rc = type_finish_deferred(op);

    *done = 0;
    if (rc)
        return rc;
    if (unlikely(span_kept(op->d)))
        span_learn(op, m, n);
    return dmem_frames_put(op, m, n, done);
}

static enum err chunk_get(struct mm_op *op, pfn_t pfn, unsigned order,
                          mfn_t *out)
{
    unsigned done;

    if (order == 0 && span_kept(op->d))
        return dmem_frames_get_for(op, &pfn, out, 1, &done);
    return dmem_chunk_get(op, order, out);
}

static enum err extent_get(struct mm_op *op, pfn_t pfn, unsigned order,
                           bool zeroed, mfn_t *out)
{
    blk_t b;
    enum err rc;

    if (order < RESERVATION_ORDER_MAX)
        return chunk_get(op, pfn, order, out);
    rc = zeroed ? dmem_block_get(op, &b) : dmem_block_get_own(op, &b);
    if (!rc)
        *out = mfn_of_blk(b);
    return rc;
}

/* Undoes extent_get(). */
static void extent_put(struct mm_op *op, mfn_t m, unsigned order)
{
    if (order == RESERVATION_ORDER_MAX) {
        MUST(dmem_block_put(op, blk_of_mfn(m)));
        return;
    }
    dmem_chunk_undo(op, order, m);
}

static void set_pfn(struct mm_op *op, mfn_t m, pfn_t pfn, unsigned order)
{
    if (pfn.v == PFN_NONE.v)
        return;
    if (order == RESERVATION_ORDER_MAX)
        m2p_set_block(op->mm, m, pfn);
    else
        m2p_set(op->mm, m, pfn, UINT64_C(1) << order);
}

static enum err increase(struct mm_op *op, pfn_t pfn, unsigned order,
                         bool zeroed, mfn_t *out)
{
    enum err rc = type_finish_deferred(op);

    if (rc)
        return rc;
    if (order > RESERVATION_ORDER_MAX)
        return ERR_PERM;
    if (!dmem_may_grow(op->d, UINT64_C(1) << order))
        return ERR_NOMEM; /* XSA-385: no sum that could wrap */
    rc = extent_get(op, pfn, order, zeroed, out);
    if (!rc)
        set_pfn(op, *out, pfn, order);
    return rc;
}

enum err reservation_increase(struct mm_op *op, pfn_t pfn, unsigned order,
                              mfn_t *out)
{
    return increase(op, pfn, order, false, out);
}

enum err reservation_increase_zeroed(struct mm_op *op, pfn_t pfn, mfn_t *out)
{
    return increase(op, pfn, RESERVATION_ORDER_MAX, true, out);
}

enum err reservation_increase_list(struct mm_op *op, const pfn_t *pfn,
                                   mfn_t *out, unsigned n, unsigned *done)
{
    enum err rc = type_finish_deferred(op);
    uint64_t *m2p = op->mm->m2p;
    unsigned want = n, got;

    *done = 0;
    if (rc)
        return rc;
    if (unlikely(!dmem_may_grow(op->d, n)))
        want = dmem_may_grow(op->d, 1)
                   ? (unsigned)(op->d->max_pages - op->d->tot_pages)
                   : 0;
    if (unlikely(span_kept(op->d)))
        rc = dmem_frames_get_for(op, pfn, out, want, done);
    else
        rc = dmem_frames_get(op, out, want, done);
    got = *done;
    for (unsigned i = 0; i < got; i++)
        m2p[out[i].v] = pfn[i].v;
    return rc || want == n || got < want ? rc : ERR_NOMEM;
}

/* FRAME_FIXED marks a frame as taken here: naming it twice is refused. */
static enum err take_in(struct mm_op *op, mfn_t m)
{
    enum err rc = dmem_frame_check(op, m);
    struct frame f;

    if (rc)
        return rc == ERR_NOMEM ? rc : ERR_INVAL;
    f = frame_held(op->mm, m);
    if (!frame_is_idle(frame_word(&f), op->d->id) ||
        !frame_try(&f, frame_flags, FRAME_FIXED, 0))
        return ERR_INVAL;
    return ERR_NONE;
}

static void leave_in(struct mm_op *op, mfn_t m)
{
    struct frame f = frame_held(op->mm, m);

    MUST(frame_try(&f, frame_flags, 0, FRAME_FIXED));
}

static mfn_t in_frame(const struct reservation_exchange *x, uint64_t i)
{
    return mfn_add(x->in[i >> x->in_order], i & ((1u << x->in_order) - 1));
}

static enum err take_all(struct mm_op *op, const struct reservation_exchange *x,
                         uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        enum err rc = take_in(op, in_frame(x, i));

        if (rc) {
            while (i-- > 0)
                leave_in(op, in_frame(x, i));
            return rc;
        }
    }
    return ERR_NONE;
}

static enum err get_all(struct mm_op *op, const struct reservation_exchange *x)
{
    for (unsigned i = 0; i < x->n_out; i++) {
        enum err rc = extent_get(op, PFN_NONE, x->out_order, false, &x->out[i]);

        if (rc) {
            while (i-- > 0)
                extent_put(op, x->out[i], x->out_order);
            return rc;
        }
    }
    return ERR_NONE;
}

enum err reservation_exchange(struct mm_op *op,
                              const struct reservation_exchange *x)
{
    uint64_t n = (uint64_t)x->n_in << x->in_order;
    enum err rc = type_finish_deferred(op);

    if (rc)
        return rc;
    if (x->in_order > RESERVATION_ORDER_MAX ||
        x->out_order > RESERVATION_ORDER_MAX)
        return ERR_PERM;
    if (n != (uint64_t)x->n_out << x->out_order)
        return ERR_INVAL;
    rc = take_all(op, x, n);
    if (rc)
        return rc;
    rc = get_all(op, x);
    for (uint64_t i = 0; i < n; i++)
        leave_in(op, in_frame(x, i));
    if (rc)
        return rc;
    for (uint64_t i = 0; i < n; i++)
        MUST(dmem_frame_put(op, in_frame(x, i)));
    for (unsigned i = 0; i < x->n_out; i++)
        set_pfn(op, x->out[i], x->out_pfn[i], x->out_order);
    return ERR_NONE;
}
