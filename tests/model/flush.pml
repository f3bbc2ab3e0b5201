/* SPDX-License-Identifier: MIT */
/*
 * flush.pml: that who holds the lock may wait for flushes of the other CPUs
 * while these wait for the lock, and that on its return none of them goes by
 * translations from before. All run vCPUs of the one domain whose tables
 * change, or rest.
 *
 * As in wake.pml, each DROP_ names the words it stands for.
 */
#define CPUS 3
#ifndef CALLS
#define CALLS 1 /* of each CPU's guest */
#endif

#define RESCHED 1
#define FLUSH   2

bool held; /* the lock; who is next is chance: a claim only narrows that */
byte mail[CPUS];
bool irq[CPUS];
bool resting[CPUS], tlb[CPUS] = true; /* percpu.resting, .tlb */
bool stale[CPUS];                    /* its TLB has what the tables had */
byte left;                           /* who has still to flush */
bool changing;                       /* the change is not complete yet */

#define IPI_SEND(to, what)                                                    \
    d_step {                                                                  \
        old = mail[to];                                                       \
        mail[to] = mail[to] | what                                            \
    };                                                                        \
    if                                                                        \
    :: old == 0 -> irq[to] = true                                             \
    :: else                                                                   \
    fi

inline ipi_serve()
{
#ifndef DROP_EXCHANGE /* hv/arch/ipi.c: what = atomic_exchange_explicit(&cpu->mail, 0, */
    d_step { what = mail[c]; mail[c] = 0 };
    if
    :: what & FLUSH -> stale[c] = false; left--
    :: else
    fi
#else
    what = mail[c];
    if
    :: what & FLUSH -> stale[c] = false; left--
    :: else
    fi;
    mail[c] = 0
#endif
}

inline lock_get()
{
    do
    :: atomic { !held -> held = true }; break
#ifndef DROP_SERVE /* hv/arch/lock.c: ipi_serve(); */
    :: mail[c] != 0 -> ipi_serve()
#endif
    od;
    skip
}

#define LOCK_PUT held = false

#ifndef DROP_FORGET /* hv/domain/tlb.c: cpu->tlb = NULL; */
#define LEAVE(cpu) tlb[cpu] = false
#else
#define LEAVE(cpu) skip
#endif

/* flush_others() for one of them. */
inline flush_one(to)
{
    if
    :: to == c || !tlb[to]
    :: to != c && tlb[to] && resting[to] -> LEAVE(to)
    :: to != c && tlb[to] && !resting[to] -> left++; IPI_SEND(to, FLUSH)
    fi
}

active [CPUS] proctype cpu()
{
    byte c = _pid, calls = CALLS, old, what;

guest: /* it touches memory by what it has */
    assert(!stale[c] || changing);
end_guest:
    do
    :: irq[c] -> irq[c] = false; ipi_serve()
    :: calls ->
        calls--;
        if
        :: goto change
        :: goto sleep
        :: goto tell
        fi
    od;

change: /* a hypercall that changes tables and owes a flush */
#ifndef DROP_LOCK /* hv/entry/entry.asm: lock bts dword [hv_lock], 0 ; lock_get() */
    lock_get();
#endif
    skip;
    d_step {
        changing = true;
        stale[0] = tlb[0];
        stale[1] = tlb[1];
        stale[2] = tlb[2];
        left = 0
    };
    flush_one(0);
    flush_one(1);
    flush_one(2);
#ifndef DROP_WAIT /* hv/domain/tlb.c: ipi_flush_wait(); */
    left == 0;
#endif
    d_step {
        stale[c] = false;
        changing = false;
        assert(!stale[0] || resting[0]);
        assert(!stale[1] || resting[1]);
        assert(!stale[2] || resting[2])
    };
#ifndef DROP_LOCK
    LOCK_PUT;
#endif
    goto guest;

tell: /* a hypercall that has another CPU look */
    lock_get();
    if
    :: resting[(c + 1) % CPUS] -> IPI_SEND((c + 1) % CPUS, RESCHED)
    :: resting[(c + 2) % CPUS] -> IPI_SEND((c + 2) % CPUS, RESCHED)
    :: else
    fi;
    LOCK_PUT;
    goto guest;

sleep: /* until somebody tells it */
    lock_get();
    resting[c] = true;
#ifndef DROP_IDLE_PUT /* hv/sched/sched.c: lock_put(); */
    LOCK_PUT;
#endif
end_hlt:
    irq[c] -> irq[c] = false;
    ipi_serve();
#ifndef DROP_IDLE_PUT
    lock_get();
#endif
    /* vcpu_resume() */
#ifndef DROP_RESUME /* hv/domain/vcpu.c: cpu->resting = false; */
    resting[c] = false;
#endif
#ifndef DROP_ENTER /* hv/domain/vcpu.c: tlb_enter(v->d, v->last != cpu); */
    if
    :: !tlb[c] -> d_step { tlb[c] = true; stale[c] = false }
    :: else
    fi;
#endif
    LOCK_PUT;
    goto guest
}

active proctype quiet()
{
    timeout ->
    assert(!held && left == 0 && !changing)
}
