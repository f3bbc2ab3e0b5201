/* SPDX-License-Identifier: MIT */
/* vm.c: see vm.h. */
#include "vm.h"

#include <stdlib.h>
#include <string.h>

#define HV_PER_VM    64
#define HV_PER_BLOCK 256 /* one more for each 512 MiB */
#define CHUNK        16

static bool add_block(struct mm *mm, struct vm *v, enum alloc_use use)
{
    blk_t b;

    if (alloc_block_get(mm, v->owner, use, ALLOC_ANYTHING, &b))
        return false;
    if (v->nr == v->room) {
        v->room = v->room * 2 + 64;
        v->b = realloc(v->b, v->room * sizeof(*v->b));
        if (!v->b)
            abort();
    }
    v->b[v->nr++] = (struct vm_block){.blk = (uint32_t)b.v};
    return true;
}

/* The frame words of a block, when it is used at 4 KiB grain. */
static bool need_table(struct mm *mm, struct vm_block *b)
{
    if (!b->has_table)
        b->has_table = alloc_hv_get(mm, 1, &b->table) == ERR_NONE;
    return b->has_table;
}

static void drop_block(struct mm *mm, struct vm *v, uint64_t i)
{
    struct vm_block *b = &v->b[i];

    if (b->has_table)
        alloc_hv_put(mm, b->table, 1);
    v->holes -= b->holes;
    alloc_block_put(mm, blk_of(b->blk), ALLOC_ANYTHING);
    *b = v->b[--v->nr];
}

static bool get_hv(struct mm *mm, struct vm *v, uint64_t n)
{
    v->hv = calloc(n, sizeof(*v->hv));
    for (v->nr_hv = 0; v->nr_hv < n; v->nr_hv++)
        if (alloc_hv_get(mm, 0, &v->hv[v->nr_hv]))
            return false;
    return true;
}

/*
 * Blocks that hold page tables: 0.2 % of a VM's frames are tables; a kernel
 * that groups what it cannot move has them together, or else anywhere.
 */
static uint64_t blocks_with_tables(const struct vm *v, bool scatter)
{
    if (v->small || scatter)
        return v->nr;
    return (v->nr * 2 + 999) / 1000;
}

bool vm_create(struct mm *mm, struct vm *v, uint64_t blocks, bool small,
               bool scatter, struct vm_counts *c)
{
    v->wanted = blocks * BLOCK_FRAMES;
    v->small = small;
    c->asked += blocks;
    if (alloc_claim(mm, blocks)) {
        c->refused += blocks;
        c->turned_away++;
        return false;
    }
    c->created++;
    if (!get_hv(mm, v, HV_PER_VM + blocks / HV_PER_BLOCK))
        c->cut_failed++;
    for (uint64_t i = 0; i < blocks; i++)
        c->violations += !add_block(mm, v, ALLOC_CLAIMED);
    for (uint64_t i = 0; i < blocks_with_tables(v, scatter); i++)
        c->cut_failed += !need_table(mm, &v->b[i]);
    return true;
}

void vm_destroy(struct mm *mm, struct vm *v)
{
    while (v->nr)
        drop_block(mm, v, v->nr - 1);
    while (v->nr_hv)
        alloc_hv_put(mm, v->hv[--v->nr_hv], 0);
    free(v->hv);
    free(v->b);
    memset(v, 0, sizeof(*v));
}

/* Blocks with page tables in them stay. */
void vm_out_blocks(struct mm *mm, struct vm *v, uint64_t blocks,
                   struct trace *t)
{
    for (uint64_t tries = 0; blocks && tries < 4 * v->nr + 16; tries++) {
        uint64_t i = trace_upto(t, v->nr);

        if (v->nr < 2)
            return;
        if (v->b[i].has_table && !v->small)
            continue;
        drop_block(mm, v, i);
        blocks--;
    }
}

static void out_chunk(struct mm *mm, struct vm *v, uint64_t i, unsigned at,
                      struct vm_counts *c)
{
    struct vm_block *b = &v->b[i];
    uint64_t *map = &b->hole_map[at / 64];
    uint64_t mask = (BIT(CHUNK) - 1) << (at % 64) & ~*map;
    unsigned n = (unsigned)__builtin_popcountll(mask);

    if (!need_table(mm, b)) {
        c->cut_failed++;
        return;
    }
    *map |= mask;
    b->holes = (uint16_t)(b->holes + n);
    v->holes += n;
    if (b->holes == BLOCK_FRAMES)
        drop_block(mm, v, i);
}

void vm_out_chunks(struct mm *mm, struct vm *v, uint64_t frames,
                   struct trace *t, struct vm_counts *c)
{
    uint64_t goal = vm_frames(v) > frames ? vm_frames(v) - frames : 0;

    for (uint64_t tries = 0; vm_frames(v) > goal && tries < frames; tries++)
        out_chunk(mm, v, trace_upto(t, v->nr),
                  (unsigned)trace_upto(t, BLOCK_FRAMES / CHUNK) * CHUNK, c);
}

void vm_in_blocks(struct mm *mm, struct vm *v, uint64_t blocks,
                  struct vm_counts *c)
{
    c->asked += blocks;
    for (uint64_t i = 0; i < blocks; i++)
        c->refused += !add_block(mm, v, ALLOC_WHOLE);
}

/* Fill holes of a block, lowest first. */
static uint64_t fill_holes(struct vm *v, struct vm_block *b, uint64_t n)
{
    uint64_t done = 0;

    for (unsigned w = 0; w < BLOCK_FRAMES / 64; w++)
        for (; b->hole_map[w] && done < n; done++)
            b->hole_map[w] &= b->hole_map[w] - 1;
    b->holes = (uint16_t)(b->holes - done);
    v->holes -= done;
    return done;
}

/* A new block that is cut: all holes at first. */
static bool add_cut(struct mm *mm, struct vm *v, struct vm_counts *c)
{
    struct vm_block *b;

    if (!add_block(mm, v, ALLOC_CUT))
        return false;
    b = &v->b[v->nr - 1];
    if (!need_table(mm, b)) {
        c->cut_failed++;
        drop_block(mm, v, v->nr - 1);
        return false;
    }
    memset(b->hole_map, 0xff, sizeof(b->hole_map));
    b->holes = BLOCK_FRAMES;
    v->holes += BLOCK_FRAMES;
    return true;
}

void vm_in_frames(struct mm *mm, struct vm *v, uint64_t frames,
                  struct vm_counts *c)
{
    for (uint64_t i = 0; i < v->nr && frames && v->holes; i++)
        if (v->b[i].holes)
            frames -= fill_holes(v, &v->b[i], frames);
    while (frames) {
        if (!add_cut(mm, v, c)) {
            c->cut_failed++;
            return;
        }
        frames -= fill_holes(v, &v->b[v->nr - 1], frames);
    }
}
