/* SPDX-License-Identifier: MIT */
/*
 * type.h: taking and dropping references to frames and their types, with
 * the validation that a new type asks for and the flush that leaving an old
 * one asks for. The verbs come in pairs; get may fail, put may not.
 */
#pragma once

#include "mm/frame.h"

/* A general reference. ERR_INVAL: not the domain's. ERR_BUSY: count full. */
must_check enum err type_ref_get(struct mm_op *op, mfn_t m);
void type_ref_put(struct mm_op *op, mfn_t m);

/*
 * A general and a type reference. The first reference of a table type
 * validates the content: publish, flush, audit, mark validated (XSA-401).
 * ERR_INVAL (not owned, wrong type in use, bad content), ERR_BUSY,
 * ERR_NOMEM, ERR_RESTART: partly validated; the frame owns what was done and
 * calling again goes on.
 */
must_check enum err type_get(struct mm_op *op, mfn_t m, enum frame_type t);
/*
 * The opposite. Dropping the last reference of L2..L4 is preemptible:
 * ERR_RESTART leaves the frame partial and the caller's reference dropped;
 * whoever holds the frame's number resumes with type_put_resume(). All other
 * types always finish.
 */
must_check enum err type_put(struct mm_op *op, mfn_t m);
/*
 * Drop a reference wherever it may take long: what cannot be finished now is
 * left in op->v->old_table, which mm_drain() finishes.
 */
void type_put_later(struct mm_op *op, mfn_t m);
/* Before each operation: finish what the last one left. ERR_RESTART. */
must_check enum err type_drain(struct mm_op *op);
