/* SPDX-License-Identifier: MIT */
/*
 * gather.h: moving the frames of a domain that has let go of them all
 * (dmem_let_go()): together, where they belong together, and out of blocks
 * that become free thereby. Nothing is ever worse than it was: a frame that
 * something refers to, or for which there is no place, stays where it is.
 *
 * The snapshot's map and M2P are kept right; of content nothing is said, so
 * tables have to be in pfn terms.
 */
#pragma once

#include "mm/save/snapshot.h"

struct gather {
    struct mm_op *op;
    struct snapshot *c;
    uint64_t moved;  /* frames */
    uint64_t spares; /* blocks taken that nothing has been given back for */
    /* gather_compact(), as far as it has got. Blocks by index, 0: none. */
    uint32_t from, to;
    unsigned next;     /* frame of `from` */
    uint32_t at, best; /* a walk over the domain's blocks with holes */
    uint64_t holes;    /* in those it has passed */
};

/*
 * The 512 pfns from this one on into a new whole block. ERR_NOMEM: there is
 * none; ERR_BUSY: one of their frames cannot be moved.
 */
enum err gather_span(struct gather *g, uint64_t pfn);
/*
 * Empty one of the domain's blocks that have holes into the others, the one
 * that needs the fewest moves. ERR_BUSY: there is none that fits. ERR_RESTART:
 * call again; what has been moved by then is where it belongs.
 */
enum err gather_compact(struct gather *g);
/* A pfn in a shared block into a hole of the domain's own, if it has one. */
void gather_unshare(struct gather *g, uint64_t pfn);
