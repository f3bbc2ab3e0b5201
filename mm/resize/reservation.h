/* SPDX-License-Identifier: MIT */
/*
 * reservation.h: XENMEM_* on one extent at a time (facts 2.10). The caller
 * loops, copies to and from the guest, and counts what is done.
 */
#pragma once

#include "mm/alloc/dmem.h"

#define RESERVATION_ORDER_MAX 9 /* XSA-31, XSA-158 */
_Static_assert(1u << RESERVATION_ORDER_MAX == BLOCK_FRAMES, "a whole block");

/* Give back 2^order frames from m: all, or none with an error. */
enum err reservation_decrease(struct mm_op *op, mfn_t m, unsigned order);
/*
 * 2^order contiguous frames; m2p is set for pfn.. where pfn is not PFN_NONE.
 * ERR_NOMEM: that is beyond the domain's maxmem or its quota of blocks
 * (quota.h), or there is none. Memory is dealt in blocks: of orders below 9 a
 * chunk is taken from holes of the domain's own, else from a shared block, the
 * first few of either being looked at; else a block is cut for it. A single
 * page of a domain that is shown large pages comes to its own place (span.h);
 * one without a pfn, and what is exchanged, anywhere. A whole block that had
 * been the domain's before may come as it left it.
 */
enum err reservation_increase(struct mm_op *op, pfn_t pfn, unsigned order,
                              mfn_t *out);
/* The same of a whole block, which is never one of its own as it left it. */
enum err reservation_increase_zeroed(struct mm_op *op, pfn_t pfn, mfn_t *out);
/*
 * The same for n single frames: without an error all, or the first *done; of
 * the increase of a domain that is shown large pages some, one at least.
 */
enum err reservation_decrease_list(struct mm_op *op, const mfn_t *m, unsigned n,
                                   unsigned *done);
enum err reservation_increase_list(struct mm_op *op, const pfn_t *pfn,
                                   mfn_t *out, unsigned n, unsigned *done);
/*
 * XENMEM_exchange of one frame set: `in` of 2^in_order frames each, n_in of
 * them, for n_out of 2^out_order. All frames of the input must have no
 * reference but the owner's (XSA-287): ERR_INVAL.
 */
struct reservation_exchange {
    const mfn_t *in;
    mfn_t *out;
    const pfn_t *out_pfn;
    unsigned n_in, in_order, n_out, out_order;
};
enum err reservation_exchange(struct mm_op *op,
                              const struct reservation_exchange *x);
