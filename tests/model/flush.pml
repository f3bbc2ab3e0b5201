/* SPDX-License-Identifier: MIT */
/*
 * flush.pml: that who changes a domain's tables may wait for flushes of other
 * CPUs while these do the same, wait for a lock, rest, or come to run the
 * domain; that all come to an end; and that no guest goes by translations from
 * before the last change of its tables. Two domains, each with a memory lock;
 * each CPU runs one of them, or rests; operations are on either.
 *
 * As in wake.pml, each DROP_ names the words it stands for.
 */
#define CPUS 3
#define DOMAINS 2
#ifndef CALLS
#define CALLS 1 /* of each CPU's guest */
#endif

#define RESCHED 1
#define FLUSH   2
#define RESTING 4 /* beside a domain in percpu.tlb; a domain is 1 or 2 */
#define DOMAIN(w) ((w) & 3)

bool held[DOMAINS + 1]; /* the memory locks */
byte mail[CPUS];
bool irq[CPUS];
byte word[CPUS];    /* percpu.tlb */
byte runs[CPUS];    /* the domain of the vCPU that is loaded */
bool stale[CPUS];   /* its TLB has what some tables had */
byte left[CPUS];    /* who has still to flush what this CPU asked for */
byte flush_for[CPUS];
bool changing[DOMAINS + 1]; /* a change is not complete yet */
byte tables[CPUS]; /* the domain whose are loaded; NOBODY: of none */
#define NOBODY 0

#define IPI_SEND(to, what)                                                    \
    d_step {                                                                  \
        old = mail[to];                                                       \
        mail[to] = mail[to] | what                                            \
    };                                                                        \
    if                                                                        \
    :: old == 0 -> irq[to] = true                                             \
    :: else                                                                   \
    fi

#define FLUSHED_FOR(by)                                                       \
    if                                                                        \
    :: who & (1 << (by)) -> left[by]--                                        \
    :: else                                                                   \
    fi

inline flush_for_others()
{
    d_step { who = flush_for[c]; flush_for[c] = 0 };
    if
    :: who -> stale[c] = false
    :: else
    fi;
    FLUSHED_FOR(0);
    FLUSHED_FOR(1);
    FLUSHED_FOR(2)
}

inline ipi_serve()
{
#ifndef DROP_EXCHANGE /* hv/arch/ipi.c: what = atomic_exchange_explicit(&cpu->mail, 0, */
    d_step { what = mail[c]; mail[c] = 0 };
#else
    what = mail[c];
#endif
    if
    :: what & FLUSH -> flush_for_others()
    :: else
    fi
#ifdef DROP_EXCHANGE
    ;
    mail[c] = 0
#endif
}

inline lock_get(d)
{
    do
    :: atomic { !held[d] -> held[d] = true }; break
#ifndef DROP_SERVE /* hv/arch/lock.c: ipi_serve(); */
    :: held[d] && mail[c] != 0 -> ipi_serve()
#endif
    od;
    skip
}

/* flush_other() */
inline flush_other(to)
{
    do
    :: to == c -> break
    :: else ->
        seen = word[to];
        if
        :: DOMAIN(seen) != d -> break
        :: DOMAIN(seen) == d && !(seen & RESTING) ->
            left[c]++;
            d_step { flush_for[to] = flush_for[to] | (1 << c) };
            IPI_SEND(to, FLUSH);
            break
        :: else ->
#ifndef DROP_FORGET /* hv/domain/tlb.c: if (!atomic_compare_exchange_strong(&cpu->tlb, &word, word & TLB_RESTING)) */
            if
            :: d_step { word[to] == seen -> word[to] = RESTING }; break
            :: word[to] != seen
            fi
#else
            word[to] = RESTING;
            break
#endif
        fi
    od
}

/* load_tables() */
inline enter(d)
{
    if
    :: DOMAIN(word[c]) == d -> tables[c] = d
    :: else ->
#ifndef DROP_TABLES /* hv/domain/vcpu.c: x86_write_cr3(paging_own_cr3().v); */
        tables[c] = NOBODY;
#endif
#ifndef DROP_WORD /* hv/domain/vcpu.c: tlb_enter(v->d); */
        word[c] = d;
#endif
        tables[c] = d;
#ifndef DROP_ENTER /* hv/domain/vcpu.c: tlb_entered(v->d); */
        stale[c] = false;
#endif
        skip
    fi
}

/*
 * What was taken out of d's tables is on offer: a CPU that has them, and may
 * walk what it finds there at any time, is one of those that were asked.
 */
#define ASKED(i) (tables[i] != d || DOMAIN(word[i]) == d)

active [CPUS] proctype cpu()
{
    byte c = _pid, d, calls = CALLS, old, what, who, seen;

    d_step {
        runs[c] = 1 + c % DOMAINS;
        tables[c] = runs[c];
        word[c] = runs[c]
    };

guest: /* it touches memory by what it has */
    assert(!stale[c] || changing[runs[c]]);
end_guest:
    do
    :: irq[c] -> irq[c] = false; ipi_serve(); goto guest
    :: calls ->
        calls--;
        if
        :: d = 1; goto change
        :: d = 2; goto change
        :: goto sleep
        :: goto switch
        fi
    od;

change: /* tables of d's are changed, and a flush is owed */
#ifndef DROP_LOCK /* mm/alloc/mm.h: lock_get(&d->lock); */
    lock_get(d);
#endif
    skip;
    d_step {
        changing[d] = true;
        stale[0] = stale[0] || DOMAIN(word[0]) == d;
        stale[1] = stale[1] || DOMAIN(word[1]) == d;
        stale[2] = stale[2] || DOMAIN(word[2]) == d
    };
    flush_other(0);
    flush_other(1);
    flush_other(2);
#ifndef DROP_WAIT /* hv/domain/tlb.c: ipi_flush_wait(); */
    do
    :: left[c] == 0 -> break
#ifndef DROP_WAIT_SERVE /* hv/arch/ipi.c: ipi_serve(); */
    :: left[c] && mail[c] != 0 -> ipi_serve()
#endif
    od;
#endif
    if
    :: DOMAIN(word[c]) == d -> stale[c] = false
    :: else
    fi;
    d_step {
        changing[d] = false;
        assert(ASKED(0) && ASKED(1) && ASKED(2))
    };
#ifndef DROP_LOCK
    held[d] = false;
#endif
    goto guest;

switch: /* to a vCPU of the other domain's */
    runs[c] = 3 - runs[c];
    enter(runs[c]);
    goto guest;

sleep: /* until somebody tells it */
#ifndef DROP_TABLES
    tables[c] = NOBODY;
#endif
    word[c] = word[c] | RESTING;
    if
    :: IPI_SEND(c, RESCHED) /* a timer, or somebody */
    fi;
    irq[c] -> irq[c] = false;
    ipi_serve();
    /* vcpu_resume() */
#ifndef DROP_RESUME /* hv/domain/tlb.c: atomic_fetch_and(&this_cpu()->tlb, ~TLB_RESTING); */
    d_step { word[c] = DOMAIN(word[c]) };
#endif
    enter(runs[c]);
    goto guest
}

active proctype quiet()
{
    timeout ->
    assert(!held[1] && !held[2] && !left[0] && !left[1] && !left[2]);
    assert(!changing[1] && !changing[2])
}
