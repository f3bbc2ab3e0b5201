/* SPDX-License-Identifier: MIT */
/*
 * report.h: blocks a guest has no use for just now. Reported, a block is the
 * machine's, as if it had been given back, and the domain has a credit of one
 * block: it is asked for nothing, no target changes, and it may have one back
 * whenever it likes and there is one. The credit is no claim: what was reported
 * may be lent to others, and until they are through, the answer is ERR_NOMEM
 * and the credit stays. It is not charged to the domain's quota (quota.h),
 * which is of what a domain holds, and ends with it; an image has none.
 */
#pragma once

#include "mm/alloc/frame.h"

/*
 * m is the first frame of a whole block of the domain's: it goes. ERR_INVAL:
 * it is not; ERR_BUSY: something refers to it, or it has holes.
 */
enum err report_free(struct mm_op *op, mfn_t m);
/*
 * One block back, for pfn.. where that is not PFN_NONE; zeroes.
 * ERR_NOENT: the domain has no credit; ERR_NOMEM: there is none now, or its
 * maxmem or quota allow none.
 */
enum err report_take_back(struct mm_op *op, pfn_t pfn, mfn_t *out);
