/* SPDX-License-Identifier: MIT */
/*
 * churn.c: what has to hold of the simulator and of mm/ in it, as a test of
 * some seconds: W1 to W3 with the real allocator, a seed each, their verdicts;
 * no claim broken by an adversary; two runs of one trace, and its replay from
 * a file, come to the same; and the models keep their frames.
 */
#include <stdlib.h>
#include <string.h>

#include "run.h"

static unsigned failures;

static void expect(bool good, const char *what, const char *who)
{
    if (good)
        return;
    printf("failed: %s: %s\n", who, what);
    failures++;
}

static struct run run_of(unsigned workload, const struct allocator_ops *ops,
                         uint64_t vms, uint64_t fill)
{
    const struct workload *w = &workloads[workload];

    return (struct run){.ops = ops,
                        .w = {.workload = workload,
                              .seed = 1,
                              .fill = fill,
                              .vms = vms,
                              .blocks = w->gib * 512,
                              .odd = w->odd,
                              .scrub = 1,
                              .compact = 4},
                        .machine = {.blocks = w->gib * 512,
                                    .reserve = w->gib * 512 / 64,
                                    .cpus = 1,
                                    .goal = 95}};
}

static struct outcome did(struct run r)
{
    struct outcome o;

    run_do(&r, &o);
    expect(!o.wrong, o.wrong, r.ops->name);
    return o;
}

/* --- the verdicts of old -------------------------------------------------- */

/* Of the free blocks, in whole GiB: a matter of which region a block is from.
 */
static void verdict(unsigned workload, double least_star, double least_regions)
{
    struct outcome o =
        did(run_of(workload, &flagstone_ops, workload == 3 ? 500 : 2000, 85));
    double star = sums_mean(&o.sums).ha_star;
    double regions = sums_mean(&o.sums).region_part;
    const char *name = workloads[workload].name;

    printf("%s: HA* %.4f R* %.4f FB %.5f GV %lu (%.1f s)\n", name, star,
           regions, outcome_fb(&o), o.count.violations, o.seconds);
    expect(star >= least_star, "HA* is less than it ever was", name);
    expect(regions >= least_regions, "fewer regions are whole than ever", name);
    expect(o.count.violations == 0, "a claim was broken", name);
    expect(o.count.table_refused == 0 && o.count.hv_refused == 0,
           "small frames were refused", name);
    expect(workload == 3 || o.count.refused == 0, "blocks were refused", name);
}

static void an_adversary_breaks_no_claim(void)
{
    struct run r = run_of(8, &flagstone_ops, 1, 99);
    struct outcome o;

    r.w.blocks = r.machine.blocks = 16 * 512;
    r.machine.reserve = r.machine.blocks / 64;
    o = did(r);
    expect(o.count.violations == 0, "a claim was broken", "W8");
    expect(o.count.turned_away > 0, "nobody was refused: no test", "W8");
}

/* In W6 blocks come back faster than they are zeroed: no allocator has more
 * time for that than another, and mm/ gives out nothing that it need not wait
 * for. */
static void nobody_waits_less_than_must(const struct allocator_ops *ops,
                                        bool and_no_more)
{
    struct run r = run_of(6, ops, 6000, 95);
    struct outcome o = did(r);
    uint64_t waits = o.last.sync_scrubs, least = o.count_then.ideal_waits;

    printf("W6: %s: %lu of %lu blocks waited for, %lu at least\n", ops->name,
           waits, o.count_then.gets, least);
    expect(least > 0, "nobody had to wait: no test", ops->name);
    expect(waits >= least, "zeroed in no time", ops->name);
    expect(!and_no_more || waits <= least + o.count_then.gets / 200,
           "waited for what was zeroed", ops->name);
}

/* --- the simulator itself ------------------------------------------------- */

static void text_of(const struct outcome *o, char *buf, size_t size)
{
    FILE *f = fmemopen(buf, size, "w");

    outcome_print(f, o);
    fclose(f);
}

static void the_same_again_and_replayed(const struct allocator_ops *ops)
{
    struct run r = run_of(2, ops, 250, 85), again = r, replay = r;
    struct outcome a, b, c;
    char first[4096], second[4096], third[4096];

    r.record = tmpfile();
    a = did(r);
    b = did(again);
    rewind(r.record);
    replay.replay = r.record;
    replay.machine = (struct allocator_config){0};
    expect(trace_open(replay.replay, &replay.machine), "no trace", ops->name);
    c = did(replay);
    fclose(r.record);
    text_of(&a, first, sizeof(first));
    text_of(&b, second, sizeof(second));
    text_of(&c, third, sizeof(third));
    expect(strcmp(first, second) == 0, "two runs differ", ops->name);
    expect(strcmp(first, third) == 0, "its replay differs", ops->name);
    expect(a.ops > 1000, "a trace of nothing", ops->name);
}

/* --- the models ----------------------------------------------------------- */

#define TEST_BLOCKS 2048u
#define TEST_HELD   4096u

struct grip {
    mfn_t m;
    bool block;
};

static uint64_t free_frames(const struct allocator_ops *ops, void *a)
{
    struct allocator_stats s;

    ops->stats(a, &s);
    return s.free_frames;
}

/* One more, if there is: in no frame that somebody has. */
static bool get_one(const struct allocator_ops *ops, void *a, uint8_t *taken,
                    struct grip *h)
{
    uint64_t n = h->block ? BLOCK_FRAMES : 1;

    if (h->block ? !ops->block_get(a, 1, false, &h->m)
                 : ops->frames_get(a, 1, &h->m, 1) == 0)
        return false;
    expect(h->m.v % n == 0, "not aligned", ops->name);
    for (uint64_t k = 0; k < n; k++) {
        expect(!taken[h->m.v + k], "given out twice", ops->name);
        taken[h->m.v + k] = 1;
    }
    return true;
}

static void put_one(const struct allocator_ops *ops, void *a, uint8_t *taken,
                    struct grip h)
{
    memset(&taken[h.m.v], 0, h.block ? BLOCK_FRAMES : 1);
    if (h.block)
        ops->block_put(a, 1, h.m);
    else
        ops->frames_put(a, 1, &h.m, 1);
}

static void a_model_keeps_its_frames(const struct allocator_ops *ops)
{
    struct allocator_config c = {.blocks = TEST_BLOCKS, .cpus = 1};
    static uint8_t taken[TEST_BLOCKS * BLOCK_FRAMES];
    static struct grip held[TEST_HELD];
    struct dice d = dice_of(7);
    void *a = ops->make(&c);
    uint64_t all = free_frames(ops, a), used = 0;
    unsigned nr = 0;

    expect(all == TEST_BLOCKS * BLOCK_FRAMES - 1, "born too small", ops->name);
    for (unsigned step = 0; step < 60000; step++) {
        struct grip h = {.block = dice_upto(&d, 8) == 0};

        if (nr < TEST_HELD && dice_upto(&d, 5) < 3 &&
            get_one(ops, a, taken, &h)) {
            used += h.block ? BLOCK_FRAMES : 1;
            held[nr++] = h;
        } else if (nr > 0) {
            unsigned k = (unsigned)dice_upto(&d, nr);

            used -= held[k].block ? BLOCK_FRAMES : 1;
            put_one(ops, a, taken, held[k]);
            held[k] = held[--nr];
        }
        if (step % 97 == 0 && ops->idle)
            ops->idle(a, 1);
        if (step % 1000 == 0)
            expect(!ops->check(a), ops->check(a), ops->name);
        expect(free_frames(ops, a) + used == all, "frames lost", ops->name);
    }
    while (nr)
        put_one(ops, a, taken, held[--nr]);
    expect(!ops->check(a), ops->check(a), ops->name);
    {
        struct allocator_stats s;

        ops->stats(a, &s);
        expect(s.whole == TEST_BLOCKS - 1, "does not coalesce", ops->name);
    }
    ops->end(a);
}

int main(void)
{
    verdict(1, .99, .65);
    verdict(2, .85, .6);
    verdict(3, 0, .7);
    an_adversary_breaks_no_claim();
    nobody_waits_less_than_must(&flagstone_ops, true);
    nobody_waits_less_than_must(&buddy_xen_ops, false);
    for (unsigned i = 0; run_allocator_nth(i); i++)
        the_same_again_and_replayed(run_allocator_nth(i));
    a_model_keeps_its_frames(&buddy_xen_ops);
    a_model_keeps_its_frames(&buddy_linux_ops);
    printf("%s\n", failures ? "FAILED" : "all as it should be");
    return failures ? 1 : 0;
}
