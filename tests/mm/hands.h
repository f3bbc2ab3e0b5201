/* SPDX-License-Identifier: MIT */
/*
 * hands.h: in whose hands each frame is: a naive model of what domains have,
 * for tests in which frames change hands. A frame that is taken must be in
 * nobody's hand, and contain zeroes or what its taker once wrote there.
 */
#pragma once

#include "world.h"

#define HANDS_BLOCKS 20
#define HANDS_FRAMES (HANDS_BLOCKS * BLOCK_FRAMES)
#define HANDS_MOST   (4 * BLOCK_FRAMES) /* frames of one domain */

struct hand {
    struct world_domain x;
    uint64_t serial; /* of this life; 0: there is none */
    mfn_t has[HANDS_MOST], root, l1;
    unsigned n;
    mfn_t mapped[PT_ENTRIES]; /* by L1 entry, MFN_NONE: nothing */
    mfn_t supplied;
};

extern struct world hands_world;
extern struct hand *hands_owner[HANDS_FRAMES];
extern bool hands_given[HANDS_FRAMES]; /* up, but still mapped */
extern uint64_t hands_shared;          /* taken from shared blocks, ever */
extern char hands_what[80];            /* the step under way */

#define say_what(...) snprintf(hands_what, sizeof(hands_what), __VA_ARGS__)

struct mm_op hands_op(struct hand *d);
void hands_take(struct hand *d, mfn_t m);
/* The kth of its frames is given back. */
void hands_give(struct hand *d, unsigned k);
/* It is not mapped any more: if it was given back, it is gone now. */
void hands_unmapped(struct hand *d, mfn_t m);
/* All of it, as the domain ends. */
void hands_drop(struct hand *d);
bool hands_has_all(const struct hand *d, mfn_t first, unsigned n);
/* Zeroes, or what d itself once wrote there. */
void hands_check_content(const struct hand *d, mfn_t m);
/* Frame by frame, does mm/ think the same? Is each as its owner left it? */
void hands_check(struct hand *d);
