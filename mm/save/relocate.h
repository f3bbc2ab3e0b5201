/* SPDX-License-Identifier: MIT */
/*
 * relocate.h: relocating a suspended domain: what restoring does,
 * without the image. Tables are turned into pfn terms where they lie, frames
 * are moved, tables are turned back and validated anew.
 *
 * Every span of 512 pfns that starts at a multiple of 512 or was once whole is
 * gathered into a whole block where one is free: what it came from is given
 * back as it empties, and blocks are emptied into each other's holes when
 * RELOCATE_SPARES are out or none is left. Shattered ranges whose span is whole
 * again are collapsed: healed. Nothing gets worse than it was, and no
 * failure loses the domain: what tables and frame tables are needed to go back
 * is there before anything is changed, and without memory to move something it
 * stays where it is. A domain that refers to frames it has given back stays as
 * it is altogether: they would be gone.
 */
#pragma once

#include "mm/save/gather.h"
#include "mm/save/layout.h"

#define RELOCATE_SPARES 8

struct relocate {
    struct mm_op *op;
    struct snapshot *c; /* complete; its map is kept up to date */
    struct layout_result result;
    /* Private. */
    struct layout layout;
    struct gather gather;
    uint64_t spares; /* there may be before holes are filled */
    bool full;       /* there are no blocks left */
    bool stay;       /* nothing can be done, nothing was let go */
    bool gone;       /* something was let go */
    enum err lost;   /* and this came of it */
    bool room;       /* holes are being filled, after a span that ended so: */
    enum err span_rc;
    struct job job;
};

/*
 * Lets go of the roots, descriptor frames and vcpu_info frames of all the
 * domain's vCPUs and of its ring, so the caller has taken down in pfns what
 * they were; it loads them again afterwards from snapshot_mfn(), unless the
 * domain stays as it is, where all of them are still held.
 */
void relocate_begin(struct relocate *r, struct snapshot *c);
/*
 * ERR_RESTART: call again. Any other error: the domain's tables could not be
 * validated again, which only a fault of ours can cause: it must be crashed.
 * In the end nothing is left that would have to be given back.
 */
enum err relocate_step(struct relocate *r);
