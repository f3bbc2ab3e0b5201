/* SPDX-License-Identifier: MIT */
/*
 * holed.h: lists of blocks that have free frames: a domain's own, and those
 * that are shared. Linked forwards through struct block and backwards through
 * the frame table, which such a block always has. 0: none, the end; block 0
 * is never a domain's.
 */
#pragma once

#include "mm/alloc/frame.h"

static inline uint32_t block_index(const struct mm *mm, const struct block *b)
{
    return (uint32_t)(b - mm->blocks);
}

static inline void holed_link(const struct mm *mm, uint32_t *first,
                              struct block *b)
{
    b->next = *first;
    frame_table_at(mm, b->table)->prev = 0;
    if (*first)
        frame_table_at(mm, mm->blocks[*first].table)->prev = block_index(mm, b);
    *first = block_index(mm, b);
}

static inline void holed_unlink(const struct mm *mm, uint32_t *first,
                                struct block *b)
{
    uint32_t prev = frame_table_at(mm, b->table)->prev;

    if (prev)
        mm->blocks[prev].next = b->next;
    else
        *first = b->next;
    if (b->next)
        frame_table_at(mm, mm->blocks[b->next].table)->prev = prev;
    b->next = 0;
}
