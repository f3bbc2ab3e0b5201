/* SPDX-License-Identifier: MIT */
/* cost.c: see cost.h. */
#include "cost.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "mm/alloc/mm.h"

#define OPS       200000u
#define FRAMES    64u
#define ROUNDS    2000u
#define PAIRS     2000000u
#define OVER_FULL 995 /* of 1,000: filled so far, then emptied at random */

struct bench {
    const struct allocator_ops *ops;
    void *a;
    uint32_t *held; /* blocks */
    uint64_t nr, all;
    struct dice dice;
    double ns_per_tick, clock_ns;
};

static inline uint64_t ticks(void)
{
    uint64_t t;

    _mm_lfence();
    t = __rdtsc();
    _mm_lfence();
    return t;
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *x, const void *y)
{
    const float a = *(const float *)x, b = *(const float *)y;

    return (a > b) - (a < b);
}

/* How long a tick is, and two looks at the clock with nothing in between. */
static void calibrate(struct bench *b)
{
    static float one[1001];
    double start = seconds();
    uint64_t from = ticks();

    while (seconds() - start < .05)
        ;
    b->ns_per_tick = (seconds() - start) * 1e9 / (double)(ticks() - from);
    for (unsigned i = 0; i < ARRAY_SIZE(one); i++) {
        from = ticks();
        one[i] = (float)(ticks() - from);
    }
    qsort(one, ARRAY_SIZE(one), sizeof(*one), by_value);
    b->clock_ns = (double)one[ARRAY_SIZE(one) / 2] * b->ns_per_tick;
}

static bool get(struct bench *b)
{
    mfn_t m;

    if (!b->ops->block_get(b->a, 1, false, &m))
        return false;
    b->held[b->nr++] = (uint32_t)(m.v / BLOCK_FRAMES);
    return true;
}

/* Any of those held is the last now. */
static void choose(struct bench *b)
{
    uint64_t k = dice_upto(&b->dice, b->nr);
    uint32_t t = b->held[k];

    b->held[k] = b->held[b->nr - 1];
    b->held[b->nr - 1] = t;
}

static void put(struct bench *b)
{
    b->ops->block_put(b->a, 1,
                      mfn_of((uint64_t)b->held[--b->nr] * BLOCK_FRAMES));
}

static void fill(struct bench *b, uint64_t percent)
{
    while (b->nr < b->all * OVER_FULL / 1000 && get(b))
        ;
    while (b->nr > b->all * percent / 100) {
        choose(b);
        put(b);
    }
}

static float since(const struct bench *b, uint64_t from)
{
    double ns = (double)(ticks() - from) * b->ns_per_tick - b->clock_ns;

    return (float)(ns > 0 ? ns : 0);
}

static void print_quantiles(FILE *out, const char *name, float *ns)
{
    qsort(ns, OPS, sizeof(*ns), by_value);
    fprintf(out,
            "\"%s_p50_ns\":%.1f,\"%s_p99_ns\":%.1f,\"%s_p999_ns\":%.1f,"
            "\"%s_p9999_ns\":%.0f,"
            "\"%s_max_ns\":%.0f,",
            name, (double)ns[OPS / 2], name, (double)ns[OPS / 100 * 99], name,
            (double)ns[OPS / 1000 * 999], name, (double)ns[OPS / 10000 * 9999],
            name, (double)ns[OPS - 1]);
}

static void blocks(struct bench *b, FILE *out)
{
    static float got[OPS], gave[OPS];

    for (unsigned i = 0; i < OPS; i++) {
        uint64_t from;

        choose(b);
        from = ticks();
        put(b);
        gave[i] = since(b, from);
        from = ticks();
        if (!get(b))
            bug(__FILE__, __LINE__, "no block, though one has been put");
        got[i] = since(b, from);
    }
    print_quantiles(out, "get", got);
    print_quantiles(out, "put", gave);
}

static void frames(struct bench *b, FILE *out)
{
    double in = 0, back = 0;
    mfn_t m[FRAMES], kept;

    /* The block they come from is not to be made anew each time. */
    if (b->ops->frames_get && b->ops->frames_get(b->a, 2, &kept, 1) != 1)
        bug(__FILE__, __LINE__, "not one frame");
    for (unsigned i = 0; b->ops->frames_get && i < ROUNDS; i++) {
        uint64_t from = ticks();
        unsigned n = b->ops->frames_get(b->a, 2, m, FRAMES);

        in += (double)since(b, from);
        from = ticks();
        b->ops->frames_put(b->a, 2, m, n);
        back += (double)since(b, from);
    }
    fprintf(out, "\"frame_get_ns\":%.1f,\"frame_put_ns\":%.1f,",
            in / ROUNDS / FRAMES, back / ROUNDS / FRAMES);
}

/* --- two CPUs ------------------------------------------------------------- */

struct worker {
    struct bench *b;
    unsigned owner;
    double ops_per_second;
};

static _Atomic unsigned ready, wanted;

/* What others on this host take is not in it. */
static double of_this_thread(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    double start;
    mfn_t m;

    atomic_fetch_add(&ready, 1);
    while (atomic_load(&ready) < atomic_load(&wanted))
        _mm_pause();
    start = of_this_thread();
    for (unsigned i = 0; i < PAIRS; i++) {
        if (!w->b->ops->block_get(w->b->a, w->owner, false, &m))
            bug(__FILE__, __LINE__, "no block for one of two CPUs");
        w->b->ops->block_put(w->b->a, w->owner, m);
    }
    w->ops_per_second = PAIRS / (of_this_thread() - start);
    return NULL;
}

static double rate(struct bench *b, unsigned cpus)
{
    struct worker w[2] = {{b, 1, 0}, {b, 2, 0}};
    pthread_t t;

    atomic_store(&ready, 0);
    atomic_store(&wanted, cpus);
    if (cpus == 2 && pthread_create(&t, NULL, work, &w[1]))
        return 0;
    work(&w[0]);
    if (cpus == 2)
        pthread_join(t, NULL);
    return w[0].ops_per_second + w[1].ops_per_second;
}

static double two_cpus(struct bench *b)
{
    double alone;

    if (b->ops != &flagstone_core_ops)
        return 0;
    alone = rate(b, 1);
    return rate(b, 2) / (2 * alone);
}

int cost_run(FILE *out, void *arg)
{
    const struct cost *c = arg;
    struct allocator_config config = {
        .blocks = c->gib * 512, .cpus = 2, .goal = 95};
    struct bench b = {.ops = c->ops, .all = config.blocks, .dice = dice_of(1)};

    b.a = c->ops->make(&config);
    b.held = sim_map(config.blocks * sizeof(*b.held));
    if (!c->ops->begin(b.a, 1, config.blocks - 1024) ||
        !c->ops->begin(b.a, 2, 512))
        return 1;
    calibrate(&b);
    fill(&b, c->fill);
    blocks(&b, out);
    frames(&b, out);
    fprintf(out, "\"two_cpus\":%.3f", two_cpus(&b));
    return 0;
}

/* --- for people ----------------------------------------------------------- */

void cost_head(void)
{
    printf("\ncost: ns of a block of 2 MiB, one put and one got at random\n"
           "%-10s %6s %4s %6s %6s %7s %6s %6s %7s %5s %5s %5s\n",
           "", "GiB", "fill", "get50", "99", "99.99", "put50", "99", "99.99",
           "4Kget", "4Kput", "S(2)");
}

void cost_row(const struct cost *c, const char *line)
{
    printf("%-10s %6lu %4lu %6.1f %6.1f %7.0f %6.1f %6.1f %7.0f %5.1f %5.1f "
           "%5.2f\n",
           c->ops->name, c->gib, c->fill, job_number(line, "get_p50_ns"),
           job_number(line, "get_p99_ns"), job_number(line, "get_p9999_ns"),
           job_number(line, "put_p50_ns"), job_number(line, "put_p99_ns"),
           job_number(line, "put_p9999_ns"), job_number(line, "frame_get_ns"),
           job_number(line, "frame_put_ns"), job_number(line, "two_cpus"));
}

/* A cut block of the hypervisor's has 255 tables, and a pair to describe it. */
void cost_metadata(void)
{
    const uint64_t tib12 = UINT64_C(12) << 28; /* frames */
    const double word = (double)alloc_metadata_size(tib12) / (12 * 1024);
    const double table = 512. * BLOCK_SIZE / 255;
    const double phi[] = {0, .01, .1, 1};

    printf("\nmetadata, bytes per GiB, over the blocks used at 4 KiB grain\n"
           "%-10s %12s %12s %12s %12s\n",
           "", "none", "1 %", "10 %", "all");
    printf("%-10s", "flagstone");
    for (unsigned i = 0; i < ARRAY_SIZE(phi); i++)
        printf(" %12.0f", word + phi[i] * table);
    printf("\n%-10s %12.0f: 32 and 8 bytes for each frame, always\n", "Xen",
           512. * BLOCK_FRAMES * 40);
    printf("%-10s %12.0f: 64 bytes for each frame, always\n", "Linux",
           512. * BLOCK_FRAMES * 64);
    printf("@{\"sim\":\"metadata\",\"allocator\":\"flagstone\"");
    for (unsigned i = 0; i < ARRAY_SIZE(phi); i++)
        printf(",\"phi%.0f_bytes_per_gib\":%.0f", 100 * phi[i],
               word + phi[i] * table);
    printf("}\n");
}
