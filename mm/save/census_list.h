/* SPDX-License-Identifier: MIT */
/*
 * census_list.h: an array of records in hypervisor frames, for what is too
 * large for one frame and has to be walked in order. Pages are made where a
 * record is first reached; no record crosses one.
 */
#pragma once

#include "mm/alloc/mm.h"

struct census_list {
    void **root; /* page of pages of pages; NULL: empty */
    uint64_t nr; /* records */
    size_t size; /* of one, at most a page */
};

/* Record n, which exists afterwards, zeroed if it is new. ERR_NOMEM. */
must_check enum err census_list_reach(struct census_list *l, struct mm *mm,
                                      uint64_t n, void **out);
/* One more at the end. */
must_check enum err census_list_add(struct census_list *l, struct mm *mm,
                                    const void *record);
/* Record n; NULL: nothing was reached near it, all there is zero. */
void *census_at(const struct census_list *l, uint64_t n);
/* ERR_RESTART: call again. */
must_check enum err census_list_free(struct census_list *l, struct mm *mm);
