/* SPDX-License-Identifier: MIT */
/*
 * relocate.h: laying a suspended domain anew in place: what restoring does,
 * without the image. Tables are turned into pfn terms where they lie, frames
 * are moved, tables are turned back and validated anew.
 *
 * Every run of 512 pfns that starts at a multiple of 512 or was once whole is
 * gathered into a whole block where one is free (one spare block at a time is
 * enough: what it came from is given back as it empties); shattered ranges
 * whose run is whole again are mapped large again: healed. Nothing gets worse
 * than it was, and no failure loses the domain: without memory to move
 * something it stays where it is.
 */
#pragma once

#include "mm/restore.h"

struct relocate {
    struct mm_op *op;
    struct census *c; /* complete; its map is kept up to date */
    struct layout_result result;
    uint64_t cursor;
    unsigned phase;
    uint64_t private[8];
    char why[160];
};

/*
 * Lets go of the roots, descriptor frames and vcpu_info frames of all the
 * domain's vCPUs, so the caller has taken down in pfns what they were; it
 * loads them again afterwards from census_mfn().
 */
void relocate_begin(struct relocate *r, struct census *c);
/*
 * ERR_RESTART: call again. Any other error: the domain's tables could not be
 * validated again, which only a fault of ours can cause: it must be crashed.
 */
must_check enum err relocate_step(struct relocate *r);
