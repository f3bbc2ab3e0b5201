/* SPDX-License-Identifier: MIT */
/*
 * restore_take.h: the memory for what is restored. One step each, in this
 * order, resumable at job.cursor: what wants to lie whole is served before
 * blocks are cut for the rest.
 */
#pragma once

#include "mm/save/restore.h"

static inline struct restore *restore_of(struct job *j)
{
    return container_of(j, struct restore, job);
}

/* How many extents there are of each kind. */
enum err restore_count(struct job *j);
/* Is it possible at all? Says no in words; claims what must be whole. */
enum err restore_promise(struct job *j);
/* Whole regions; whole blocks for what was mapped large; for what was whole. */
enum err restore_1g(struct job *j);
enum err restore_large(struct job *j);
enum err restore_whole(struct job *j);
/* Frames for all others. */
enum err restore_small(struct job *j);
/* What was claimed for nothing is anybody's again. */
enum err restore_unclaim(struct job *j);
