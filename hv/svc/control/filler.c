/* SPDX-License-Identifier: MIT */
/*
 * filler.c: see filler.h. No guest can have a translation of the filler, so
 * what its operations owe costs nothing.
 */
#include "hv/svc/control/filler.h"

#include "hv/arch/ipi.h"
#include "hv/base/string.h"
#include "hv/domain/domain.h"
#include "mm/alloc/dmem.h"
#include "mm/base/port.h"

static struct mm_domain filler;
static struct mm_vcpu nobody;
static uint64_t at; /* block at which the search for its blocks goes on */

static void begin(struct mm_op *op, struct mm *mm)
{
    if (filler.mm != mm) {
        memset(&filler, 0, sizeof(filler));
        nobody.deferred = MFN_NONE;
        filler.id = OWNER_FILLER;
        filler.relinquish = RELINQUISH_CUT;
        filler.max_pages = mm->nr_frames;
        dmem_domain_init(mm, &filler);
    }
    mm_op_begin(op, &filler, &nobody);
}

/* Blocks that anybody could be given whole. */
static uint64_t available(struct mm *mm)
{
    struct alloc_stats s = alloc_stats(mm);
    uint64_t kept = s.claimed + s.reserve;

    return s.free > kept ? s.free - kept : 0;
}

enum err filler_fill(struct mm *mm, uint64_t left)
{
    enum err rc = ERR_NONE;
    struct mm_op op;
    blk_t b;

    begin(&op, mm);
    for (uint64_t n = available(mm); n > left && !rc; n--) {
        if (dmem_block_get_dirty(&op, &b))
            break; /* somebody was faster */
        if (port_preempt())
            rc = ERR_RESTART;
    }
    mm_op_end(&op);
    return rc;
}

/*
 * The next block, from where the last search ended, in which the filler may
 * have something, being of this class. There is one. ERR_RESTART.
 */
static enum err find(const struct mm *mm, enum block_class class, blk_t *out)
{
    for (;;) {
        blk_t b = blk_of(at++ % mm->nr_blocks);
        uint64_t w = mm_block(mm, b)->word;

        if (block_class(w) == class && block_concerns(w, OWNER_FILLER)) {
            *out = b;
            return ERR_NONE;
        }
        if (at % 64 == 0 && port_preempt())
            return ERR_RESTART;
    }
}

/* ERR_NOMEM: nothing was done. */
static enum err frag_block(struct mm_op *op, blk_t b)
{
    for (unsigned i = 1; i < BLOCK_FRAMES; i += 2) {
        enum err rc = dmem_frame_put(op, mfn_add(mfn_of_blk(b), i));

        if (rc) {
            ASSERT(i == 1);
            return rc;
        }
    }
    return ERR_NONE;
}

static enum err frag(struct mm_op *op, uint64_t *blocks)
{
    if (*blocks > filler.blocks)
        return ERR_INVAL;
    for (; *blocks > 0; --*blocks) {
        blk_t b;
        enum err rc = find(op->mm, BLOCK_DOM, &b);

        if (!rc)
            rc = frag_block(op, b);
        if (rc)
            return rc;
        if (*blocks > 1 && port_preempt()) {
            --*blocks;
            return ERR_RESTART;
        }
    }
    return ERR_NONE;
}

enum err filler_frag(struct mm *mm, uint64_t *blocks)
{
    struct mm_op op;
    enum err rc;

    begin(&op, mm);
    rc = frag(&op, blocks);
    mm_op_end(&op);
    return rc;
}

/* The filler's frames in a shared block; false: it has none there. */
static bool put_frames(struct mm_op *op, blk_t blk)
{
    const struct block *b = mm_block(op->mm, blk);
    bool any = false;

    /* With the last of them the block may be gone. */
    for (unsigned i = frame_next_in_shared(op, b, 0); i < BLOCK_FRAMES;
         i = frame_next_in_shared(op, b, i + 1)) {
        MUST(dmem_frame_put(op, mfn_add(mfn_of_blk(blk), i)));
        any = true;
    }
    (void)mm_discharge(op->mm); /* what is left is counted by the caller */
    return any;
}

static enum err drain(struct mm_op *op, uint64_t *blocks)
{
    while (*blocks > 0 && (filler.blocks || filler.shared_frames)) {
        bool whole = filler.blocks;
        blk_t b;
        enum err rc = find(op->mm, whole ? BLOCK_DOM : BLOCK_SHARED, &b);

        if (rc)
            return rc;
        if (whole)
            MUST(dmem_block_put(op, b));
        if (whole || put_frames(op, b))
            --*blocks;
        if (*blocks > 0 && port_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}

enum err filler_drain(struct mm *mm, uint64_t *blocks)
{
    struct mm_op op;
    enum err rc;

    begin(&op, mm);
    rc = drain(&op, blocks);
    mm_op_end(&op);
    return rc;
}

void filler_forget(struct mm *mm)
{
    uint64_t all = ~UINT64_C(0);

    while (filler_drain(mm, &all) == ERR_RESTART)
        ipi_serve();
}

struct filler_stats filler_stats(void)
{
    return (struct filler_stats){filler.blocks, filler.shared_frames};
}
