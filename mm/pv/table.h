/* SPDX-License-Identifier: MIT */
/*
 * table.h: a whole page table: promote validates its entries and takes their
 * references, demote drops them. L1 tables go in one piece; L2..L4 stop where
 * port_preempt() says so, at least one entry further than they were.
 */
#pragma once

#include "mm/pv/entry.h"

/*
 * The caller has made the frame's type `level`, count one, not validated,
 * not partial. On success all entries hold their references. On an error all
 * references taken are dropped again, or the frame is partial and
 * op->v->deferred; *gone tells that the caller's references are no longer its
 * own. ERR_RESTART: the frame is partial and owns its references.
 */
enum err table_promote(struct mm_op *op, struct frame *f, unsigned level,
                       bool *gone);
/*
 * Drop the entries' references. The caller has made the frame not validated
 * and not partial. ERR_RESTART: the frame is partial, owns its references, and
 * is op->v->deferred.
 */
enum err table_demote(struct mm_op *op, struct frame *f, unsigned level);
/* Of a validated table: what table_demote() begins with. */
void table_goes_down(const struct frame *f);
/*
 * The table that is to be finished before all others, if top is one that was
 * left half way down: the last of those that wait for each other.
 */
bool table_first_left(const struct mm_op *op, mfn_t top, struct frame *out);
