/* SPDX-License-Identifier: MIT */
/*
 * type.h: taking and dropping references to frames and their types, with
 * the validation that a new type asks for and the flush that leaving an old
 * one asks for. The verbs come in pairs; get may fail, put may not.
 */
#pragma once

#include "mm/alloc/frame.h"

/* A general reference. ERR_INVAL: not the domain's, or the count is full. */
enum err type_ref_get(struct mm_op *op, mfn_t m);
void type_ref_put(struct mm_op *op, mfn_t m);

/*
 * A general and a type reference. The first reference of a table or
 * descriptor type validates the content: publish, flush, audit, mark
 * validated (XSA-401). ERR_INVAL (not owned, another type in use, count
 * full, bad content), ERR_NOMEM, or what an entry further down gave.
 * ERR_RESTART: partly validated; the frame owns what was done, and calling
 * again goes on.
 */
enum err type_get(struct mm_op *op, mfn_t m, enum frame_type t);
/* The same for a writable reference to a frame that is found already. */
enum err type_get_writable(struct mm_op *op, const struct frame *f);
/*
 * The two ends of a first type_get(), for whoever writes the content itself:
 * of a frame of the domain's that has no type in use it makes a `t`, published
 * and flushed, one reference of each kind the caller's; then it is validated.
 * ERR_INVAL: in use, not the domain's, or mapped as a superpage.
 */
enum err type_reserve(struct mm_op *op, struct frame *f, enum frame_type t);
void type_commit(struct mm_op *op, struct frame *f, enum frame_type t);
/*
 * Drop both. The last reference of L2..L4 goes down preemptibly: what cannot
 * be finished now is op->v->deferred, and what that waits for, which
 * type_finish_deferred() works off. While there is such a table no other stops,
 * so that one place is enough, however much is dropped. To the caller the
 * reference is gone either way.
 */
void type_put_deferred(struct mm_op *op, mfn_t m);
/* Has the last operation left a table half way down? */
static always_inline bool type_has_deferred(const struct mm_op *op)
{
    return !mfn_eq(op->v->deferred, MFN_NONE);
}
/* Before each operation: finish what the last one left. ERR_RESTART. */
enum err type_finish_deferred_slow(struct mm_op *op);
static inline enum err type_finish_deferred(struct mm_op *op)
{
    return likely(!type_has_deferred(op)) ? ERR_NONE
                                          : type_finish_deferred_slow(op);
}
/* Take a partial frame down as far as preemption lets. ERR_RESTART. */
enum err type_finish(struct mm_op *op, struct frame *f);

/* Discharge a full flush at once: after publishing, before auditing. */
void type_flush_now(struct mm_op *op);
/* May this be in a guest's descriptor table? Raises its DPL in place. */
bool type_descriptor_ok(uint64_t *desc);
