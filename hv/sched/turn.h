/* SPDX-License-Identifier: MIT */
/*
 * turn.h: what a vCPU's turn on a CPU costs, and when it ends: time is put down
 * to a domain, then to a vCPU of it.
 *
 * Who slept comes back with no more than WAKE_BONUS in hand, as a domain and
 * as a vCPU of it, so that a guest that waits for something is served soon,
 * and waking often is no way to run always: nobody starves.
 *
 * While each has a CPU for itself nobody counts, and no slice ends: such a CPU
 * is *alone*. When that is over it is told, and all start from there: who had
 * all it wanted is owed nothing for what others could use besides.
 *
 * Locks: runs, charged and slice_* of a turn change under the lock of its CPU's
 * queue; the rest is that CPU's own. What domains have had, and
 * what those at the front have, only grows, each by one atomic addition or
 * maximum.
 */
#pragma once

#include "hv/arch/cpu.h"
#include "hv/domain/domain.h"

#define WAKE_SLICE      1000000u /* ns */
#define WAKE_BONUS      5000000u
#define TURN_LOOK_EVERY 1000000u

struct turn {
    struct vcpu *runs;   /* whose time it is; NULL: nobody's */
    struct vcpu *kicked; /* should be next, if that is fair */
    uint64_t slice_start, slice_end, charged; /* of runs */
    uint64_t kick_lead;    /* ns more than its like that kicked may have had */
    struct domain *errand; /* what is done just now is for it */
    bool requested, gives_way, was_idle;
    bool settles;      /* domain_settle() is due */
    bool passed_on;    /* its slice is the one of who ran before */
    bool begins_cut;   /* somebody woke between the choice and its turn */
    bool reap_vain;    /* nothing of what ended could go yet */
    uint64_t ends;     /* what its timer was last set for; 0: nothing */
    uint64_t reap_end; /* of the reaper's turn; 0: it is not its turn */
    uint64_t reap_at;  /* the next, if somebody waits, or it was in vain */
    /* When to look at other queues again: whether one is owed, who is first. */
    uint64_t look_at, front_at;
} aligned_to(64);
extern struct turn turns[CPU_MAX];

static inline struct turn *turn_my(void)
{
    return &turns[this_cpu()->id];
}

/* --- under the lock of the CPU's queue ------------------------------------ */

/* What has been spent until now is put down to whom it was for. */
void turn_charge(unsigned cpu);
/* v's turn begins, or goes on; nobody's. */
void turn_begin(unsigned cpu, struct vcpu *v);
void turn_stop(unsigned cpu);
/* v, that slept, is about to wait. */
void turn_wakes(struct vcpu *v);
/* v was taken as the first of its domain, by what it has had. */
void turn_is_first(const struct vcpu *v);

/* --- under none ----------------------------------------------------------- */

/* As turn_charge(), this CPU's. */
void turn_charge_here(void);
/* d has had at least that. */
void turn_raise_domain(struct domain *d, uint64_t had);
/* One of d's waits, and no CPU was idle that may run it. */
void turn_contend(const struct domain *d);
/* Whoever is alone is to see whether that is so. */
void turn_ask_alone(void);
/*
 * For v, which waits, a slice need not last longer than is worth its beginning:
 * at home; or, if v would not go first there, where it has most of a lead, and
 * it waits there then: true.
 */
bool turn_cut_for(struct vcpu *v, unsigned home);
/* This CPU's timer, for the end of the slice; 0: it has none. */
uint64_t turn_ends(void);
/* Does anybody wait for this CPU? */
bool turn_others_wait(void);
