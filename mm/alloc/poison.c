/* SPDX-License-Identifier: MIT */
/*
 * poison.c: see poison.h. Who gives a block back looks for it under the lock of
 * a cache, which alloc_settle_held() takes, too: so either that one sees the
 * block here, or we find it in the maps.
 */
#include "mm/alloc/poison.h"

#include "mm/alloc/frame.h"

bool poison_has(const struct mm *mm, uint64_t b)
{
    const struct poison *p = &mm->alloc.poison;
    unsigned n = atomic_load_explicit(&p->nr, memory_order_acquire);

    for (unsigned i = 0; i < n; i++)
        if (p->block[i] == b)
            return true;
    return false;
}

void poison_retire(struct mm *mm, uint64_t b)
{
    atomic_store(&mm->blocks[b].word, block_word(BLOCK_NOT_RAM, 0));
    mm->alloc.total_blocks--;
}

static enum err add(struct mm *mm, uint64_t b)
{
    struct poison *p = &mm->alloc.poison;
    enum err rc = ERR_NONE;

    spin_lock(&mm->alloc.lock);
    if (poison_has(mm, b))
        rc = ERR_EXIST;
    else if (p->nr == POISON_MAX)
        rc = ERR_NOSPC;
    if (!rc) {
        p->block[p->nr] = (uint32_t)b;
        atomic_fetch_add_explicit(&p->nr, 1, memory_order_release);
    }
    spin_unlock(&mm->alloc.lock);
    return rc;
}

static enum block_class class_of(const struct mm *mm, uint64_t b)
{
    return block_class(atomic_load(&mm->blocks[b].word));
}

/*
 * With alloc.lock held, and settled under it, so that what a cache has is no
 * reason to refuse: the block is in a map, and promised to nobody.
 */
static enum err take_out(struct mm *mm, uint64_t b)
{
    struct alloc *a = &mm->alloc;

    if (a->regions.nr_free + a->scrubbing == a->claimed)
        return ERR_BUSY;
    region_take_one(&a->regions, b);
    poison_retire(mm, b);
    alloc_note_low(a);
    return ERR_NONE;
}

static bool in_maps(const struct mm *mm, uint64_t b)
{
    return region_has(&mm->alloc.regions, b, true) ||
           region_has(&mm->alloc.regions, b, false);
}

/*
 * Nothing is scrubbed. One that is free and in no map is just changing hands:
 * a moment later it is somebody's, or in a map, or gone.
 */
static enum err take_free(struct mm *mm, uint64_t b)
{
    enum err rc = ERR_NONE;
    bool again;

    do {
        spin_lock(&mm->alloc.lock);
        alloc_settle_held(mm);
        again = false;
        if (in_maps(mm, b))
            rc = take_out(mm, b);
        else
            again = class_of(mm, b) == BLOCK_FREE;
        spin_unlock(&mm->alloc.lock);
        if (again)
            spin_wait();
    } while (again);
    return rc;
}

/* What is in nobody's hand there stays so. */
static void close_shared(struct mm *mm, struct block *b)
{
    spin_lock(&mm->shared.lock);
    if (block_class(atomic_load(&b->word)) == BLOCK_SHARED)
        frame_table_at(mm, b->table)->poisoned = true;
    spin_unlock(&mm->shared.lock);
}

enum err poison_frame(struct mm *mm, mfn_t m)
{
    uint64_t b = blk_of_mfn(m).v;
    enum err rc;

    if (!mm_mfn_valid(mm, m) || class_of(mm, b) == BLOCK_NOT_RAM ||
        class_of(mm, b) == BLOCK_HV)
        return ERR_PERM;
    rc = add(mm, b);
    if (rc)
        return rc;
    alloc_scrub_stop(mm);
    rc = take_free(mm, b);
    alloc_scrub_go(mm);
    close_shared(mm, &mm->blocks[b]);
    return rc;
}
