/* SPDX-License-Identifier: MIT */
/*
 * mce_judge.c: the classes of SDM vol. 3, 16.6.3 (table 16-6) and of APM vol.
 * 2, 9.3.2 and 9.3.3.
 *
 * Invariant: whatever is not said plainly is taken for the worse: a processor
 * that does not say that it recovers does not, and who is not known to be able
 * to go on does not go on.
 */
#include "hv/arch/mce_judge.h"

static enum mce_class class_intel(const struct mce_rules *r, uint64_t status)
{
    if (!(status & MCE_UC))
        return MCE_CORRECTED;
    if ((status & MCE_PCC) || !r->recovers)
        return MCE_FATAL;
    if (!(status & MCE_SIGNALED))
        return status & MCE_ACTION ? MCE_FATAL : MCE_DEFERRED;
    if (!(status & MCE_ACTION))
        return MCE_OPTIONAL;
    /* What was lost may have been in use, too (16.6.3). */
    return status & MCE_OVER ? MCE_FATAL : MCE_REQUIRED;
}

static enum mce_class class_amd(const struct mce_rules *r, uint64_t status)
{
    if (!(status & MCE_UC))
        return status & MCE_AMD_DEFERRED ? MCE_DEFERRED : MCE_CORRECTED;
    if ((status & MCE_PCC) || !r->recovers)
        return MCE_FATAL;
    return (status & MCE_OVER) && !r->overflows ? MCE_FATAL : MCE_REQUIRED;
}

enum mce_class mce_class(const struct mce_rules *r, uint64_t status)
{
    return r->amd ? class_amd(r, status) : class_intel(r, status);
}

/* MCi_MISC (SDM vol. 3, 16.3.2.4): what the address is, and how fine. */
#define MISC_LOWEST   BITS(5, 0)
#define MISC_MODE     BITS(8, 6)
#define MISC_PHYSICAL (UINT64_C(2) << 6)

static bool says_frame(const struct mce_rules *r, const struct mce_bank *b)
{
    if (!(b->status & MCE_ADDR) || b->foreign)
        return false;
    if (r->amd) /* a cache line, or less */
        return true;
    return (b->status & MCE_MISC) && (b->misc & MISC_MODE) == MISC_PHYSICAL &&
           (b->misc & MISC_LOWEST) <= PAGE_SHIFT;
}

bool mce_frame(const struct mce_rules *r, const struct mce_bank *b, mfn_t *out)
{
    if (!says_frame(r, b))
        return false;
    *out = mfn_of((b->address & BITS(r->address - 1, 0)) >> PAGE_SHIFT);
    return true;
}

/*
 * #MC goes to all CPUs of an Intel machine, and one of them may read what
 * another was hit by, from a bank that they share (16.3.2.1). Who was hit is
 * told: it cannot go on where it was, or its RIP is what caused it (table
 * 16-7). Another one goes on: the frame's owner ends, and who was about to use
 * it is told once more if it does.
 */
static bool was_hit(const struct mce_rules *r, uint64_t global)
{
    return r->amd || !(global & MCG_RIP_VALID) || (global & MCG_RIP_CAUSED);
}

enum mce_verdict mce_judge(const struct mce_rules *r, uint64_t global,
                           bool from_guest, const struct mce_bank *b)
{
    enum mce_class c = mce_class(r, b->status);
    mfn_t m;

    if (c == MCE_FATAL)
        return MCE_PANIC;
    if (c != MCE_REQUIRED || !was_hit(r, global))
        return MCE_GO_ON;
    /* May the guest that ran be ended for it, and all others go on? */
    return from_guest && mce_frame(r, b, &m) ? MCE_END_GUEST : MCE_PANIC;
}

enum mce_verdict mce_conclude(uint64_t global, enum mce_verdict worst)
{
    if (!(global & MCG_RIP_VALID) && worst == MCE_GO_ON)
        return MCE_PANIC; /* it cannot go on where it was */
    return worst;
}
