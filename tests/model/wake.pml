/* SPDX-License-Identifier: MIT */
/*
 * wake.pml: that no wake-up is lost. A vCPU that waits (blocked, polling, or
 * running with upcalls unmasked) takes each event sent to it, whatever else
 * the CPUs are about at that moment; and no vCPU is loaded twice.
 *
 * There is no timer here, which would only make a lost wake-up a late one, and
 * all vCPUs come to a stop by themselves: so what was lost is still there when
 * nothing moves any more (quiet). What is done under a queue's lock is one
 * step, and one queue stands for those of all CPUs: steal.pml has these. There
 * is no other lock: an event lock keeps channels, not what is sent.
 *
 * Each #ifndef DROP_ names a file and words of it that its lines stand for;
 * tests/model/run looks whether they are there, and that without those lines
 * the model has an error.
 */
#define CPUS   2
#define NOBODY 3

/* vCPUs: one that waits in all manners, one that sends, one that blocks. */
#define WAITER  0
#define SENDER  1
#define BLOCKER 2
#define VCPUS   3
#ifndef SENDS
#define SENDS 2
#endif

/* cpu.h: WORK_RESCHED, WORK_LOOK */
#define RESCHED 1
#define LOOK    2

mtype = {RUNNABLE, BLOCKED, POLLING, DOWN};
/* Where a vCPU is in its program. */
mtype = {CHOOSE, BLOCK, POLL, POLLED, UNMASK_PORT, UNMASK, SPIN, SEND,
         UPCALL, TAKE, SCAN, IRET, END};

/* Of each CPU. */
byte cur[CPUS] = NOBODY;
bool idle[CPUS];
byte mail[CPUS], work[CPUS];
bool irq[CPUS]; /* the interrupt is on its way, or pending */

/* Of each vCPU. */
mtype state[VCPUS] = RUNNABLE;
byte on[VCPUS] = CPUS;
mtype pc[VCPUS] = CHOOSE;
bool pending[VCPUS], masked_port[VCPUS]; /* its one port's bits */
bool sel[VCPUS], upcall[VCPUS], masked[VCPUS];

/* Runnable vCPUs, in order, and how many. */
chan queue = [VCPUS] of {byte};
byte waiting;

#define ENQUEUE(v) queue ! v; waiting++

byte sends = SENDS;

/* --- mail ---------------------------------------------------------------- */

/* The interrupt is sent when the mail is there already. */
#define IPI_SEND(to, what)                                                    \
    d_step {                                                                  \
        old = mail[to];                                                       \
        mail[to] = mail[to] | what                                            \
    };                                                                        \
    d_step {                                                                  \
        irq[to] = irq[to] || old == 0;                                        \
        old = 0                                                               \
    }

/* One exchange; flush.pml has what becomes of it otherwise. */
inline ipi_serve()
{
    d_step { work[c] = work[c] | mail[c]; mail[c] = 0 }
}

/* --- the scheduler, under queues' locks ----------------------------------- */

/* Sends to `told`, which is CPUS if nobody is to be told. */
#define TELL(what)                                                            \
    if                                                                        \
    :: told != CPUS -> IPI_SEND(told, what); told = CPUS                      \
    :: else                                                                   \
    fi

/* In a d_step. */
inline rouse(cpu)
{
    if
    :: idle[cpu] && cpu != c ->
#ifndef DROP_ROUSE /* hv/sched/wake.c: ipi_send(cpu_of(cpu), WORK_RESCHED); */
        told = cpu
#else
        skip
#endif
    :: else
    fi;
    idle[cpu] = false
}

inline offer()
{
    if
    :: idle[c] -> idle[c] = false
    :: else ->
        if
        :: idle[1 - c] -> rouse(1 - c)
        :: else
        fi
    fi
}

inline may_run(v)
{
    state[v] = RUNNABLE;
    if
#ifndef DROP_LOADED /* hv/sched/wake.c: (void)rouse(home); */
    :: on[v] != CPUS -> rouse(on[v])
    :: else ->
#else
    :: true ->
#endif
        ENQUEUE(v);
        offer() /* steal.pml has what becomes of it otherwise */
    fi
}

inline sched_wake(v)
{
    if
    :: state[v] == BLOCKED || state[v] == POLLING ->
        d_step {
            told = CPUS;
            if
            :: state[v] != RUNNABLE -> may_run(v)
            :: else
            fi
        };
        TELL(RESCHED)
    :: else ->
#ifndef DROP_KICK /* hv/sched/wake.c: ipi_send(cpu_of(home), WORK_LOOK); */
        told = (v != cur[c] -> on[v] : CPUS);
        TELL(LOOK)
#else
        skip
#endif
    fi
}

/* --- events --------------------------------------------------------------- */

inline raise(v)
{
    if
    :: atomic { sel[v] -> skip }
    :: atomic { !sel[v] -> sel[v] = true };
        upcall[v] = true;
        sched_wake(v)
    fi
}

inline set_pending(v)
{
    if
    :: atomic { pending[v] -> skip }
    :: atomic { !pending[v] -> pending[v] = true };
        if
        :: !masked_port[v] -> raise(v)
        :: else
        fi;
#ifndef DROP_POLLERS /* hv/sched/event.c: wake_pollers(d, port); */
        if
        :: state[v] == POLLING -> sched_wake(v)
        :: else
        fi
#endif
    fi
}

/* --- what vCPU v does in the guest --------------------------------------- */

/* One step that is no hypercall; the port is taken after the selector. */
inline guest_step()
{
    if
    :: pc[v] == CHOOSE ->
        if
        :: v == SENDER && sends -> pc[v] = SEND
        :: v == SENDER && !sends -> pc[v] = END
        :: v == BLOCKER -> pc[v] = BLOCK
        :: v == WAITER ->
            if
            :: d_step { masked[v] = true; pc[v] = BLOCK }
            :: d_step { masked[v] = true; pc[v] = POLL }
            :: d_step { masked[v] = true; masked_port[v] = true; pc[v] = POLL }
            :: d_step { masked[v] = true; pc[v] = UNMASK }
            :: pc[v] = SPIN
            fi
        fi
    :: pc[v] == POLLED ->
        d_step {
            pending[v] = false;
            pc[v] = (masked_port[v] -> UNMASK_PORT : UNMASK)
        }
    :: pc[v] == UPCALL -> d_step { upcall[v] = false; pc[v] = TAKE }
    :: pc[v] == TAKE ->
        d_step { pc[v] = (sel[v] -> SCAN : IRET); sel[v] = false }
    :: pc[v] == SCAN -> d_step { pending[v] = false; pc[v] = IRET }
    fi
}

#define IN_GUEST(p)                                                           \
    (p == CHOOSE || p == POLLED || p == UPCALL || p == TAKE || p == SCAN)

/* --- a CPU ---------------------------------------------------------------- */

active [CPUS] proctype cpu()
{
    byte c = _pid, v, old, told = CPUS;

    /* As it comes up: with nobody. The first one begins with all vCPUs. */
end_up:
    if
    :: c == 0 ->
        d_step { ENQUEUE(WAITER); ENQUEUE(SENDER); ENQUEUE(BLOCKER) }
    :: c != 0 && waiting
    fi;
    goto schedule;

guest: /* interrupts are open */
    v = cur[c];
    assert(state[v] == RUNNABLE);
end_guest:
    do
    :: irq[c] -> irq[c] = false; ipi_serve(); goto out
    :: IN_GUEST(pc[v]) -> guest_step()
    :: pc[v] == UNMASK || pc[v] == IRET -> goto iret
    :: pc[v] == BLOCK -> goto block
    :: pc[v] == POLL -> goto poll
    :: pc[v] == UNMASK_PORT -> goto unmask_port
    :: pc[v] == SEND -> goto send
    :: pc[v] == END -> goto down
    /* SPIN: nothing of its own */
    od;

iret: /* fast.asm; and to the guest without a look at work */
    skip;
    d_step { masked[v] = false; pc[v] = (pc[v] == UNMASK -> SPIN : CHOOSE) };
#ifndef DROP_IRET_LOOK /* hv/entry/fast.asm: je iret_events */
    if
    :: upcall[v] && !masked[v] -> goto work_to_do
    :: else
    fi;
#endif
    goto guest;

block:
    skip;
    d_step { masked[v] = false; pc[v] = CHOOSE };
    state[v] = BLOCKED;
#ifndef DROP_BLOCK_LOOK /* hv/call/sched_op.c: sched_stay(v, VCPU_BLOCKED); */
    if
    :: upcall[v] && !masked[v] -> state[v] = RUNNABLE; goto out
    :: else
    fi;
#endif
    work[c] = work[c] | RESCHED;
    goto out;

poll:
    skip;
    d_step { pc[v] = POLLED; state[v] = POLLING };
#ifndef DROP_POLL_LOOK /* hv/call/sched_op.c: rc = any_pending(v, port, p.nr_ports); */
    if
    :: pending[v] -> state[v] = RUNNABLE; goto out
    :: else
    fi;
#endif
    if
    :: upcall[v] && !masked[v] -> state[v] = RUNNABLE; goto out
    :: else
    fi;
    work[c] = work[c] | RESCHED;
    goto out;

unmask_port:
    skip;
    d_step { masked_port[v] = false; pc[v] = UNMASK };
#ifndef DROP_UNMASK_LOOK /* hv/sched/event.c: if (e && test_bit(d->shared->evtchn_pending, port)) */
    if
    :: pending[v] -> raise(v)
    :: else
    fi;
#endif
    goto out;

send:
    if
    :: sends ->
        d_step { sends--; pc[v] = CHOOSE };
        if
        :: set_pending(WAITER)
        :: set_pending(BLOCKER)
        fi
    :: else -> pc[v] = CHOOSE
    fi;
    goto out;

down:
    skip;
    d_step { state[v] = DOWN; work[c] = work[c] | RESCHED };
    goto out;

out: /* back from C: two looks */
#ifndef DROP_OUT_LOOK /* hv/entry/entry.asm: je syscall_long */
    if
    :: upcall[v] && !masked[v] -> goto work_to_do
    :: else
    fi;
#endif
#ifndef DROP_OUT_WORK /* hv/entry/entry.asm: cmp qword [gs:PERCPU_WORK], 0 */
    if
    :: work[c] -> goto work_to_do
    :: else
    fi;
#endif
    goto guest;

work_to_do: /* exit_work() */
    skip;
    d_step { old = work[c]; work[c] = 0 };
    if
    :: old & RESCHED || state[v] != RUNNABLE -> old = 0; goto schedule
    :: else -> old = 0; goto bounce
    fi;

schedule: /* sched_before_guest() */
    skip;
    d_step { /* choose(): it has whom it takes, and who was there still */
        told = CPUS;
        work[c] = 0;
        v = cur[c];
        if
        :: waiting -> queue ? old; waiting--; on[old] = c
        :: else -> old = (v != NOBODY && state[v] == RUNNABLE -> v : NOBODY)
        fi
    };
    if
    :: old == NOBODY -> old = 0; goto rest
    :: else
    fi;
    skip;
    d_step { /* run() */
        v = cur[c];
        cur[c] = old;
        if
        :: v != NOBODY && v != old ->
            on[v] = CPUS;
            if
            :: state[v] == RUNNABLE ->
                ENQUEUE(v);
#ifndef DROP_RUN_OFFER /* hv/sched/sched.c: if (waits && !wake_offer(d, me())) */
                offer()
#endif
            :: else
            fi
        :: else
        fi;
        v = old;
        old = 0;
        assert(on[v] == c) /* on one CPU, and that is this one */
    };
    TELL(RESCHED);

bounce: /* bounce_events() */
    if
    :: upcall[v] && !masked[v] -> d_step { masked[v] = true; pc[v] = UPCALL }
    :: else
    fi;
    goto guest;

rest: /* and idle() */
    skip;
    d_step {
        if
        :: v != NOBODY && state[v] == DOWN ->
            on[v] = CPUS;
            cur[c] = NOBODY
        :: else
        fi;
#ifndef DROP_IDLE_FIRST /* hv/sched/wake.c: cpu_mask_put(&idle_cpus, me()); */
        idle[c] = true
#endif
    };
#ifndef DROP_IDLE_LOOK /* hv/sched/sched.c: busy = idle_work() || something_waits() || !wake_is_idle(me()); */
    v = cur[c];
    if
    :: waiting || !idle[c] -> idle[c] = false; goto schedule
    :: v != NOBODY ->
        if
        :: state[v] == RUNNABLE -> idle[c] = false; goto schedule
        :: else
        fi
    :: else
    fi;
#endif
#ifdef DROP_IDLE_FIRST
    idle[c] = true;
#endif
#ifndef DROP_SHADOW /* hv/arch/x86.h: "sti; hlt; cli" */
    skip;
#else
    if
    :: irq[c] -> irq[c] = false; ipi_serve()
    :: skip
    fi;
#endif
end_hlt:
    irq[c] -> irq[c] = false;
    d_step { work[c] = work[c] | mail[c]; mail[c] = 0; idle[c] = false; v = 0 };
    goto schedule
}

/* --- when nothing moves any more ------------------------------------------ */

active proctype quiet()
{
    timeout ->
    assert(waiting == 0);               /* nobody waits for a CPU */
    assert(state[SENDER] == DOWN);
    assert(!pending[WAITER] && !pending[BLOCKER]) /* all was taken */
}
