/* SPDX-License-Identifier: MIT */
/*
 * table.h: a whole page table: promote validates its entries and takes their
 * references, demote drops them. L1 tables go in one piece; L2..L4 stop where
 * port_preempt() says so, at least one entry further than they were.
 */
#pragma once

#include "mm/entry.h"

/*
 * The caller has made the frame's type `level`, count one, not validated,
 * not partial. On success all entries hold their references. On an error all
 * references taken are dropped again, or the frame is partial and on
 * op->v->old; *gone tells that the caller's references are no longer its own.
 * ERR_RESTART: the frame is partial and owns its references.
 */
must_check enum err table_promote(struct mm_op *op, struct frame *f,
                                  unsigned level, bool *gone);
/*
 * Drop the entries' references. The caller has made the frame not validated
 * and not partial. ERR_RESTART: the frame is partial and owns its references.
 */
must_check enum err table_demote(struct mm_op *op, struct frame *f,
                                 unsigned level);
