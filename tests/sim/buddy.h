/* SPDX-License-Identifier: MIT */
/*
 * buddy.h: free chunks of 2^order frames on lists, for models of buddy
 * allocators: which list, which end, and what a chunk's tag means is theirs.
 *
 * Invariants: a chunk is aligned to its size; a frame is in one free chunk at
 * most; `free` is the frames of all chunks that are listed. What chunks of
 * less than 2 MiB need is kept apart from what others need, and touched only
 * where there are such: a machine of 12 TiB fits into the host.
 */
#pragma once

#include "base.h"

#define BUDDY_ORDERS 19 /* 0 to 18 at most */
#define BUDDY_LISTS  34
#define BUDDY_UNIT   9 /* order of a block of 2 MiB */
#define BUDDY_NONE   UINT32_MAX

struct buddy_link {
    uint32_t next, prev;
};

struct buddy_list {
    uint32_t first, last;
    uint64_t nr;
};

struct buddy {
    uint64_t frames;
    unsigned max_order;
    uint64_t free;
    uint8_t *small_state, *unit_state; /* of the first frame of a chunk */
    struct buddy_link *small_link, *unit_link;
    struct buddy_list list[BUDDY_LISTS][BUDDY_ORDERS];
    uint32_t orders[BUDDY_LISTS]; /* bit n: list[][n] is not empty */
    uint64_t lists;               /* bit n: orders[n] is not 0 */
};

struct buddy_chunk {
    uint32_t frame;
    unsigned order, tag; /* tag: 0..3 */
};

void buddy_init(struct buddy *b, uint64_t frames, unsigned max_order);
void buddy_end(struct buddy *b);
void buddy_add(struct buddy *b, unsigned list, struct buddy_chunk c, bool tail);
void buddy_remove(struct buddy *b, unsigned list, struct buddy_chunk c);
/* Is a chunk of exactly this order free there? Its tag. */
bool buddy_is_free(const struct buddy *b, uint32_t frame, unsigned order,
                   unsigned *tag);
/* The chunk of any order that begins there. */
bool buddy_begins(const struct buddy *b, uint32_t frame,
                  struct buddy_chunk *out);
/* The first of a list; false: it is empty. */
bool buddy_first(const struct buddy *b, unsigned list, unsigned order,
                 struct buddy_chunk *out);
bool buddy_last(const struct buddy *b, unsigned list, unsigned order,
                struct buddy_chunk *out);
/* Free chunks of this order or larger, in chunks of this order. */
uint64_t buddy_count(const struct buddy *b, unsigned order);
/* NULL, or which invariant does not hold. */
const char *buddy_check(const struct buddy *b);
