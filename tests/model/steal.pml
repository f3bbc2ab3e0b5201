/* SPDX-License-Identifier: MIT */
/*
 * steal.pml: the queues of CPUs without any lock but their own: who sleeps, who
 * wakes, who takes down and who steals at the same time lose no wake-up, load
 * no vCPU twice, and leave no CPU at rest while a vCPU waits.
 *
 * What is done under a queue's lock is one step, if it is the lock of the home
 * of whom it is done to; that it is, is asserted. There is no timer, as in
 * wake.pml, and one vCPU may compute for ever: so what was lost is still there
 * when nothing moves any more (quiet).
 */
#define CPUS   2
#define VCPUS  3
#define NOBODY VCPUS
#ifndef SENDS
#define SENDS 3
#endif

/*
 * One sends, and takes the last one down; one sends, sleeps, or computes for
 * ever; one sleeps whenever it has had its events.
 */
#define SENDER  0
#define MIXED   1
#define SLEEPER 2

mtype = {RUNNABLE, BLOCKED, DOWN};

/* Of each CPU. */
byte cur[CPUS] = NOBODY;
bool idle[CPUS], irq[CPUS];
bool mail[CPUS], work[CPUS]; /* WORK_RESCHED */

/* Of each vCPU. */
mtype state[VCPUS] = RUNNABLE;
byte home[VCPUS];
byte loaded[VCPUS] = CPUS; /* where */
bool queued[VCPUS], held[VCPUS];
bool pending[VCPUS], spins[VCPUS];
byte sends = SENDS;
bool downs = true;

/* Under the lock of q. */
#define PUT(v, q)                                                             \
    assert(!queued[v] && !held[v] && home[v] == q);                           \
    queued[v] = true
#define TAKE(v, q, to)                                                        \
    assert(queued[v] && !held[v] && home[v] == q);                            \
    queued[v] = false;                                                        \
    held[v] = true;                                                           \
    home[v] = to

/* Somebody waits at home there. */
#define WAITS(q)                                                              \
    ((queued[0] && home[0] == q) || (queued[1] && home[1] == q) ||            \
     (queued[2] && home[2] == q))

/* Any of those: whoever has had least; NOBODY: none. */
inline any_of(q, found)
{
    if
    :: queued[0] && home[0] == q -> found = 0
    :: queued[1] && home[1] == q -> found = 1
    :: queued[2] && home[2] == q -> found = 2
    :: !WAITS(q) -> found = NOBODY
    fi
}

#define SERVE                                                                 \
    d_step {                                                                  \
        irq[c] = false;                                                       \
        work[c] = work[c] || mail[c];                                         \
        mail[c] = false                                                       \
    }

/* Whoever takes it out of the idle ones tells it. */
inline rouse(cpu)
{
    d_step { told = idle[cpu]; idle[cpu] = false };
    if
    :: told && cpu != c -> d_step { mail[cpu] = true; irq[cpu] = true }
    :: else
    fi
}

inline offer()
{
    rouse(c);
    if
    :: !told -> rouse(1 - c)
    :: else
    fi
}

/* sched_sleep(): it may have been taken down. */
#ifndef DROP_COMPARE /* hv/sched/wake.c: return __atomic_compare_exchange_n(&v->state, &runs, how, false, */
#define SLEEP                                                                 \
    state[v] = (state[v] == RUNNABLE -> BLOCKED : state[v])
#else
#define SLEEP state[v] = BLOCKED
#endif

/* sched_wake(w), and may_run(). */
inline wake(w)
{
    if
    :: state[w] == BLOCKED ->
#ifdef DROP_HOME_LOOK
        at = home[w];
#endif
        d_step {
#ifndef DROP_HOME_LOOK /* hv/sched/queue.c: if (likely(home(v) == cpu)) */
            at = home[w];
#endif
            if
#ifndef DROP_STATE_LOOK /* hv/sched/wake.c: if (!(BIT(v->state) & from)) { */
            :: state[w] != BLOCKED -> how = NOTHING
#endif
#ifndef DROP_STATE_LOOK
            :: else ->
#else
            :: true ->
#endif
                state[w] = RUNNABLE;
                how = (held[w] -> HELD : NOTHING);
                if
#ifndef DROP_HELD /* hv/sched/wake.c: if (!held && !v->queued) { */
                :: !held[w] && !queued[w] -> PUT(w, at); how = QUEUED
#else
                :: !queued[w] -> queued[w] = true; how = QUEUED
#endif
                :: else
                fi
            fi
        };
        if
#ifndef DROP_ROUSE /* hv/sched/wake.c: (void)rouse(home); */
        :: how == HELD -> rouse(at)
#endif
#ifndef DROP_OFFER /* hv/sched/wake.c: if (wake_offer(v->d, home)) */
        :: how == QUEUED -> offer()
#endif
        :: else
        fi
    :: else
    fi
}

#define FORGET_LOCALS                                                         \
    next = NOBODY;                                                            \
    at = 0;                                                                   \
    told = false;                                                             \
    how = NOTHING

mtype = {NOTHING, HELD, QUEUED};

/* --- a CPU ---------------------------------------------------------------- */

active [CPUS] proctype cpu()
{
    byte c = _pid, v, next = NOBODY, at;
    bool told;
    mtype how = NOTHING;

    if
    :: c == 0 -> d_step { PUT(0, 0); PUT(1, 0); PUT(2, 0) }; offer()
    :: else
    fi;
    goto schedule;

guest:
    skip;
    d_step { v = cur[c]; FORGET_LOCALS };
    assert(loaded[v] == c);
end_guest:
    if
    :: irq[c] -> SERVE; goto out
    :: atomic {
            (v == SENDER || v == MIXED) && sends && !spins[v] ->
                sends--;
                if
                :: next = MIXED
                :: next = SLEEPER
                fi;
                pending[next] = true
        };
        wake(next);
        goto out
    :: v == SENDER && downs -> next = SLEEPER; goto down
    :: v == SENDER && !sends -> next = v; goto down
    :: v != SENDER && pending[v] -> pending[v] = false; goto out
    :: v != SENDER && !pending[v] && !spins[v] -> goto block
    :: v == MIXED && !pending[v] && !spins[v] -> spins[v] = true; goto guest
    fi;

block: /* sched_sleep(), then the look */
#ifndef DROP_SLEEP_FIRST /* hv/call/sched_op.c: sched_stay(v, VCPU_BLOCKED); */
    SLEEP;
#endif
    if
    :: pending[v] -> /* sched_stay() */
        state[v] = (state[v] == BLOCKED -> RUNNABLE : state[v]);
        goto out
    :: else
    fi;
#ifdef DROP_SLEEP_FIRST
    SLEEP;
#endif
    work[c] = true;
    goto out;

down: /* sched_down() */
    skip;
    d_step {
        at = home[next];
        state[next] = DOWN;
        queued[next] = false;
        downs = downs && next != SLEEPER;
        work[c] = work[c] || next == v;
        how = (held[next] && next != v -> HELD : NOTHING)
    };
    if
    :: how == HELD -> d_step { mail[at] = true; irq[at] = true }
    :: else
    fi;

out:
    skip;
    d_step { FORGET_LOCALS };
    if
    :: work[c] || state[v] != RUNNABLE -> goto schedule
    :: else -> goto guest
    fi;

schedule: /* choose() */
    skip;
    d_step { work[c] = false; v = cur[c] };
    atomic {
        any_of(c, next);
        if
        :: next == NOBODY && v != NOBODY && state[v] == RUNNABLE -> next = v
        :: next != NOBODY -> TAKE(next, c, c)
        :: else
        fi
    };
    if
    :: next != NOBODY -> goto switch
    :: else
    fi;

steal: /* from the only other one */
#ifndef DROP_TWO /* hv/sched/steal.c: queue_lock_two(here(), cpu); */
    atomic {
        any_of((1 - c), next);
        if
        :: next != NOBODY -> TAKE(next, (1 - c), c)
        :: else
        fi
    };
#else
    any_of((1 - c), next);
    if
    :: next != NOBODY -> TAKE(next, (1 - c), c)
    :: else
    fi;
#endif
    if
    :: next == NOBODY -> goto rest
    :: else
    fi;

switch: /* run() */
    if
    :: next == v -> goto guest
    :: else
    fi;
#ifdef DROP_PUT_LATE
    if
    :: v != NOBODY ->
        d_step {
            held[v] = false;
            if
            :: state[v] == RUNNABLE -> PUT(v, c)
            :: else
            fi
        }
    :: else
    fi;
#endif
    if
    :: v != NOBODY -> loaded[v] = CPUS
    :: else
    fi;
    assert(loaded[next] == CPUS); /* on one CPU, and that is this one */
    d_step { loaded[next] = c; cur[c] = next };
#ifndef DROP_PUT_LATE /* hv/sched/sched.c: waits = put_back(q, prev); */
    if
    :: v != NOBODY ->
        d_step {
            held[v] = false;
            if
#ifndef DROP_PUT_BACK /* hv/sched/sched.c: if (!queue_can_run(v)) */
            :: state[v] == RUNNABLE -> PUT(v, c); how = QUEUED
#endif
            :: else -> how = NOTHING
            fi
        }
    :: else
    fi;
    if
#ifndef DROP_BACK_OFFER /* hv/sched/sched.c: if (waits && !wake_offer(d, me())) */
    :: how == QUEUED -> offer()
#endif
    :: else
    fi;
#endif
    goto guest;

rest: /* what is down is let go of; else v stays loaded */
    if
    :: v != NOBODY && state[v] == DOWN ->
        loaded[v] = CPUS;
        d_step { cur[c] = NOBODY; held[v] = false; v = NOBODY }
    :: else
    fi;
    idle[c] = true;
#ifndef DROP_IDLE_LOOK /* hv/sched/sched.c: busy = idle_work() || something_waits() || */
    if
    :: WAITS(0) || WAITS(1) -> idle[c] = false; goto schedule
    :: else
    fi;
#endif
#ifndef DROP_IDLE_OWN /* hv/sched/sched.c: return (v && queue_can_run(v)) || queue_waits_for(me()); */
    if
    :: v != NOBODY && state[v] == RUNNABLE -> idle[c] = false; goto schedule
    :: else
    fi;
#endif
end_hlt:
    irq[c] -> SERVE;
    idle[c] = false;
    goto schedule
}

/* --- when nothing moves any more ------------------------------------------ */

active proctype quiet()
{
    timeout ->
    assert(!WAITS(0) && !WAITS(1)); /* nobody waits for a CPU */
    assert(state[SENDER] == DOWN);
    assert(!pending[MIXED]); /* all was taken */
    assert(!pending[SLEEPER] || state[SLEEPER] == DOWN);
    assert(downs || state[SLEEPER] == DOWN) /* nobody raised it */
}
