/* SPDX-License-Identifier: MIT */
/*
 * walker.h: a hostile guest that draws its next operation, good or bad, from
 * dice or from a fuzzer's bytes: every call of mm/ there is, plain accesses
 * through its page tables on two CPUs, the hypervisor's own accesses at its
 * addresses while it is in the middle of things, interruptions, and memory
 * running out. Beside it another guest, whose frames come and go. Dice say what
 * happens to the blocks that either gives single frames back from.
 */
#pragma once

#include "world.h"

#define WALKER_POOL   40
#define WALKER_VCPUS  2
#define WALKER_THEIRS 24

struct walker {
    struct world w;
    struct world_domain us, them;
    struct mm_vcpu second;
    struct dice dice;
    mfn_t pool[WALKER_POOL];     /* frames it thinks it has */
    mfn_t theirs[WALKER_THEIRS]; /* of the other guest */
    unsigned nr_theirs;
    char what[160]; /* the operation under way */
    uint64_t done, refused, restarted, no_memory, touched, faulted;
    uint64_t reached; /* by the hypervisor, at a guest's address */
    uint64_t lapsed;  /* stores that found a table let go */
    uint64_t split, joined, healed, moved, pages_1g;
    uint64_t credit, reported; /* blocks it may have back; that it reported */
    mfn_t region;              /* a whole one it has, or MFN_NONE */
};

/* k->dice is set. */
void walker_make(struct walker *k);
/* In a machine of 2 GiB, with a whole region, on a CPU with 1 GiB pages. */
void walker_make_1g(struct walker *k);
/* One operation; and the same with the audit after it. */
void walker_act(struct walker *k);
void walker_step(struct walker *k);
/* Takes the guests apart, under interruptions; all memory must be back. */
void walker_end(struct walker *k);
