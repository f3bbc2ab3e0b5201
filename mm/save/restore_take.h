/* SPDX-License-Identifier: MIT */
/*
 * restore_take.h: the memory for what is restored. One phase each, in this
 * order, resumable at r->cursor: what wants to lie whole is served before
 * blocks are cut for the rest.
 */
#pragma once

#include "mm/save/restore.h"

/* How many extents there are of each kind. */
enum err restore_count(struct restore *r);
/* Is it possible at all? Says no in words; claims what must be whole. */
enum err restore_promise(struct restore *r);
/* Whole regions; whole blocks for what was mapped large; for what was whole. */
enum err restore_1g(struct restore *r);
enum err restore_large(struct restore *r);
enum err restore_whole(struct restore *r);
/* Frames for all others. */
enum err restore_small(struct restore *r);
/* What was claimed for nothing is anybody's again. */
void restore_unclaim(struct restore *r);
