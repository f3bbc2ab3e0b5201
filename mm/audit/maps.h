/* SPDX-License-Identifier: MIT */
/*
 * maps.h: where a domain's page tables map a frame, one mapping after another,
 * by roots and in the order of their addresses (include/flagstone/view.h).
 *
 * Invariants: those of view.h: nothing changes, and what is followed is a page
 * table of the domain's own. One go looks at no more than MAPS_GO tables, and
 * the next goes on behind what the last has looked at, whatever the tables have
 * become: so it ends, also among tables that name each other; and what changes
 * meanwhile is found as it was or as it is, or not.
 */
#pragma once

#include "mm/audit/view.h"

#define MAPS_GO 16u
_Static_assert(MAPS_GO > PT_LEVELS, "a go comes to an entry that is no table");

/* Addresses of a root without their sign: from here on there are none. */
#define MAPS_END BIT(48)

struct maps {
    mfn_t frame;   /* what is looked for */
    mfn_t root;    /* the L4 in hand, or from where on there may be one, */
    uint64_t at;   /* and where in it: at first both are 0 */
    unsigned left; /* of this go */
};

enum maps_found {
    MAPS_FOUND, /* it is in *out, and the search behind it */
    MAPS_MORE,  /* the go is over */
    MAPS_NONE,  /* there is none any more */
};

/* One go, of op's domain. Any numbers will do for what m says. */
enum maps_found maps_next(const struct mm_op *op, struct maps *m,
                          struct flagstone_mapping *out);
