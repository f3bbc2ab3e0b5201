/* SPDX-License-Identifier: MIT */
/*
 * alloc_init.c: the metadata of a machine, and the memory that boot hands
 * over: what is whole becomes free blocks, what is not hypervisor frames.
 */
#include <string.h>

#include "mm/alloc/mm.h"

static size_t align_line(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

static uint64_t blocks_of(uint64_t nr_frames)
{
    return (nr_frames + BLOCK_FRAMES - 1) / BLOCK_FRAMES;
}

static uint64_t regions_of(uint64_t nr_blocks)
{
    return (nr_blocks + REGION_BLOCKS - 1) / REGION_BLOCKS;
}

size_t alloc_metadata_size(uint64_t nr_frames)
{
    uint64_t nr = blocks_of(nr_frames);

    return ALLOC_CPUS * sizeof(struct alloc_cpu) +
           align_line(nr * sizeof(struct block)) +
           align_line(region_metadata_size(regions_of(nr)));
}

void alloc_init(struct mm *mm, void *buf, uint64_t nr_frames, uint64_t reserve)
{
    struct alloc *a = &mm->alloc;
    uint64_t nr = blocks_of(nr_frames);
    uint8_t *at = buf;

    memset(a, 0, sizeof(*a));
    spin_init(&a->lock, LOCKDEP_ALLOC, 0);
    spin_init(&a->hv.lock, LOCKDEP_HV_FRAMES, 0);
    spin_init(&mm->shared.lock, LOCKDEP_SHARED, 0);
    a->reserve = reserve;
    atomic_store_explicit(&a->reuse, true, memory_order_relaxed);
    a->cpus = (struct alloc_cpu *)(void *)at;
    for (unsigned i = 0; i < ALLOC_CPUS; i++)
        spin_init(&a->cpus[i].lock, LOCKDEP_CACHE, i);
    at += ALLOC_CPUS * sizeof(struct alloc_cpu);
    mm->blocks = (struct block *)(void *)at;
    mm->nr_blocks = nr;
    mm->nr_frames = nr_frames;
    at += align_line(nr * sizeof(struct block));
    region_init(&a->regions, at, regions_of(nr));
}

static void add_block(struct mm *mm, uint64_t b)
{
    struct block *p = &mm->blocks[b];

    ASSERT(block_class(p->word) == BLOCK_NOT_RAM);
    atomic_store_explicit(&p->word, block_word_free(false),
                          memory_order_relaxed);
}

/* Whole blocks first..end-1. */
static void add_blocks(struct mm *mm, uint64_t first, uint64_t end)
{
    struct alloc *a = &mm->alloc;

    a->total_blocks += end - first;
    for (uint64_t b = first; b < end; b++)
        add_block(mm, b);
    while (first < end) {
        if (first % REGION_BLOCKS == 0 && end - first >= REGION_BLOCKS) {
            region_put_whole(&a->regions, first);
            first += REGION_BLOCKS;
        } else {
            region_put(&a->regions, first++, false);
        }
    }
}

void alloc_add(struct mm *mm, mfn_t first, uint64_t count)
{
    uint64_t from = MIN(first.v, mm->nr_frames);
    uint64_t end = from + MIN(count, mm->nr_frames - from);
    uint64_t m = MAX(from, UINT64_C(1)); /* mfn 0 means none in many places */
    /* Block 0 has what real mode left: its frames never go to a guest. */
    uint64_t whole = MAX(blocks_of(m), UINT64_C(1));
    uint64_t whole_end = end / BLOCK_FRAMES;

    if (whole < whole_end) {
        spin_lock(&mm->alloc.lock);
        add_blocks(mm, whole, whole_end);
        spin_unlock(&mm->alloc.lock);
    } else {
        whole_end = whole = blocks_of(m + 1);
    }
    if (m < MIN(end, whole * BLOCK_FRAMES))
        alloc_hv_feed(mm, mfn_of(m), MIN(end, whole * BLOCK_FRAMES) - m);
    if (end > whole_end * BLOCK_FRAMES)
        alloc_hv_feed(mm, mfn_of(whole_end * BLOCK_FRAMES),
                      end - whole_end * BLOCK_FRAMES);
}
