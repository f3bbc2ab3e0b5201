/* SPDX-License-Identifier: MIT */
/*
 * grant_move.c: content that goes from domain to domain: copies, and frames
 * that are given away. All of it is done within one call, so pins and
 * references are dropped before anybody else has either domain's lock.
 */
#include "mm/pv/grant_table.h"

#include <string.h>

#include "mm/alloc/dmem.h"
#include "mm/pv/entry.h"

/* --- copying -------------------------------------------------------------- */

/* A reference of the kind an entry would hold; GNTST_*. */
static int hold(struct mm_op *op, mfn_t m, bool write)
{
    enum err rc = entry_get_l1(op, pte_make(m, PTE_P | (write ? PTE_RW : 0)));

    return rc ? GNTST_bad_page : GNTST_okay;
}

static int open_end(struct mm_op *op, domid_t who, const struct grant_end *e,
                    bool write, mfn_t *out)
{
    int status;

    *out = e->mfn;
    if (!e->granted)
        return hold(op, e->mfn, write);
    status = grant_may_use(e->d);
    if (!status)
        status = grant_pin(e->d, e->ref, who, write, out);
    if (status)
        return status;
    status = hold(op, *out, write);
    if (status)
        grant_unpin(e->d, e->ref, write);
    return status;
}

static void close_end(struct mm_op *op, const struct grant_end *e, bool write,
                      mfn_t m)
{
    entry_put_l1(op, pte_make(m, PTE_P | (write ? PTE_RW : 0)));
    if (e->granted)
        grant_unpin(e->d, e->ref, write);
}

static uint8_t *content(const struct mm_op *op, mfn_t m, uint16_t offset)
{
    return (uint8_t *)mm_frame_ptr(op->mm, m) + offset;
}

/* Of the two operations each is on the domain of its end. */
static int copy(struct mm_op *ops, struct mm_op *opd, domid_t who,
                const struct grant_end *from, const struct grant_end *to,
                uint16_t len)
{
    mfn_t src, dst;
    int status = open_end(ops, who, from, false, &src);

    if (status)
        return status;
    status = open_end(opd, who, to, true, &dst);
    if (!status) {
        memmove(content(opd, dst, to->offset), content(ops, src, from->offset),
                len);
        close_end(opd, to, true, dst);
    }
    close_end(ops, from, false, src);
    return status;
}

int grant_copy(struct mm_domain *who, const struct grant_end *from,
               const struct grant_end *to, uint16_t len)
{
    struct mm_op ops, opd;
    int status;

    if (from->offset + len > (int)PAGE_SIZE ||
        to->offset + len > (int)PAGE_SIZE)
        return GNTST_bad_copy_arg;
    mm_op_begin_two(&ops, from->d, NULL, &opd, to->d);
    status = copy(&ops, &opd, who->id, from, to, len);
    mm_op_end_two(&ops, &opd);
    return status;
}

/* --- giving away ---------------------------------------------------------- */

/* Can the frame go: the domain's, and nobody but it refers to it? */
static bool can_go(struct mm_op *op, mfn_t m)
{
    struct frame f;

    if (dmem_frame_check(op, m))
        return false;
    f = frame_held(op->mm, m);
    return frame_is_idle(frame_word(&f), op->d->id);
}

static bool accepts(struct mm_domain *to, uint32_t ref, domid_t who)
{
    _Atomic uint64_t *p = grant_word(to, ref);
    uint64_t w = atomic_load(p);

    return GRANT_WORD_FLAGS(w) == GTF_accept_transfer &&
           GRANT_WORD_DOMID(w) == who &&
           atomic_compare_exchange_strong(p, &w, w | GTF_transfer_committed);
}

/* The frame's number first: the other side looks at the flag. */
static void tell(const struct mm_domain *to, uint32_t ref, mfn_t m)
{
    _Atomic uint32_t *half = (_Atomic uint32_t *)(void *)grant_word(to, ref);

    atomic_store(half + 1, (uint32_t)m.v);
    atomic_fetch_or(half, GTF_transfer_completed);
}

int grant_transfer(struct mm_op *op, struct mm_op *theirs, uint32_t ref,
                   mfn_t m)
{
    struct mm_domain *to = theirs->d;
    int status = grant_may_use(to);
    unsigned done;
    mfn_t fresh;

    if (!can_go(op, m))
        return GNTST_bad_page;
    if (status || to == op->d)
        return status ? status : GNTST_bad_domain;
    if (ref >= grant_nr_frames(to) * GRANT_REFS)
        return GNTST_bad_gntref;
    if (!dmem_may_grow(to, 1) || dmem_frames_get(theirs, &fresh, 1, &done))
        return GNTST_general_error;
    if (!accepts(to, ref, op->d->id)) {
        dmem_chunk_undo(theirs, 0, fresh);
        return GNTST_bad_gntref;
    }
    memcpy(mm_frame_ptr(op->mm, fresh), mm_frame_ptr(op->mm, m), PAGE_SIZE);
    tell(to, ref, fresh);
    MUST(dmem_frame_put(op, m));
    return GNTST_okay;
}
