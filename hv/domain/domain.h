/* SPDX-License-Identifier: MIT */
/*
 * domain.h: a guest and its vCPUs, as the hypervisor sees them.
 *
 * Invariants: a vCPU's guest registers live in vcpu->regs whenever its CPU is
 * in the hypervisor (the entry stubs push straight into it); what others may
 * change meanwhile is under a lock named beside it, or a word that changes by
 * itself; who reaches a domain that is not the current vCPU's has hv_lock
 * (hv/arch/lock.h), a reference (domain_get()), or has found it in a queue or
 * list and waits for no lock with it (hv/sched); what cannot finish in bounded
 * time continues by re-executing.
 */
#pragma once

#include "hv/arch/regs.h"
#include "hv/base/console_text.h"
#include "hv/base/cpu_set.h"
#include "hv/base/line_kind.h"
#include "hv/domain/msr_log.h"
#include "hv/domain/shown.h"
#include "mm/alloc/mm.h"
#include "xen/arch-x86_64.h"
#include "xen/xen.h"

#define DOMAIN_NAME_MAX  16
#define DOMAIN_VCPUS     32 /* XEN_LEGACY_MAX_VCPUS: what shared_info holds */
#define DOMAIN_WATCHDOGS 2
#define EVTCHN_PORTS     4096 /* two-level, 64-bit */
#define EVTCHN_BUCKETS   16   /* of a page each, made when first used */

/* vm_assist() types a 64-bit guest may choose. */
#define VM_ASSIST_VALID                                                        \
    (BIT(VMASST_TYPE_4gb_segments) | BIT(VMASST_TYPE_4gb_segments_notify) |    \
     BIT(VMASST_TYPE_writable_pagetables) |                                    \
     BIT(VMASST_TYPE_pae_extended_cr3) | BIT(VMASST_TYPE_architectural_iopl) | \
     BIT(VMASST_TYPE_runstate_update_flag))

struct domain;
struct evtchn; /* hv/sched/event.c */

enum vcpu_state {
    VCPU_DOWN,     /* not initialised or taken down */
    VCPU_RUNNABLE, /* may run */
    VCPU_BLOCKED,  /* waits for an event */
    VCPU_POLLING,  /* SCHEDOP_poll */
};

/*
 * Set by set_callbacks / callback_op, by type; address 0 = none. The shape is
 * the trap table's, so that all handlers are entered alike. The NMI's is not
 * among them: it is vector 2 of the trap table, whoever sets it.
 */
struct guest_callbacks {
    struct trap_info event, failsafe, syscall, syscall32, sysenter;
};

/* hv/call/hypercall.c: the entry that is worked on, and what became of it. */
struct vcpu_multicall {
    struct multicall_entry *entry;
    bool restart;
};

/* hv/domain/refused.h: the last fault after a large page was refused. */
struct vcpu_refused {
    uint64_t seen, va; /* mm.super_refused then; where it was */
    uint64_t faults;   /* vcpu.faults then */
    unsigned times;    /* one after the other */
    uint64_t in_ring;  /* mm.super_refused when the domain was told last */
};

/*
 * The processor pushes straight into regs (TSS.RSP0 and PERCPU.regs_end point
 * behind it), and aligns to 16 bytes before it does. An IRETQ that faults
 * pushes a second frame below the first; spill is the room it needs.
 */
struct vcpu {
    uint64_t spill[9];
    struct regs regs;
    /* What hv/entry/entry.asm looks at, in one cache line. */
    struct vcpu_info *info; /* through the direct map; never NULL */
    uint64_t hypercalls;    /* statistics, of this vCPU */
    const void *calls; /* the table of hypercalls: hv/domain/call_trace.h */
    bool in_kernel;    /* guest kernel mode: root_kernel, kernel GS */
    uint8_t slow;      /* why not for hv/entry/fast.asm: BOUNCE_SLOW_* */
    uint16_t retries;  /* hv/domain/retry.h; the last mm.absent it saw: */
    uint32_t absent_seen;
    uint64_t exceptions, faults; /* statistics, of this vCPU */
    struct mm_vcpu mm;
    struct domain *d;
    struct percpu *on;         /* the CPU it is loaded on; NULL: none */
    const struct percpu *last; /* that it was loaded on, or is */
    unsigned id;
    enum vcpu_state state;
    bool initialised;
    bool renewable; /* down since its domain was woken, and may begin anew */

    /* What the guest set. */
    struct trap_info traps[256];
    struct guest_callbacks callbacks;
    uint64_t kernel_ss, kernel_sp; /* stack_switch */
    uint64_t fs_base, gs_base_kernel, gs_base_user;
    uint16_t ds, es, fs, gs;
    uint64_t dr[8];
    bool cr0_ts;     /* fpu_taskswitch: #NM on the next FPU use */
    uint64_t cr4;    /* the bits of CR4 the guest may choose */
    unsigned window; /* 1 + the CPU whose it had last (hv/domain/seg.c), or 0 */
    unsigned gdt_entries;
    uint64_t ldt_base;
    unsigned ldt_entries;
    uint8_t iopl;       /* physdev_op set_iopl, 0..3, granted only virtually */
    uint64_t io_bitmap; /* guest VA; of so many ports, clear where permitted */
    unsigned io_ports;
    uint64_t xcr0;
    uint8_t *fpu;                 /* XSAVE area, hypervisor frames */
    struct profile_line *profile; /* hv/domain/profile.h, if asked for */
    struct msr_log msr_log;       /* hv/domain/msr_log.h */

    struct vcpu_multicall multicall;
    struct vcpu_refused refused;

    /* Events. */
    mfn_t info_mfn;         /* registered elsewhere: a writable reference */
    uint16_t virq_port[24]; /* 0 = unbound */
    uint16_t poll_port;
    bool nmi_pending, in_nmi;

    /* Time: nanoseconds of system time; 0 = not armed. */
    uint64_t timer_single, timer_periodic, periodic_period, poll_deadline;
    uint64_t runstate_entry, runstate_time[4];
    unsigned runstate;
    uint64_t runstate_area;  /* guest VA or 0 */
    struct vcpu *timer_next; /* time.c: by timer_at, the earliest of them */
    uint64_t timer_at;       /* 0 = not in a list */
    unsigned timer_cpu;      /* in whose list it is */
    unsigned clock_seen;     /* clock_generation of what is in info */

    /* hv/sched/queue.h */
    struct vcpu *run_next, *run_prev;
    uint64_t had; /* ns of processor time, for its place in a queue */
    unsigned home;
    bool queued, held;
} aligned_to(16);
_Static_assert(offsetof(struct vcpu, slow) ==
                   offsetof(struct vcpu, in_kernel) + 1,
               "fast.asm looks at both at once");
_Static_assert((offsetof(struct vcpu, regs) + sizeof(struct regs)) % 16 == 0,
               "SDM vol. 3, 6.14.2: RSP is aligned before the frame");

enum domain_end {
    DOMAIN_ALIVE,
    DOMAIN_POWEROFF,
    DOMAIN_REBOOT,
    DOMAIN_SUSPENDED, /* and nobody is there who could resume it */
    DOMAIN_CRASHED,   /* by itself or by a fault nobody could take */
    DOMAIN_DESTROYED, /* by the control guest */
};

/* How far it is taken apart; changes as domain_list does. */
enum domain_stage {
    DOMAIN_WHOLE,
    DOMAIN_GOING, /* its memory is being given back */
    DOMAIN_BARE,  /* it has been; all else goes with the last reference */
};

enum { CONSOLE_LINE = 240 };

/* What is held of its output (hv/svc/console/console.h); zero when it begins.
 */
struct console_out {
    struct console_text text;
    enum line_kind kind; /* of the line it writes */
    uint64_t since;      /* when the oldest held byte came */
    unsigned len;
    char line[CONSOLE_LINE];
    bool terminal;
    bool attached;     /* somebody types to it, who believes what it shows */
    bool more;         /* the rest of the line is there, and has no turn yet */
    uint64_t line_end; /* console_line.c: behind the last that it put there */
};

struct domain_stats {
    uint64_t emulations, events, switches;
};

/*
 * What became of its superpages, for struct flagstone_stats: what mm/ does not
 * count itself.
 */
struct domain_super_stats {
    uint64_t healed, restores, split, joined, events, events_lost;
    uint64_t hv_l1, hv_ticks;               /* the last restore or relocation */
    uint64_t own_ranges, own_l1, own_ticks; /* FLAGSTONE_OP_downgraded */
};

/* The most there was, as far as report_sample() has seen. */
struct domain_peaks {
    uint64_t tot_pages, super_maps, tables, accounting;
};

struct domain {
    struct mm_domain mm; /* first: port.c goes from one to the other */
    domid_t id;
    char name[DOMAIN_NAME_MAX];
    struct domain *next;
    enum domain_stage stage;
    unsigned refs;             /* domain_get(): changed by all CPUs at once */
    _Atomic unsigned tlb_cpus; /* hv/domain/tlb.h */
    _Atomic unsigned held;     /* vCPUs of it that CPUs have (queue.h) */
    struct vcpu *vcpu[DOMAIN_VCPUS];
    unsigned nr_vcpus;
    unsigned offline; /* of them, those it is asked to take down: the last */
    enum domain_end end;
    unsigned end_reason; /* SHUTDOWN_* as the guest gave it */
    bool reason_set;     /* by SCHEDOP_shutdown_code, which has precedence: */
    uint32_t reason;
    bool stopping;      /* it is to be suspended once none of them is held */
    bool suspended;     /* alive, but none of its vCPUs runs */
    bool paused;        /* the same, and it does not know */
    uint64_t paused_at; /* system time */
    bool moved;         /* and it has to be told so: restored, relocated */
    bool dumped;        /* dump_vcpu() has told of the crash */
    const struct vcpu *culprit; /* whom it is to tell of; NULL: any */

    mfn_t shared_mfn; /* shared_info: a fixed frame of the domain's */
    struct shared_info *shared;
    struct spin event_lock; /* hv/sched/event.h */
    bool events_ended;      /* no channel is made any more */
    struct evtchn *evtchn[EVTCHN_BUCKETS];
    uint64_t evtchn_open[EVTCHN_PORTS / 64]; /* that are, as far as was seen */
    mfn_t console_mfn, store_mfn; /* rings: ordinary frames of the guest */
    uint16_t console_port, store_port;
    struct store *store;      /* hv/svc/store/store.h */
    struct call_trace *calls; /* hv/domain/call_trace.h; NULL: not traced */
    struct console_out out;
    bool control;   /* gets what is typed */
    bool ring_used; /* it has written to its console ring */
    bool ring_more; /* there is more in it, perhaps */
    bool ring_ends; /* it is shown for the last time, so much of it: */
    unsigned ring_last;
    unsigned ring_taken;  /* since it was told that there is room */
    bool started;         /* it was built and has run */
    uint64_t nr_pages;    /* at birth, less than max_pages if it may grow */
    uint64_t maxmem_ever; /* the most that max_pages was */
    uint64_t whole;       /* blocks that were whole at birth */
    uint64_t target;      /* pages it is asked to come to */
    uint64_t promised;    /* blocks claimed for its name before it was there */
    uint64_t vm_assist;
    uint64_t features;  /* from the ELF note */
    struct shown shown; /* of the processor, from its birth to its end */
    bool refused_told;  /* hv/domain/refused.h */
    uint64_t xcr0;      /* shown_xcr0() of it */
    struct domain_stats stats;
    struct domain_super_stats super_stats;
    struct domain_peaks peaks;
    uint64_t watchdog[DOMAIN_WATCHDOGS]; /* hv/sched/watchdog.c */
    mfn_t start_mfn; /* start_info, as the guest named it when it suspended */
    mfn_t downgrade_mfn; /* mm.downgrade_ring, also while it is not held:
                            hv/call/downgrade_ring.c */
    bool downgrade_virq; /* VIRQ_FLAGSTONE waits until it is bound */

    /* hv/sched: changed by all CPUs at once, so each by itself. */
    unsigned waiting;    /* of its vCPUs, in queues */
    uint64_t had;        /* ns, all its vCPUs, and what is done for it */
    uint64_t vcpu_least; /* what its vCPUs at the front have had */
    struct cpu_set cpus; /* where they may run; from its birth on */
};

/*
 * Owners of memory, in mm/'s sense: domains, then what has memory without
 * being one: images, and what the control guest fills the machine with.
 */
#define OWNER_DOMAIN_LAST 0x2fffu
#define OWNER_IMAGE_FIRST 0x3000u
#define OWNER_IMAGE_LAST  0x3effu
#define OWNER_FILLER      0x3f00u

/*
 * Every living domain, by id. It changes with hv_lock and with a lock of its
 * own, so who has either may walk it; that lock is domain.c's alone.
 */
extern struct domain *domain_list;
extern unsigned domain_ended; /* those of them that wait to be reaped */

/*
 * What others have to do when a domain comes, stops or goes; each may be NULL.
 * Those that registered first are called first.
 */
struct domain_hooks {
    /* It has memory and vCPUs; what fails takes it down again. */
    enum err (*create)(struct domain *d);
    /* None of its vCPUs runs any more; it is about to be suspended. */
    void (*quiesce)(struct domain *d);
    /* It has ended, or is suspended. */
    void (*changed)(struct domain *d);
    /* It has ended: may it go? Asked until it may. */
    bool (*may_go)(struct domain *d);
    /* It goes, and is still whole. */
    void (*going)(struct domain *d);
    /* Its memory is given back; create() may not have been called. */
    void (*free)(struct domain *d);
    /* One that had ended is gone. */
    void (*gone)(void);
    struct domain_hooks *next; /* domain.c's */
};
extern struct domain_hooks *domain_hooks;
void domain_register(struct domain_hooks *h);

/* Once, before there is any. */
void domain_init(void);

/* hv/sched/lifecycle.c: the list, in order; and how a domain leaves it. */
void domain_list_add(struct domain *d);
void domain_list_remove(const struct domain *d);
void domain_set_stage(struct domain *d, enum domain_stage stage);
/* Of one that is bare: nobody has a reference, and nobody gets one. */
bool domain_unused(const struct domain *d);

/* With hv_lock. */
struct domain *domain_find(domid_t id);
/* The control guest while it lives, or NULL. */
struct domain *domain_controller(void);

/* What follows, to domain_self(), is for all, with hv_lock or without. */

/* Is there one? It may be gone by now. */
bool domain_known(domid_t id);
/*
 * A reference: the domain, its vCPUs and its struct mm_domain stay until
 * domain_put(), which comes before the hypercall ends: who takes the domain
 * down waits for it. Not its memory: who wants that has its memory lock, and
 * looks there whether it is dying. NULL: there is none, or it is not whole any
 * more; the second finds one that has memory still.
 */
struct domain *domain_get(domid_t id);
struct domain *domain_get_going(domid_t id);
void domain_put(struct domain *d);

/*
 * Is what is sent to it, and what it is in the midst of, done? If it is paused,
 * too: it finds that when it goes on.
 */
static inline bool domain_is_up(const struct domain *d)
{
    return READ_ONCE(d->end) == DOMAIN_ALIVE && !READ_ONCE(d->stopping) &&
           !READ_ONCE(d->suspended);
}
/* May its vCPUs run? */
static inline bool domain_runs(const struct domain *d)
{
    return domain_is_up(d) && !READ_ONCE(d->paused);
}

/*
 * A CPU has one more of d's vCPUs; one less. Who stops d says so first, then
 * looks whether any is held; who takes one counts it first, then looks whether
 * d runs: so d has stopped when `held` is 0, however that came about. Taking:
 * false, d does not run, and the vCPU is to be let go of. Letting go: true, d
 * is stopping and that may have been the last: domain_settle() is due.
 */
must_check static inline bool domain_hold(struct domain *d)
{
    atomic_fetch_add(&d->held, 1);
    return domain_runs(d);
}
must_check static inline bool domain_let_go(struct domain *d)
{
    return atomic_fetch_sub(&d->held, 1) == 1 && READ_ONCE(d->stopping);
}

/* id must be d itself, by number or as DOMID_SELF. ERR_PERM, ERR_SRCH. */
enum err domain_self(const struct domain *d, domid_t id);
/* NULL: there is no such vCPU; id is the guest's. */
struct vcpu *domain_vcpu(const struct domain *d, uint64_t id);

/*
 * Ends d as `end` (SHUTDOWN_* in reason): its vCPUs do not run again, and the
 * scheduler calls domain_reap() (hv/sched/lifecycle.h).
 */
void domain_shutdown(struct domain *d, enum domain_end end, unsigned reason);
/*
 * d's vCPUs stop where they are until the control guest does something about
 * it; without a control guest it ends.
 */
void domain_suspend(struct domain *d);
/*
 * Its vCPUs stop where they are, or may run again: then sched_unpause() each.
 * It has stopped when `held` is 0.
 */
void domain_set_paused(struct domain *d, bool paused);
/*
 * Whoever was to be suspended is, if none of its vCPUs is held any more. Takes
 * hv_lock.
 */
void domain_settle(void);
/* Others leave the memory of d, which is suspended, alone (mm/pv/grant.h). */
void domain_set_quiet(struct domain *d, bool quiet);
/*
 * Ends d as crashed, with one line that says why; returns, and d's vCPUs do
 * not run again. hv/entry/exit.c dumps the registers before the switch away.
 * With hv_lock or without, but with no memory lock.
 */
printf_like(2, 3) void domain_crash(struct domain *d, const char *fmt, ...);
