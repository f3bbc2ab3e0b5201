/* SPDX-License-Identifier: MIT */
/*
 * vm.h: what a virtual machine does to the allocator: the calls mm/alloc/dmem.c
 * and mm/alloc/frame.c would make for it, without the content.
 */
#pragma once

#include "mm/alloc/mm.h"
#include "trace.h"

struct vm_block {
    uint32_t blk;
    uint16_t holes;
    bool has_table;
    mfn_t table;
    uint64_t hole_map[BLOCK_FRAMES / 64];
};

struct vm {
    double death;
    bool small; /* a guest that uses 4 KiB pages only */
    bool out;   /* has ballooned out, will come in again */
    unsigned owner;
    uint64_t wanted; /* frames it had at its start */
    struct vm_block *b;
    uint64_t nr, room;
    uint64_t holes;
    mfn_t *hv;
    uint64_t nr_hv;
};

/* What was asked for in whole blocks, and what became of it. */
struct vm_counts {
    uint64_t asked, refused; /* blocks, unclaimed or in claims */
    uint64_t violations;     /* claimed requests that failed */
    uint64_t cut_failed;     /* requests for small frames that failed */
    uint64_t created, turned_away;
    uint64_t balloons;
};

/* False: the claim was refused. `scatter`: page tables in every block. */
bool vm_create(struct mm *mm, struct vm *v, uint64_t blocks, bool small,
               bool scatter, struct vm_counts *c);
void vm_destroy(struct mm *mm, struct vm *v);
/* Give up n frames: whole blocks (the caller rounds), or chunks of 16. */
void vm_out_blocks(struct mm *mm, struct vm *v, uint64_t blocks,
                   struct trace *t);
void vm_out_chunks(struct mm *mm, struct vm *v, uint64_t frames,
                   struct trace *t, struct vm_counts *c);
/* Get n frames: own holes first if it deals in small frames. */
void vm_in_blocks(struct mm *mm, struct vm *v, uint64_t blocks,
                  struct vm_counts *c);
void vm_in_frames(struct mm *mm, struct vm *v, uint64_t frames,
                  struct vm_counts *c);

static inline uint64_t vm_frames(const struct vm *v)
{
    return v->nr * BLOCK_FRAMES - v->holes;
}
