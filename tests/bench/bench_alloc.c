/* SPDX-License-Identifier: MIT */
/*
 * bench_alloc.c: what an operation of the allocator costs, at machine sizes
 * from 8 GiB to 12 TiB, on one core; and how much metadata there is.
 *
 * Of machines larger than 64 MiB only the metadata exists; blocks are got
 * without scrubbing, as idle time has done it. Each figure is the median over
 * batches of operations; p99 is that of single operations, timer included.
 * The tests are those of the anchors (see docs/testing.md): bulk, repeat,
 * random, and refill after a random half was freed at 85 % fill.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "mm/alloc/mm.h"

#define BATCH      256
#define MAX_BATCH  65536
#define GIB_FRAMES (UINT64_C(1) << 18)

struct bench {
    struct mm mm;
    struct mm_owed owed;
    void *meta;
    size_t meta_size;
    uint64_t nr;    /* blocks of the machine */
    uint32_t *held; /* blocks in hand */
    uint64_t nr_held;
    uint64_t dice;
};

static double batch_ns[MAX_BATCH];
static unsigned nr_batches;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t roll(struct bench *b, uint64_t n)
{
    b->dice ^= b->dice >> 12;
    b->dice ^= b->dice << 25;
    b->dice ^= b->dice >> 27;
    return (b->dice * UINT64_C(2685821657736338717) >> 11) % n;
}

static void *map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
        bug(__FILE__, __LINE__, "no memory for the benchmark");
    return p;
}

static double boot(struct bench *b, uint64_t gib)
{
    uint64_t frames = gib * GIB_FRAMES, start;

    memset(b, 0, sizeof(*b));
    b->dice = 1;
    b->nr = frames / BLOCK_FRAMES;
    b->meta_size = alloc_metadata_size(frames);
    b->meta = map(b->meta_size);
    b->held = map(b->nr * sizeof(*b->held));
    b->mm.direct = map(BLOCK_SIZE); /* block 0: hypervisor frames */
    start = now_ns();
    b->mm.owed = &b->owed;
    alloc_init(&b->mm, b->meta, frames, 16);
    alloc_add(&b->mm, mfn_of(1), frames - 1);
    return (double)(now_ns() - start) / 1e3 / (double)gib;
}

static void end(struct bench *b)
{
    munmap(b->meta, b->meta_size);
    munmap(b->held, b->nr * sizeof(*b->held));
    munmap(b->mm.direct, BLOCK_SIZE);
}

static inline bool get(struct bench *b)
{
    blk_t blk;

    if (alloc_block_get(&b->mm, 1, ALLOC_WHOLE, ALLOC_ANYTHING, &blk))
        return false;
    b->held[b->nr_held++] = (uint32_t)blk.v;
    return true;
}

static inline bool put(struct bench *b)
{
    if (b->nr_held == 0)
        return false;
    alloc_block_put(&b->mm, blk_of(b->held[--b->nr_held]), ALLOC_ANYTHING);
    return true;
}

static void shuffle(struct bench *b)
{
    for (uint64_t i = b->nr_held; i > 1; i--) {
        uint64_t k = roll(b, i);
        uint32_t t = b->held[k];

        b->held[k] = b->held[i - 1];
        b->held[i - 1] = t;
    }
}

static void note(double ns)
{
    if (nr_batches < MAX_BATCH)
        batch_ns[nr_batches++] = ns;
}

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return (a > b) - (a < b);
}

static double median(void)
{
    double m;

    if (nr_batches == 0)
        return 0;
    qsort(batch_ns, nr_batches, sizeof(*batch_ns), by_value);
    m = batch_ns[nr_batches / 2];
    nr_batches = 0;
    return m;
}

/* The median batch of n operations, ns each. */
static double timed(struct bench *b, bool (*op)(struct bench *), uint64_t n)
{
    for (uint64_t done = 0; done + BATCH <= n; done += BATCH) {
        uint64_t start = now_ns();

        for (unsigned i = 0; i < BATCH; i++)
            if (!op(b))
                bug(__FILE__, __LINE__, "an operation failed");
        note((double)(now_ns() - start) / BATCH);
    }
    return median();
}

static bool both(struct bench *b)
{
    return get(b) && put(b);
}

/* 99.9th percentile of single gets and puts. */
static double tail(struct bench *b)
{
    static double one[100000];

    for (unsigned i = 0; i < ARRAY_SIZE(one); i++) {
        uint64_t start = now_ns();

        both(b);
        one[i] = (double)(now_ns() - start) / 2;
    }
    qsort(one, ARRAY_SIZE(one), sizeof(*one), by_value);
    return one[ARRAY_SIZE(one) / 1000 * 999];
}

static void whole_blocks(uint64_t gib)
{
    struct bench b;
    double init = boot(&b, gib), bg, bp, rep, rg, rp, fill, fp, refill, p999;
    uint64_t half = b.nr / 2, most = b.nr * 85 / 100;

    bg = timed(&b, get, half);
    bp = timed(&b, put, half);
    rep = timed(&b, both, 1 << 20) / 2;
    rg = timed(&b, get, half);
    shuffle(&b);
    rp = timed(&b, put, half);
    while (b.nr_held)
        put(&b);
    fill = timed(&b, get, most);
    shuffle(&b);
    fp = timed(&b, put, b.nr_held / 2);
    refill = timed(&b, get, most - b.nr_held);
    p999 = tail(&b);
    printf("2 MiB, %5lu GiB: bulk %5.1f / %5.1f  repeat %5.1f  random %5.1f / "
           "%5.1f  at 85 %%: %5.1f / %5.1f / %5.1f ns; p99.9 %.0f ns; init "
           "%.1f us/GiB\n",
           gib, bg, bp, rep, rg, rp, fill, fp, refill, p999, init);
    printf("@{\"bench\":\"alloc_block\",\"gib\":%lu,\"bulk_get\":%.1f,"
           "\"bulk_put\":%.1f,\"repeat\":%.1f,\"rand_get\":%.1f,"
           "\"rand_put\":%.1f,\"fill85_get\":%.1f,\"fill85_put\":%.1f,"
           "\"refill85_get\":%.1f,\"p999\":%.0f,\"init_us_per_gib\":%.1f,"
           "\"metadata_bytes_per_gib\":%.1f}\n",
           gib, bg, bp, rep, rg, rp, fill, fp, refill, p999, init,
           (double)b.meta_size / (double)gib);
    end(&b);
}

static mfn_t hv_held[16384];
static unsigned nr_hv_held;

static bool hv_get(struct bench *b)
{
    return alloc_hv_get(&b->mm, 0, &hv_held[nr_hv_held++]) == ERR_NONE;
}

static bool hv_put(struct bench *b)
{
    alloc_hv_put(&b->mm, hv_held[--nr_hv_held], 0);
    return true;
}

static bool hv_both(struct bench *b)
{
    return hv_get(b) && hv_put(b);
}

/*
 * Hypervisor frames that are zeroed already, as those of a block just cut
 * are, and ones that come back and have to be zeroed again: these are put so
 * that no block becomes empty and goes back.
 */
static void hypervisor_frames(void)
{
    uint64_t frames = 64 * BLOCK_FRAMES;
    double fresh, put_ns, again, repeat;
    struct bench b = {.dice = 1};

    b.meta_size = alloc_metadata_size(frames);
    b.meta = map(b.meta_size);
    b.mm.direct = map(frames * PAGE_SIZE);
    memset(b.mm.direct, 0, frames * PAGE_SIZE); /* no page faults below */
    b.mm.owed = &b.owed;
    alloc_init(&b.mm, b.meta, frames, 0);
    alloc_add(&b.mm, mfn_of(BLOCK_FRAMES), frames - BLOCK_FRAMES);
    alloc_scrub(&b.mm, 64);
    memset(hv_held, 1, sizeof(hv_held)); /* likewise */
    fresh = timed(&b, hv_get, ARRAY_SIZE(hv_held));
    for (unsigned i = 0; i < ARRAY_SIZE(hv_held); i += BLOCK_FRAMES) {
        mfn_t t = hv_held[i / BLOCK_FRAMES];

        hv_held[i / BLOCK_FRAMES] = hv_held[i];
        hv_held[i] = t;
    }
    put_ns = timed(&b, hv_put, ARRAY_SIZE(hv_held) - 256);
    again = timed(&b, hv_get, ARRAY_SIZE(hv_held) / 2);
    repeat = timed(&b, hv_both, 1 << 16);
    printf("4 KiB hypervisor frames: get zeroed %.1f ns, put %.1f ns; get "
           "used ones, zeroing included, %.1f ns; get + put the same %.1f ns\n",
           fresh, put_ns, again, repeat);
    printf("@{\"bench\":\"alloc_hv\",\"get_zeroed\":%.1f,\"put\":%.1f,"
           "\"get_used\":%.1f,\"get_put_same\":%.1f}\n",
           fresh, put_ns, again, repeat);
    munmap(b.meta, b.meta_size);
    munmap(b.mm.direct, frames * PAGE_SIZE);
}

int main(void)
{
    static const uint64_t sizes[] = {8, 64, 1024, 12 * 1024};

    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
        whole_blocks(sizes[i]);
    hypervisor_frames();
    return 0;
}
