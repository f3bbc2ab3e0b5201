/* SPDX-License-Identifier: MIT */
/*
 * mce_judge.h: how bad a machine check is, and whom it takes along. Pure: what
 * it is told was read from the banks by hv/arch/mce.c, or made up by a test.
 */
#pragma once

#include "base.h"
#include "hv/arch/mce_text.h"

/* What one bank said. */
struct mce_bank {
    unsigned bank, cpu;
    uint64_t status, address, misc;
    bool foreign; /* AMD: the address is not one of the machine's memory */
};

/* How this processor is to be read. */
struct mce_rules {
    bool amd;
    bool recovers;   /* not every uncorrected error ends everything */
    bool overflows;  /* AMD: not even when another one was lost */
    uint8_t address; /* bits of a physical address */
};

/* From harmless to the end. */
enum mce_class {
    MCE_CORRECTED, /* counted, nothing else */
    MCE_DEFERRED, /* content is lost, nobody has used it yet, nobody was told */
    MCE_OPTIONAL, /* the same, told by #MC */
    MCE_REQUIRED, /* what this CPU was about to use is lost */
    MCE_FATAL,
};
enum mce_class mce_class(const struct mce_rules *r, uint64_t status);

/* Which frame's content is lost; false: not told, or more than one. */
must_check bool mce_frame(const struct mce_rules *r, const struct mce_bank *b,
                          mfn_t *out);

/* MCG_STATUS (SDM vol. 3, 16.3.1.2; APM vol. 2, 9.3.1.2). */
#define MCG_RIP_VALID   BIT(0)
#define MCG_RIP_CAUSED  BIT(1)
#define MCG_IN_PROGRESS BIT(2)

/* What has to be done before this CPU may go on. */
enum mce_verdict {
    MCE_GO_ON,     /* and see to what was found when there is time */
    MCE_END_GUEST, /* the guest that ran must not go on */
    MCE_PANIC,
};
/*
 * For what one bank said; and, with the worst of these, for all of #MC.
 * global: MCG_STATUS; from_guest: that is what was interrupted.
 */
enum mce_verdict mce_judge(const struct mce_rules *r, uint64_t global,
                           bool from_guest, const struct mce_bank *b);
enum mce_verdict mce_conclude(uint64_t global, enum mce_verdict worst);
