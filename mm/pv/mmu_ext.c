/* SPDX-License-Identifier: MIT */
/*
 * mmu_ext.c: the mmuext_op operations that take and drop references: pins,
 * roots, descriptor frames, marks; and clearing and copying frames.
 */
#include <string.h>

#include "mm/base/port.h"
#include "mm/pv/lapse.h"
#include "mm/pv/mmu.h"
#include "mm/pv/mmu_fast.h"
#include "mm/pv/super.h"

enum err mmu_pin(struct mm_op *op, mfn_t m, unsigned level)
{
    struct frame f;
    enum err rc = type_finish_deferred(op);

    if (!rc)
        rc = type_get(op, m, (enum frame_type)level);
    if (rc)
        return rc;
    f = frame_held(op->mm, m);
    if (!frame_try(&f, frame_flags, FRAME_PINNED, 0)) {
        type_put_deferred(op, m);
        return ERR_INVAL;
    }
    return ERR_NONE;
}

/* It is not pinned: but the guest may think so. */
static never_inline enum err unpin_lapsed(const struct mm_op *op, mfn_t m)
{
    return lapse_unpin(op, m) ? ERR_NONE : ERR_INVAL;
}

enum err mmu_unpin(struct mm_op *op, mfn_t m)
{
    struct frame f;
    enum err rc = type_finish_deferred(op);

    if (rc)
        return rc;
    if (!frame_find_worded(op, m, &f) ||
        !frame_try(&f, frame_flags, 0, FRAME_PINNED))
        return unpin_lapsed(op, m);
    type_put_deferred(op, m);
    return ERR_NONE;
}

/*
 * *root becomes m; what it was is put, maybe later, but not before the
 * processor has left it. From a guest ~0 is a frame that does not exist, not
 * our MFN_NONE: its callers refuse it.
 */
static enum err new_root(struct mm_op *op, mfn_t *root, mfn_t m)
{
    mfn_t old = *root;
    enum err rc = type_finish_deferred(op);

    if (rc || mfn_eq(old, m))
        return rc;
    if (mmu_fast_root(op, root, m)) {
        port_load_root(op->v);
        return ERR_NONE;
    }
    if (!mfn_eq(m, MFN_NONE)) {
        rc = type_get(op, m, FRAME_L4);
        if (rc)
            return rc;
    }
    *root = m;
    port_load_root(op->v);
    if (!mfn_eq(old, MFN_NONE))
        type_put_deferred(op, old);
    return ERR_NONE;
}

enum err mmu_new_baseptr(struct mm_op *op, mfn_t m)
{
    if (mfn_eq(m, MFN_NONE))
        return ERR_INVAL;
    return new_root(op, &op->v->root_kernel, m);
}

enum err mmu_new_user_baseptr(struct mm_op *op, mfn_t m)
{
    if (mfn_eq(m, MFN_NONE))
        return ERR_INVAL;
    return new_root(op, &op->v->root_user, m.v ? m : MFN_NONE);
}

enum err mmu_clear_page(struct mm_op *op, mfn_t m)
{
    enum err rc = type_finish_deferred(op);

    if (!rc)
        rc = type_get(op, m, FRAME_WRITABLE);
    if (rc)
        return rc;
    memset(mm_frame_ptr(op->mm, m), 0, PAGE_SIZE);
    type_put_deferred(op, m);
    return ERR_NONE;
}

enum err mmu_copy_page(struct mm_op *op, mfn_t dst, mfn_t src)
{
    enum err rc = type_finish_deferred(op);

    if (!rc)
        rc = type_ref_get(op, src);
    if (rc)
        return rc;
    rc = type_get(op, dst, FRAME_WRITABLE);
    if (!rc) {
        memcpy(mm_frame_ptr(op->mm, dst), mm_frame_ptr(op->mm, src), PAGE_SIZE);
        type_put_deferred(op, dst);
    }
    type_ref_put(op, src);
    return rc;
}

enum err mmu_mark_super(struct mm_op *op, mfn_t m)
{
    return super_mark(op, m);
}

enum err mmu_unmark_super(struct mm_op *op, mfn_t m)
{
    return super_unmark(op, m);
}

/* A reference that is held goes to the slot; what was there is dropped. */
static void seg_move(struct mm_op *op, unsigned slot, mfn_t m)
{
    mfn_t old = op->v->seg[slot];

    op->v->seg[slot] = m;
    if (!mfn_eq(old, MFN_NONE))
        type_put_deferred(op, old);
}

/* What is put is no table, so nothing is left of it, or in its way. */
enum err mmu_seg_load(struct mm_op *op, unsigned slot, mfn_t m)
{
    enum err rc = ERR_NONE;

    ASSERT(slot < MM_SEG_SLOTS);
    if (!mfn_eq(m, MFN_NONE))
        rc = type_get(op, m, FRAME_SEG);
    if (!rc)
        seg_move(op, slot, m);
    return rc;
}

enum err mmu_gdt_load(struct mm_op *op, const uint64_t *mfns, unsigned nr)
{
    enum err rc = type_finish_deferred(op);
    unsigned got = 0;

    ASSERT(nr <= MM_GDT_SLOTS);
    while (!rc && got < nr) {
        rc = type_get(op, mfn_of(mfns[got]), FRAME_SEG);
        got += !rc;
    }
    if (rc) {
        while (got > 0)
            type_put_deferred(op, mfn_of(mfns[--got]));
        return rc;
    }
    for (unsigned i = 0; i < MM_GDT_SLOTS; i++)
        seg_move(op, i, i < nr ? mfn_of(mfns[i]) : MFN_NONE);
    return ERR_NONE;
}

enum err mmu_info_load(struct mm_op *op, mfn_t m)
{
    enum err rc = type_finish_deferred(op);

    if (!rc && !mfn_eq(op->v->info, MFN_NONE))
        rc = ERR_INVAL;
    if (!rc)
        rc = type_get(op, m, FRAME_WRITABLE);
    if (!rc)
        op->v->info = m;
    return rc;
}

enum err mmu_update_descriptor(struct mm_op *op, maddr_t ma, uint64_t desc)
{
    mfn_t m = mfn_of_maddr(ma);
    enum frame_type t = FRAME_WRITABLE;
    enum err rc = type_finish_deferred(op);
    struct frame f;

    if (rc)
        return rc;
    if (ma.v % sizeof(desc) || !frame_owned(op, m) ||
        !type_descriptor_ok(&desc))
        return ERR_INVAL;
    rc = frame_find(op, m, &f);
    if (rc)
        return rc;
    if (frame_type(frame_word(&f)) == FRAME_SEG && frame_count(frame_word(&f)))
        t = FRAME_SEG;
    rc = type_get(op, m, t);
    if (rc)
        return rc;
    *(volatile uint64_t *)((char *)mm_frame_ptr(op->mm, m) + ma.v % PAGE_SIZE) =
        desc;
    type_put_deferred(op, m);
    return ERR_NONE;
}
