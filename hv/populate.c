/* SPDX-License-Identifier: MIT */
/*
 * populate.c: see populate.h. Either all blocks are promised at once and all
 * of the memory is whole; or, where the policy permits, as many as there are,
 * the rest comes in frames, and a line says so: never silently.
 */
#include "hv/populate.h"

#include "hv/console.h"
#include "hv/memory.h"
#include "hv/tlb.h"
#include "mm/dmem.h"
#include "mm/m2p.h"
#include "mm/shared.h"

static enum err whole_block(struct mm_op *op, struct pfnmap *map, uint64_t b)
{
    blk_t blk;
    enum err rc = dmem_block_get(op, &blk);

    if (rc)
        return rc;
    m2p_set(op->mm, mfn_of_blk(blk), pfn_of(b * BLOCK_FRAMES), BLOCK_FRAMES);
    /* Not what ERR_NOMEM would mean here: there is a block. */
    return pfnmap_set_block(map, b, mfn_of_blk(blk)) ? ERR_NOSPC : ERR_NONE;
}

static enum err scattered_block(struct mm_op *op, struct pfnmap *map,
                                uint64_t b)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        pfn_t pfn = pfn_of(b * BLOCK_FRAMES + i);
        mfn_t m;
        enum err rc = dmem_run_get(op, 0, &m);

        if (!rc)
            rc = pfnmap_set(map, pfn, m);
        if (rc)
            return rc;
        m2p_set(op->mm, m, pfn, 1);
    }
    return ERR_NONE;
}

/* Whole or not, is there that much memory? */
static bool frames_enough(uint64_t blocks)
{
    uint64_t frames = shared_stats(&hv_mm).free_frames +
                      alloc_stats(&hv_mm).free * BLOCK_FRAMES;

    return frames / BLOCK_FRAMES >= blocks;
}

static enum err too_little(const struct domain *d, uint64_t blocks)
{
    struct alloc_stats s = alloc_stats(&hv_mm);

    console_say("guest %s not started: it needs %lu whole blocks of 2 MiB, "
                "%lu are free, %lu of them kept for cutting; besides, %lu "
                "single frames",
                d->name, blocks, s.free - MIN(s.free, s.claimed),
                MIN(s.free, s.reserve), shared_stats(&hv_mm).free_frames);
    return ERR_NOMEM;
}

static enum err fill(struct domain *d, struct mm_op *op, struct pfnmap *map,
                     uint64_t blocks)
{
    enum err rc = ERR_NONE;

    for (uint64_t b = 0; b < blocks && !rc; b++) {
        rc = d->whole == b ? whole_block(op, map, b) : ERR_NOMEM;
        if (!rc)
            d->whole++;
        else if (rc == ERR_NOMEM && d->mm.superpages != SUPERPAGES_REQUIRE)
            rc = scattered_block(op, map, b);
    }
    return rc;
}

enum err populate(struct domain *d, struct pfnmap *map)
{
    struct mm_op op = mm_op_on(&d->mm, &d->vcpu[0]->mm);
    uint64_t blocks = d->nr_pages / BLOCK_FRAMES;
    enum err rc = alloc_claim(&hv_mm, blocks);

    if (!rc)
        d->mm.claim = blocks;
    else if (d->mm.superpages == SUPERPAGES_REQUIRE || !frames_enough(blocks))
        return too_little(d, blocks);
    rc = fill(d, &op, map, blocks);
    tlb_discharge(&op);
    if (rc)
        return too_little(d, blocks);
    if (d->whole < blocks)
        console_say("guest %s: only %lu of its %lu blocks are whole, the rest "
                    "is 4 KiB frames: no superpages there",
                    d->name, d->whole, blocks);
    return ERR_NONE;
}
