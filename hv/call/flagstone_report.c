/* SPDX-License-Identifier: MIT */
/*
 * flagstone_report.c: lists of blocks, one after the other. What is done is in
 * the guest's structure when the call ends, and in the upper half of cmd while
 * it is interrupted: nothing but the place where to go on.
 */
#include "hv/call/flagstone_report.h"

#include "flagstone/flagstone.h"
#include "hv/call/hypercall.h"
#include "hv/domain/guest.h"
#include "mm/resize/report.h"

/* A pfn in, an mfn out; a block that could not be told is not taken. */
static enum err take_back(struct vcpu *v, uint64_t at)
{
    struct mm_op op;
    uint64_t pfn;
    mfn_t m;
    enum err rc;

    if (guest_read(&pfn, at, sizeof(pfn)) || guest_write(at, &pfn, sizeof(pfn)))
        return ERR_FAULT;
    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = report_take_back(&op, pfn_of(pfn), &m);
    if (!rc && guest_write(at, &m.v, sizeof(m.v))) {
        /* Another vCPU was faster; what that guessed, and uses, stays. */
        (void)report_free(&op, m);
        rc = ERR_FAULT;
    }
    mm_op_end(&op);
    return rc;
}

static enum err report_one(struct vcpu *v, uint64_t at)
{
    struct mm_op op;
    uint64_t m;
    enum err rc;

    if (guest_read(&m, at, sizeof(m)))
        return ERR_FAULT;
    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = report_free(&op, mfn_of(m));
    mm_op_end(&op);
    return rc;
}

long flagstone_report(struct vcpu *v, uint64_t cmd, uint64_t arg)
{
    const bool back = (uint32_t)cmd == FLAGSTONE_OP_take_back;
    uint32_t at = (uint32_t)(cmd >> 32);
    struct flagstone_report a;
    enum err rc = ERR_NONE;
    bool later = false;

    if (guest_read(&a, arg, sizeof(a)))
        return -XEN_EFAULT;
    while (at < a.nr && !rc && !later) {
        uint64_t word = a.blocks + at * sizeof(uint64_t);

        rc = back ? take_back(v, word) : report_one(v, word);
        at += !rc;
        later = rc == ERR_RESTART || (at < a.nr && !rc && cpu_preempt());
    }
    if (later)
        return hypercall_continue(flagstone_op,
                                  (uint64_t)at << 32 | (uint32_t)cmd, arg);
    if (guest_write(arg + offsetof(struct flagstone_report, done), &at,
                    sizeof(at)))
        return -XEN_EFAULT;
    return errno_of(rc);
}
