/* SPDX-License-Identifier: MIT */
/* cpus.c: see cpus.h. */
#include "cpus.h"

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "port.h"
#include "simtlb.h"

/* From CPU to CPU: what is to be flushed, 0 once it is. */
struct mail {
    _Atomic uint32_t what;
    uint64_t va;
};

struct cpu {
    unsigned id;
    _Atomic(struct mm_domain *) d; /* whose translations it has */
    struct mm_domain *runs;        /* NULL: nobody */
    struct mm_vcpu *v;
    mfn_t root;
    struct mail from[CPUS_MOST];
    struct mm_owed owed;
    struct dice dice, late;
    unsigned stop_after;
    int64_t blocks; /* of mm/ until it is late */
    struct cpus_count count;
} aligned_to(64);

static struct cpu cpus[CPUS_MOST];
static unsigned nr;
static _Thread_local struct cpu *this_cpu;
static _Atomic uint64_t barrier; /* orders what was stored with what is asked */
static void (*the_body)(unsigned cpu);
struct lock cpus_hv_lock;

void cpus_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "[  FAILED  ] ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    _exit(1);
}

unsigned cpus_self(void)
{
    return this_cpu->id;
}

struct dice *cpus_dice(void)
{
    return &this_cpu->dice;
}

mfn_t cpus_root(void)
{
    return this_cpu->root;
}

/* --- late, and ahead ----------------------------------------------------- */

uint64_t cpus_va(struct dice *d)
{
    static const uint16_t at4[] = {0, 511}, at1[] = {0, 1, 2, 3, 255, 511};
    uint64_t va = (uint64_t)at4[dice_upto(d, ARRAY_SIZE(at4))] << 39 |
                  dice_upto(d, 2) << 30 | dice_upto(d, 3) << 21 |
                  (uint64_t)at1[dice_upto(d, ARRAY_SIZE(at1))] << 12;

    return (uint64_t)((int64_t)(va << 16) >> 16);
}

static void look_ahead(struct cpu *c)
{
    if (!c->runs || mfn_eq(c->root, MFN_NONE))
        return;
    c->count.ahead++;
    simtlb_fetch(c->runs, c->id, c->root, cpus_va(&c->late));
}

static void spin(uint64_t n)
{
    for (; n > 0; n--)
        __builtin_ia32_pause();
}

/* May be where a spin lock is held: it never sleeps. */
static void be_late(struct cpu *c)
{
    switch (dice_upto(&c->late, 4)) {
    case 0:
        look_ahead(c);
        break;
    case 1:
        spin(dice_upto(&c->late, 200));
        break;
    case 2:
        spin(dice_upto(&c->late, 20));
        break;
    default:
        look_ahead(c);
        spin(dice_upto(&c->late, 60));
    }
}

/* Where mm/ is left. */
static void hook(struct cpu *c)
{
    if (dice_upto(&c->late, 3) == 0)
        be_late(c);
    if (dice_upto(&c->late, 16) == 0)
        sched_yield();
}

/* At each basic block of mm/, where that is compiled to call it. */
void __sanitizer_cov_trace_pc(void);
__attribute__((weak)) void __sanitizer_cov_trace_pc(void)
{
    struct cpu *c = this_cpu;

    if (!c || --c->blocks > 0)
        return;
    c->blocks = INT64_MAX; /* not in here */
    be_late(c);
    c->blocks = 1 + (int64_t)dice_upto(&c->late, 1500);
}

/*
 * Content of pages: a guest may write it while it is copied, and the processor
 * its bits where it is a table; that is to be right all the same, and is not
 * what the sanitizer is asked (test_mm_smp_tsan.c is linked so).
 */
#ifdef __SANITIZE_THREAD__
void *__real_memcpy(void *restrict to, const void *restrict from, size_t n);
void *__wrap_memcpy(void *restrict to, const void *restrict from, size_t n);
void *__real_memmove(void *to, const void *from, size_t n);
void *__wrap_memmove(void *to, const void *from, size_t n);

__attribute__((no_sanitize("thread"))) static void copy(uint64_t *to,
                                                        const uint64_t *from)
{
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*to); i++)
        to[i] = ((const volatile uint64_t *)from)[i];
}

void *__wrap_memcpy(void *restrict to, const void *restrict from, size_t n)
{
    if (n != PAGE_SIZE)
        return __real_memcpy(to, from, n);
    copy(to, from);
    return to;
}

void *__wrap_memmove(void *to, const void *from, size_t n)
{
    if (n != PAGE_SIZE)
        return __real_memmove(to, from, n);
    copy(to, from);
    return to;
}
#endif

/* A page that is cleared takes its time, too, where it is linked so. */
void *__real_memset(void *p, int c, size_t n) __attribute__((weak));
void *__wrap_memset(void *p, int c, size_t n);
__attribute__((weak)) void *__wrap_memset(void *p, int c, size_t n)
{
    if (n == PAGE_SIZE && this_cpu && dice_upto(&this_cpu->late, 4) == 0)
        be_late(this_cpu);
    return __real_memset(p, c, n);
}

/* --- shootdown ----------------------------------------------------------- */

static void flush(struct cpu *c, uint32_t what, uint64_t va)
{
    if (what == TLB_PAGE)
        simtlb_flush_page_on(c->id, va);
    else
        simtlb_flush_on(c->id);
}

static void serve(struct cpu *c)
{
    for (unsigned i = 0; i < nr; i++) {
        struct mail *m = &c->from[i];
        uint32_t what = atomic_load_explicit(&m->what, memory_order_acquire);

        if (!what)
            continue;
        flush(c, what, m->va);
        c->count.served++;
        atomic_store_explicit(&m->what, TLB_NOTHING, memory_order_release);
    }
}

void cpus_serve(void)
{
    serve(this_cpu);
}

void cpus_rest(void)
{
    serve(this_cpu);
    sched_yield();
}

bool cpus_wanted(void)
{
    for (unsigned i = 0; i < nr; i++)
        if (atomic_load_explicit(&this_cpu->from[i].what, memory_order_relaxed))
            return true;
    return false;
}

static void ask(struct cpu *c, const struct cpu *of, const struct tlb *tlb)
{
    struct mail *m = &cpus[of->id].from[c->id];

    m->va = tlb->va;
    atomic_store_explicit(&m->what, (uint32_t)tlb->what, memory_order_release);
    c->count.asked++;
}

static void discharge(struct mm_domain *d, const struct tlb *tlb)
{
    struct cpu *c = this_cpu;

    hook(c);
    if (!(atomic_load(&d->lock.held) & 1))
        cpus_fail("a flush by who has no operation on domain %u", d->id);
    atomic_fetch_add(&barrier, 1);
    for (unsigned i = 0; i < nr; i++)
        if (i != c->id && atomic_load(&cpus[i].d) == d)
            ask(c, &cpus[i], tlb);
    if (atomic_load(&c->d) == d)
        flush(c, (uint32_t)tlb->what, tlb->va);
    for (unsigned i = 0; i < nr; i++)
        while (atomic_load_explicit(&cpus[i].from[c->id].what,
                                    memory_order_acquire))
            cpus_rest();
    if (tlb->what == TLB_FULL)
        d->tlb_epoch++;
    hook(c);
}

void cpus_enter(struct mm_domain *d, struct mm_vcpu *v)
{
    struct cpu *c = this_cpu;

    if (atomic_load(&c->d) != d) {
        atomic_exchange(&c->d, d);
        simtlb_flush_on(c->id);
    }
    c->v = v;
    c->root = v->root_kernel;
    c->runs = d;
}

void cpus_leave(void)
{
    this_cpu->runs = NULL;
    this_cpu->root = MFN_NONE;
}

/* --- the rest of the port ------------------------------------------------ */

#define CLAIM_AFTER 2000
#define FOR_EVER    3000000

static bool claimed_by_another(const struct cpu *c, const struct lock *l)
{
    uint32_t by = atomic_load_explicit(&l->claim, memory_order_relaxed);

    return by && by != c->id + 1;
}

static bool try(const struct cpu *c, struct lock *l)
{
    return !claimed_by_another(c, l) &&
           !atomic_exchange_explicit(&l->held, 1, memory_order_acquire);
}

static void lock_wait(struct lock *l, bool taken)
{
    struct cpu *c = this_cpu;
    uint64_t n = 0;

    atomic_fetch_add_explicit(&l->waiting, 1, memory_order_relaxed);
    for (; !taken || claimed_by_another(c, l); n++) {
        uint32_t nobody = 0;

        if (taken)
            lock_put(l);
        cpus_rest();
        if (n == CLAIM_AFTER)
            atomic_compare_exchange_strong(&l->claim, &nobody, c->id + 1);
        if (n == FOR_EVER)
            cpus_fail("CPU %u waits for a lock for ever", c->id);
        taken = try(c, l);
    }
    atomic_fetch_sub_explicit(&l->waiting, 1, memory_order_relaxed);
    if (atomic_load_explicit(&l->claim, memory_order_relaxed) == c->id + 1)
        atomic_store_explicit(&l->claim, 0, memory_order_relaxed);
    c->count.waits++;
}

static unsigned cpu(void)
{
    return this_cpu->id;
}

static struct mm_owed *owed(void)
{
    return &this_cpu->owed;
}

static bool preempt(void)
{
    struct cpu *c = this_cpu;

    hook(c);
    return c->stop_after && dice_upto(&c->dice, c->stop_after) == 0;
}

void cpus_preempt(unsigned most)
{
    this_cpu->stop_after = most;
}

/* Until here the processor may walk what it had loaded. */
static void load_root(struct mm_vcpu *v)
{
    struct cpu *c = this_cpu;

    hook(c);
    if (v != c->v || !c->runs)
        return;
    if (!mfn_eq(c->root, MFN_NONE)) {
        struct frame f = frame_held(c->runs->mm, c->root);
        uint64_t w = frame_word(&f);

        if (frame_type(w) != FRAME_L4 || !(w & FRAME_VALIDATED) ||
            frame_owner(w) != c->runs->id)
            cpus_fail("CPU %u runs on a root that was put", c->id);
    }
    c->root = v->root_kernel;
}

static const struct host_cpus threads = {
    .cpu = cpu,
    .owed = owed,
    .discharge = discharge,
    .lock_wait = lock_wait,
    .preempt = preempt,
    .load_root = load_root,
};

/* --- all of them --------------------------------------------------------- */

static _Atomic uint32_t arrived, meeting;

void cpus_meet(void (*quiet)(void))
{
    uint32_t was = atomic_load(&meeting);

    if (atomic_fetch_add(&arrived, 1) + 1 < nr) {
        while (atomic_load(&meeting) == was)
            cpus_rest();
        return;
    }
    quiet();
    atomic_store(&arrived, 0);
    atomic_store(&meeting, was + 1);
}

static void *start(void *arg)
{
    this_cpu = arg;
    the_body(this_cpu->id);
    return NULL;
}

void cpus_run(unsigned n, uint64_t seed, void (*body)(unsigned cpu))
{
    pthread_t t[CPUS_MOST];

    nr = n;
    the_body = body;
    for (unsigned i = 0; i < n; i++)
        cpus[i] = (struct cpu){
            .id = i,
            .root = MFN_NONE,
            .blocks = 1,
            .dice.s = (seed * CPUS_MOST + i + 1) * 2654435761u,
            .late.s = (seed * CPUS_MOST + i + 1) * 40503u + 1,
        };
    host_cpus = &threads;
    for (unsigned i = 0; i < n; i++)
        if (pthread_create(&t[i], NULL, start, &cpus[i]))
            cpus_fail("no thread");
    for (unsigned i = 0; i < n; i++)
        pthread_join(t[i], NULL);
    host_cpus = NULL;
}

struct cpus_count cpus_counts(void)
{
    struct cpus_count all = {0};

    for (unsigned i = 0; i < nr; i++) {
        all.asked += cpus[i].count.asked;
        all.served += cpus[i].count.served;
        all.waits += cpus[i].count.waits;
        all.ahead += cpus[i].count.ahead;
    }
    return all;
}
