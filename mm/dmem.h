/* SPDX-License-Identifier: MIT */
/*
 * dmem.h: what a domain has: whole blocks, frames of its cut blocks, holes.
 *
 * Invariants: a block belongs to one domain from dmem_block_get to the moment
 * all its 512 frames are holes; then, and only then, it goes back whole.
 * d->tot_pages counts what the ABI counts (fixed frames are not in it).
 */
#pragma once

#include "mm/frame.h"

/* Put d on mm's list, empty. d->id, policies and max_pages are set already. */
void dmem_domain_init(struct mm *mm, struct mm_domain *d);

/*
 * Give back everything: roots, segments, pins, partial tables, then all
 * blocks. Preemptible: ERR_RESTART means call again. Afterwards no frame is
 * owned by d and it is off mm's list. Its vCPUs must not run any more.
 */
must_check enum err dmem_domain_destroy(struct mm_op *op);

/* One whole block, scrubbed. ERR_NOMEM; max_pages is checked: ERR_NOMEM. */
must_check enum err dmem_block_get(struct mm_op *op, blk_t *out);
/* O(1) where nobody has used it at 4 KiB grain. ERR_BUSY: still referenced. */
must_check enum err dmem_block_put(struct mm_op *op, blk_t b);

/*
 * One frame, scrubbed: a hole of the domain's own first, else a block is cut.
 * `fixed`: shared with the hypervisor (shared_info): not counted, cannot be
 * given back by the guest, has a writable type reference of the hypervisor's.
 */
must_check enum err dmem_frame_get(struct mm_op *op, bool fixed, mfn_t *out);
/* The owner gives it up; it is free when the last reference goes. */
must_check enum err dmem_frame_put(struct mm_op *op, mfn_t m);
/* A frame whose last reference went becomes a hole (called by type.c). */
void dmem_frame_free(struct mm_op *op, struct frame *f);
