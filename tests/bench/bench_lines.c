/* SPDX-License-Identifier: MIT */
/*
 * bench_lines.c: what CPUs that share nothing but the machine have to do with
 * each other, counted for 1 to 64 of them, on whatever host: cache lines that
 * go from one to another, compare-and-exchange that fail, and accesses to
 * memory, those of who waits for a lock included, for each operation. mm/
 * itself, by lines.h.
 *
 * Prints @{"lines":OPERATION,"cpus","ops","steps_per_op","transfers_per_op",
 * "failed_per_op"} for 1 and 8 CPUs, or with `all` for 1 to 64: two updates of
 * an entry (flip), 16 frames got and put, in blocks whose neighbours are one's
 * own (frames) or other domains' (frames_beside: the words of four blocks are
 * in a line), a block got and put, and any of HELD put and one got. Fails if
 * one of the first two takes a line that another CPU has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/bench/lines.h"
#include "tests/bench/tenant.h"

#define TIMES  200u
#define BLOCKS 8192u
#define HELD   48u /* more than a cache of blocks has */

struct worker {
    struct tenant t;
    blk_t held[HELD];
    uint64_t dice;
} aligned_to(64);

static struct mm *mm;
static struct worker *workers;

static struct mm_owed *owed(void)
{
    return &workers[lines_cpu()].t.owed;
}

static const struct host_cpus cpus = {
    .cpu = lines_cpu, .owed = owed, .discharge = tenant_discharge};

/* --- what is counted ------------------------------------------------------ */

static void flip(unsigned cpu)
{
    tenant_flip(&workers[cpu].t);
}

static void frames(unsigned cpu)
{
    tenant_frames(&workers[cpu].t);
}

static blk_t get(unsigned cpu)
{
    blk_t b;

    must(
        !alloc_block_get_on(mm, cpu, cpu + 1, ALLOC_WHOLE, ALLOC_ANYTHING, &b));
    return b;
}

/* What came last goes out again: its CPU's cache, until that is empty. */
static void block(unsigned cpu)
{
    alloc_block_put_on(mm, cpu, get(cpu), ALLOC_ANYTHING);
}

/* Of those it has, any goes back, and another comes. */
static void any_block(unsigned cpu)
{
    struct worker *w = &workers[cpu];
    blk_t *b;

    w->dice = w->dice * UINT64_C(6364136223846793005) + 1442695040888963407;
    b = &w->held[(w->dice >> 33) % HELD];
    alloc_block_put_on(mm, cpu, *b, ALLOC_ANYTHING);
    *b = get(cpu);
}

/* --- a machine ------------------------------------------------------------ */

static void *zeroed(size_t size)
{
    size = (size + 63) & ~UINT64_C(63);
    return memset(aligned_alloc(64, size), 0, size);
}

static void boot(void)
{
    static uint8_t *direct; /* what is in it nobody looks at */
    const uint64_t all = UINT64_C(1) * BLOCKS * BLOCK_FRAMES;

    if (!direct)
        direct = mmap(NULL, all * PAGE_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(direct != MAP_FAILED);
    mm = zeroed(sizeof(*mm));
    mm->direct = direct;
    mm->m2p = calloc(all, sizeof(*mm->m2p));
    alloc_init(mm, zeroed(alloc_metadata_size(all)), all, 2);
    alloc_add(mm, mfn_of(1), all - 1);
}

static void furnish(struct worker *w, unsigned i)
{
    tenant_make(mm, &w->t, (domid_t)(i + 1));
    w->dice = i;
    for (unsigned k = 0; k < HELD; k++)
        w->held[k] = get(i);
}

/* Each domain on a CPU of its own, or all are made on the first. */
static double count(const char *name, unsigned n, void (*work)(unsigned cpu),
                    bool apart)
{
    struct lines_counts c;
    const double ops = (double)TIMES * n;

    boot();
    workers = zeroed(n * sizeof(*workers));
    for (unsigned i = 0; i < n; i++) {
        lines_as(apart ? i : 0);
        furnish(&workers[i], i);
    }
    c = lines_run(n, TIMES, work);
    free(mm->m2p);
    printf("@{\"lines\":\"%s\",\"cpus\":%u,\"ops\":%.0f,\"steps_per_op\":%.2f,"
           "\"transfers_per_op\":%.3f,\"failed_per_op\":%.4f}\n",
           name, n, ops, (double)c.steps / ops, (double)c.transfers / ops,
           (double)c.failed / ops);
    return (double)c.transfers / ops;
}

int main(int argc, char **argv)
{
    const bool all = argc > 1 && strcmp(argv[1], "all") == 0;
    double own = 0;

    host_cpus = &cpus;
    for (unsigned n = 1; n <= (all ? LINES_CPUS : 8); n *= all ? 2 : 8) {
        own += count("flip", n, flip, true);
        own += count("frames", n, frames, true);
        (void)count("frames_beside", n, frames, false);
        (void)count("block", n, block, true);
        (void)count("any_block", n, any_block, true);
    }
    if (own > 0)
        printf("failed: lines of others for what is one's own\n");
    return own > 0;
}
