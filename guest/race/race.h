/* SPDX-License-Identifier: MIT */
/*
 * race.h: one vCPU, the first, does hypercalls; another, the racer, uses what
 * these take away, all the time. A scene is rounds of that; a window is a round
 * in which the racer is known to have used what was gone already, or to have
 * been at it meanwhile. A scene without windows has shown nothing.
 */
#pragma once

#include "guest/lib/guest.h"

/* Where the racer looks; the scenes use addresses from here on. */
#define WINDOW UINT64_C(0xffffc00000000000)

/* Names for the spares. A is what most scenes are about. */
enum { A, B, C, DATA, OTHER };
static inline pfn_t sp(unsigned i)
{
    return leak_spare(i);
}

/* Counts and rounds of the scene under way. */
struct tally {
    unsigned rounds;  /* begun */
    unsigned windows; /* of these, raced */
    unsigned part;    /* those of this part of the scene, up to: */
    unsigned max;
    uint64_t end;      /* of its time, */
    uint64_t patience; /* and of that while nothing has raced */
    bool lacks;        /* what it has seen is not all it wants to see */
    const char *note;
    uint64_t noted[3]; /* for %lu in that */
};
extern struct tally tally;
/* Another round? */
bool tally_next(void);
/* Another time ms more for what a scene does besides. */
void tally_extend(void);

/* --- the racer ------------------------------------------------------------ */

extern struct racer {
    volatile uint64_t *va;
    uint64_t value[2]; /* stored in turn */
    bool load;         /* or it only reads */
    volatile uint64_t done, faults, stop;
} racer;
extern unsigned racer_vcpu; /* that it runs on; another in each scene */

void racer_store(uint64_t va, uint64_t one, uint64_t other);
void racer_load(uint64_t va);
void racer_stop(void);
#define RACER_MS 20000u /* for what must come, however slow the machine is */
/* Until a count of what the vCPUs do is n more than `from`, or than it is now;
 * false: not within ms. */
bool racer_moves_from(const volatile uint64_t *count, uint64_t from, unsigned n,
                      unsigned ms);
bool racer_moves(const volatile uint64_t *count, unsigned n, unsigned ms);
/* It has a translation now; the guest ends if not. */
void racer_in(void);
/* It goes on, by what its TLB has; false if it does not. */
bool racer_goes_on(void);
/* It is out, at once and for good: no more accesses than the one that may not
 * have been counted yet, a fault instead, and in the frame (if any) slot 0
 * stays as it is. The guest ends if not. */
void racer_out(pfn_t table);

/* --- scenes --------------------------------------------------------------- */

typedef void scene_fn(void);
scene_fn scene_xsa159, scene_xsa241, scene_xsa242, scene_xsa286, scene_xsa287,
    scene_xsa299, scene_xsa401, scene_xsa408, scene_absent;
/* With another domain: role=lend, role=borrow. */
void pair_lend(void);
void pair_borrow(void);
