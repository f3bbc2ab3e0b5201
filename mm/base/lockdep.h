/* SPDX-License-Identifier: MIT */
/*
 * lockdep.h: whether locks are taken in an order that cannot deadlock, and for
 * how long they are held and waited for: looked at whenever one is taken or
 * given back, in a build with LOCKDEP=1 (lock_hook.h); in any other nobody
 * calls this.
 *
 * Each lock has a class, which stands for all of its kind, and an order among
 * these. What is wrong is told where it is done, whether or not it led to
 * anything this time:
 *  - a class is waited for while another is held, and some other time it was
 *    the other way round, be it over classes in between;
 *  - two of one class, unless that class is taken in order (lockdep_in_order())
 *    and this is it; one lock twice;
 *  - a struct lock is waited for while a spin is held. Who waits for a lock
 *    serves its mailbox, so the lock's holder may wait for it to flush; who
 *    waits for a spin serves nothing. The holder would wait for the third, the
 *    third for this one, and this one for the holder. For the same reason no
 *    spin is held while other CPUs are waited for (lockdep_no_spin());
 *  - one is held where none may be (lockdep_none()): back to a guest, to sleep;
 *  - one is given back by who does not hold it.
 * What was taken without waiting (a try) is held like any other; taking it is
 * no mistake.
 *
 * Invariant: struct lockdep_cpu is its CPU's alone, and who reports. The graph
 * is everybody's: a bit of `after` is set last, and never cleared.
 */
#pragma once

#include <stdatomic.h>

#include "base.h"

enum lockdep_class {
    LOCKDEP_UNNAMED,
    LOCKDEP_HV,        /* hv/arch/lock.h */
    LOCKDEP_MEMORY,    /* a domain's: mm/alloc/mm.h; by its id */
    LOCKDEP_DOMAINS,   /* hv/domain/domain.c: the list of them */
    LOCKDEP_EVENT,     /* a domain's: hv/sched/event.h; by its id */
    LOCKDEP_QUEUE,     /* the scheduler's of a CPU, by its id */
    LOCKDEP_TIMERS,    /* of a CPU, by its id: hv/sched/time.c */
    LOCKDEP_SHARED,    /* mm.shared.lock */
    LOCKDEP_HV_FRAMES, /* alloc.hv.lock */
    LOCKDEP_ALLOC,     /* alloc.lock */
    LOCKDEP_CACHE,     /* alloc_cpu.lock */
    LOCKDEP_WINDOW,    /* hv/domain/seg.c */
    LOCKDEP_CALLS,     /* hv/domain/call_trace.c */
    LOCKDEP_CLASSES
};
_Static_assert(LOCKDEP_CLASSES <= 32, "a set of them is 32 bits");

enum lockdep_kind { LOCKDEP_SPIN, LOCKDEP_LOCK };

/* What a lock is, in the lock. */
struct lockdep_name {
    enum lockdep_class class;
    uint32_t order; /* among those of its class */
};

#define LOCKDEP_TRACE 8  /* return addresses, innermost first; 0: no more */
#define LOCKDEP_HELD  64 /* mm_stop_all() has one of each domain */

struct lockdep_held {
    const struct lockdep_name *lock;
    enum lockdep_kind kind;
    uint64_t since;
    uint64_t from[LOCKDEP_TRACE]; /* where it was taken */
};

struct lockdep_stats {
    uint64_t taken;
    uint64_t wait, hold; /* at most, in ticks */
    uint64_t wait_from[LOCKDEP_TRACE], hold_from[LOCKDEP_TRACE];
};

/* One CPU's. */
struct lockdep_cpu {
    struct lockdep *all;
    uint64_t wants_since;
    unsigned nr; /* of held, the last taken last */
    struct lockdep_held held[LOCKDEP_HELD];
    struct lockdep_stats stats[LOCKDEP_CLASSES];
};

/* `from`: where b was taken while a was held, or, b being 0, where a was. */
struct lockdep_seen {
    enum lockdep_class a, b;
    const uint64_t *from;
};

struct lockdep_fault {
    const char *what; /* "LOCK is ..." */
    enum lockdep_class lock;
    unsigned nr;
    struct lockdep_seen seen[LOCKDEP_CLASSES + 1];
};

/* Of the machine. What it asks of it is never called under `busy`. */
struct lockdep {
    uint64_t (*clock)(void);
    void (*trace)(uint64_t *from);
    void (*fail)(const struct lockdep_fault *f); /* does not come back */
    _Atomic uint32_t busy;
    /* after[a] has bit b: b was waited for while a was held; the first time */
    _Atomic uint32_t after[LOCKDEP_CLASSES]; /* it was from here: */
    uint64_t first[LOCKDEP_CLASSES][LOCKDEP_CLASSES][LOCKDEP_TRACE];
};

const char *lockdep_class_name(enum lockdep_class c);
bool lockdep_in_order(enum lockdep_class c);

/* Before it is waited for, when it is had, and before it is given back. */
void lockdep_want(struct lockdep_cpu *c, const struct lockdep_name *l,
                  enum lockdep_kind kind);
void lockdep_got(struct lockdep_cpu *c, const struct lockdep_name *l,
                 enum lockdep_kind kind);
void lockdep_tried(struct lockdep_cpu *c, const struct lockdep_name *l,
                   enum lockdep_kind kind);
void lockdep_put(struct lockdep_cpu *c, const struct lockdep_name *l);
/* The stats begin anew; what is held still is, and the order stays. */
void lockdep_forget(struct lockdep_cpu *c);

void lockdep_none(const struct lockdep_cpu *c, const char *what);
void lockdep_no_spin(const struct lockdep_cpu *c, const char *what);
