/* SPDX-License-Identifier: MIT */
/*
 * bench_threads.c: what operations on words and of the allocator cost one CPU,
 * and each of two that share nothing but the machine: a thread of the host for
 * each, with a domain of its own. The best of ROUNDS, for the machine may have
 * other things to do, and of two only those in which both ran at the same time.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "tests/bench/tenant.h"

#define THREADS 2
#define ROUNDS  80
#define TIMES   20000u
#define BLOCKS  64u

struct worker {
    struct tenant t;
    unsigned cpu;
    double from[ROUNDS], to[ROUNDS];
};

static struct mm mm;
static struct worker workers[THREADS];
static _Thread_local struct worker *this_worker = workers;
static void (*the_deed)(struct worker *w);
static unsigned nr; /* threads that run */
static _Atomic unsigned arrived;

static unsigned cpu(void)
{
    return this_worker->cpu;
}

static struct mm_owed *owed(void)
{
    return &this_worker->t.owed;
}

static const struct host_cpus two = {
    .cpu = cpu, .owed = owed, .discharge = tenant_discharge};

/* --- what is measured ----------------------------------------------------- */

static void flip(struct worker *w)
{
    tenant_flip(&w->t);
}

static void frames(struct worker *w)
{
    tenant_frames(&w->t);
}

static void block(struct worker *w)
{
    blk_t b;

    must(!alloc_block_get(&mm, w->t.d.id, ALLOC_WHOLE, ALLOC_ANYTHING, &b));
    alloc_block_put(&mm, b, ALLOC_ANYTHING);
}

/* --- measuring ------------------------------------------------------------ */

static void boot(void)
{
    const uint64_t all = BLOCKS * BLOCK_FRAMES;

    mm.direct = mmap(NULL, all * PAGE_SIZE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(mm.direct != MAP_FAILED);
    mm.m2p = calloc(all, sizeof(*mm.m2p));
    alloc_init(
        &mm,
        memset(aligned_alloc(64, (alloc_metadata_size(all) + 63) & ~63ul), 0,
               alloc_metadata_size(all)),
        all, 2);
    alloc_add(&mm, mfn_of(1), all - 1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *work(void *arg)
{
    struct worker *w = this_worker = arg;

    for (unsigned r = 0; r < ROUNDS; r++) {
        atomic_fetch_add(&arrived, 1);
        while (atomic_load(&arrived) < (r + 1) * nr)
            __builtin_ia32_pause();
        w->from[r] = now();
        for (unsigned i = 0; i < TIMES; i++)
            the_deed(w);
        w->to[r] = now();
    }
    return NULL;
}

/* One operation in round r, in the slower of them; 0: not at the same time. */
static double in_round(unsigned r)
{
    double first = 0, last = 1e300, ns = 0;

    for (unsigned i = 0; i < nr; i++) {
        first = MAX(first, workers[i].from[r]);
        last = MIN(last, workers[i].to[r]);
        ns = MAX(ns, workers[i].to[r] - workers[i].from[r]);
    }
    return last - first < ns * 0.8 ? 0 : ns / TIMES;
}

static double timed(unsigned n)
{
    pthread_t t[THREADS];
    double best = 0;

    nr = n;
    atomic_store(&arrived, 0);
    for (unsigned i = 0; i < n; i++)
        must(!pthread_create(&t[i], NULL, work, &workers[i]));
    for (unsigned i = 0; i < n; i++)
        pthread_join(t[i], NULL);
    for (unsigned r = 0; r < ROUNDS; r++) {
        double ns = in_round(r);

        if (ns > 0 && (best == 0 || ns < best))
            best = ns;
    }
    return best;
}

static void measure(const char *name, void (*deed)(struct worker *))
{
    double one, both;

    the_deed = deed;
    one = timed(1);
    both = timed(2);
    printf("%-28s %7.1f ns alone, %7.1f beside another: %.2f\n", name, one,
           both, both / one);
    printf(
        "@{\"bench\":\"threads\",\"name\":\"%s\",\"one\":%.1f,\"two\":%.1f}\n",
        name, one, both);
}

int main(void)
{
    host_cpus = &two;
    boot();
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].cpu = i;
        tenant_make(&mm, &workers[i].t, (domid_t)(i + 1));
    }
    measure("two flips of an entry", flip);
    measure("a block got and put", block);
    measure("16 frames got and put", frames);
    return 0;
}
