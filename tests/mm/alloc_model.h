/* SPDX-License-Identifier: MIT */
/*
 * alloc_model.h: an allocator beside a model of it that knows of each block
 * and each hypervisor frame only whose it is. Every step asserts that what
 * must be granted was granted, what must be refused was refused, and that
 * nothing was handed out twice or unscrubbed.
 */
#pragma once

#include "memory.h"
#include "settle.h"
#include "world.h"

#define REGION_FRAMES (REGION_BLOCKS * BLOCK_FRAMES)
#define MAX_HV        3000
#define INCARNATIONS  5

enum who { NOBODY, FREE, HV, HV_PARTIAL, GUEST };

struct hv_run {
    mfn_t m;
    unsigned order;
    bool table;
};

struct alloc_model {
    struct mm mm;
    struct mm_owed owed;
    struct dice dice;
    void *meta;
    uint64_t frames, nr;
    uint8_t *who;   /* per block */
    uint8_t *whose; /* what is in a guest's block; 0: not one guest's alone */
    uint8_t *frame; /* per frame of HV blocks: 0 unusable, 1 free, 2 used */
    uint32_t *held; /* guests' blocks */
    uint64_t nr_held, free, claims, reserve;
    struct hv_run hv[MAX_HV];
    unsigned nr_hv;
    uint64_t hv_frames, hv_tables, granted, refused, came_back;
};

void alloc_model_make(struct alloc_model *k, uint64_t frames, uint64_t reserve);
void alloc_model_end(struct alloc_model *k);
/* alloc_add(), with what it promises. */
void alloc_model_add(struct alloc_model *k, uint64_t first, uint64_t count);
/* alloc_check(), and the counters against the model. */
void alloc_model_check(struct alloc_model *k);
void alloc_model_get(struct alloc_model *k);
void alloc_model_hv_get(struct alloc_model *k);
/* Any operation, then the check; the higher the tide, the more requests. */
void alloc_model_step(struct alloc_model *k, unsigned tide);
void alloc_model_return(struct alloc_model *k);

static inline uint64_t alloc_model_upto(struct alloc_model *k, uint64_t n)
{
    return dice_upto(&k->dice, n);
}
