/* SPDX-License-Identifier: MIT */
/*
 * populate.c: see populate.h. Either all blocks are promised at once and all
 * of the memory is whole; or, where the policy permits, as many as there are,
 * the rest comes in frames, and a line says so: never silently.
 */
#include "hv/svc/build/populate.h"

#include "hv/arch/memory.h"
#include "hv/base/fail.h"
#include "hv/base/log.h"
#include "hv/domain/tlb.h"
#include "mm/alloc/dmem.h"
#include "mm/alloc/m2p.h"
#include "mm/alloc/shared.h"
#include "mm/base/port.h"

/*
 * 512 blocks that begin with pfns of a whole GiB come as one region, if there
 * is one: then they can be mapped by one L3 entry.
 */
static void begin_region(struct populate *p, struct mm_op *op)
{
    uint64_t left = p->d->nr_pages / BLOCK_FRAMES - p->next;

    if (p->next % REGION_BLOCKS || left < REGION_BLOCKS ||
        p->d->mm.superpages == SUPERPAGES_OFF ||
        dmem_region_get_dirty(op, &p->region))
        return;
    p->region_left = REGION_BLOCKS;
}

static enum err next_block(struct populate *p, struct mm_op *op, blk_t *out)
{
    if (p->region_left == 0)
        begin_region(p, op);
    if (p->region_left == 0)
        return dmem_block_get(op, out);
    *out = blk_of(p->region.v + REGION_BLOCKS - p->region_left--);
    dmem_block_scrub(op, *out);
    return ERR_NONE;
}

static enum err whole_block(struct populate *p, struct mm_op *op)
{
    struct pfnmap *map = p->map;
    uint64_t b = p->next;
    blk_t blk;
    enum err rc = next_block(p, op, &blk);

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
        enum err rc = dmem_chunk_get(op, 0, &m);

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

static enum err too_little(uint64_t blocks, char *text)
{
    struct alloc_stats s = alloc_stats(&hv_mm);

    return fail(text, ERR_NOMEM,
                "it needs %lu whole blocks of 2 MiB, %lu are free, %lu of "
                "them kept for cutting; besides, %lu single frames",
                blocks, s.free - MIN(s.free, s.claimed), MIN(s.free, s.reserve),
                shared_stats(&hv_mm).free_frames);
}

/* What it was promised by name counts. */
static enum err promise(struct domain *d, uint64_t blocks, char *text)
{
    uint64_t more = blocks - MIN(blocks, d->mm.claim);

    if (!alloc_claim(&hv_mm, more))
        d->mm.claim += more;
    else if (d->mm.superpages == SUPERPAGES_REQUIRE || !frames_enough(more))
        return too_little(blocks, text);
    return ERR_NONE;
}

static enum err one_block(struct populate *p, struct mm_op *op)
{
    struct domain *d = p->d;
    enum err rc = ERR_NOMEM;

    if (d->whole == p->next)
        rc = whole_block(p, op);
    if (!rc)
        d->whole++;
    else if (rc == ERR_NOMEM && d->mm.superpages != SUPERPAGES_REQUIRE)
        rc = scattered_block(op, p->map, p->next);
    return rc;
}

static enum err fill(struct populate *p, uint64_t blocks, char *text)
{
    enum err rc = ERR_NONE;
    struct mm_op op;

    mm_op_begin(&op, &p->d->mm, &p->d->vcpu[0]->mm);
    while (p->next < blocks && !rc) {
        rc = one_block(p, &op);
        if (rc)
            rc = too_little(blocks, text);
        else if (++p->next < blocks && port_preempt())
            rc = ERR_RESTART;
    }
    mm_op_end(&op);
    return rc;
}

enum err populate_step(struct populate *p, char *text)
{
    const struct domain *d = p->d;
    uint64_t blocks = d->nr_pages / BLOCK_FRAMES;
    enum err rc = ERR_NONE;

    if (!p->begun)
        rc = promise(p->d, blocks, text);
    p->begun = true;
    if (!rc)
        rc = fill(p, blocks, text);
    if (!rc && d->whole < blocks)
        log_say("guest %s: only %lu of its %lu blocks are whole, the rest "
                "is 4 KiB frames: no superpages there",
                d->name, d->whole, blocks);
    return rc;
}
