/* SPDX-License-Identifier: MIT */
/* pressure.c: see pressure.h. */
#include "pressure.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

void pressure_make(struct world *w, struct world_domain *filler, domid_t id)
{
    world_domain(w, filler, id, ~UINT64_C(0));
    filler->d.relinquish = RELINQUISH_CUT;
}

static void fragment(struct mm_op *op, blk_t b)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i += 2)
        assert_int_equal(dmem_frame_put(op, mfn_add(mfn_of_blk(b), i)),
                         ERR_NONE);
}

void pressure_put(struct world_domain *filler, uint64_t n, uint64_t frag)
{
    struct mm_op op = mm_op_on(&filler->d, &filler->v);
    blk_t b;

    while (!dmem_block_get(&op, &b)) {
        if (frag)
            fragment(&op, b);
        frag -= !!frag;
    }
    world_done(&op);
    (void)pressure_drop(filler, n);
}

uint64_t pressure_drop(struct world_domain *filler, uint64_t n)
{
    struct mm_op op = mm_op_on(&filler->d, &filler->v);
    uint64_t done = 0;

    for (uint64_t i = op.mm->nr_blocks; done < n && i-- > 0;)
        done += !dmem_block_put(&op, blk_of(i));
    world_done(&op);
    return done;
}
