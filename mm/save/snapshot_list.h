/* SPDX-License-Identifier: MIT */
/*
 * snapshot_list.h: an array of records in hypervisor frames, for what is too
 * large for one frame and has to be walked in order. Pages are made where a
 * record is first reached; no record crosses one.
 */
#pragma once

#include "mm/alloc/mm.h"

struct snapshot_list {
    void **root; /* page of pages of pages; NULL: empty */
    uint64_t nr; /* records */
    size_t size; /* of one, at most a page */
};

/* Record n, which exists afterwards, zeroed if it is new. ERR_NOMEM. */
enum err snapshot_list_reach(struct snapshot_list *l, struct mm *mm, uint64_t n,
                             void **out);
/* One more at the end. */
enum err snapshot_list_add(struct snapshot_list *l, struct mm *mm,
                           const void *record);
/* Record n; NULL: nothing was reached near it, all there is zero. */
void *snapshot_at(const struct snapshot_list *l, uint64_t n);
/* ERR_RESTART: call again. */
enum err snapshot_list_free(struct snapshot_list *l, struct mm *mm);
