/* SPDX-License-Identifier: MIT */
/*
 * workload.c: see workload.h. Deaths and ticks come in the order of time, a
 * machine that leaves makes room at once for those that wait, and what is
 * between two events is idle time.
 */
#include "workload.h"

#include <stdlib.h>

static uint64_t serverless_blocks(struct dice *d)
{
    return 32 + dice_upto(d, 225); /* 64 to 512 MiB */
}

static double minute(struct dice *d)
{
    return dice_exp(d, 1. / 60);
}

#define AZURE .blocks = azure_blocks_eighth, .hours = azure_hours, .tick = .5
#define USUAL .kind = {.hv = 64, .hv_by_size = true}

const struct workload workloads[WORKLOADS + 1] = {
    [1] = {"W1", "guests that balloon in 2 MiB", 64, 3000, 5000, 0, "85",
           "85,90,95", BALLOON_LARGE, USUAL, AZURE, .weight = .12},
    [2] = {"W2", "of them some with 4 KiB pages only", 64, 1500, 5000, 10,
           "85,95", "85,90,95", BALLOON_LARGE, USUAL, AZURE, .weight = 2},
    [3] = {"W3", "half of all ballooning in 64 KiB at random", 64, 400, 2000,
           10, "85", "85,90,95", BALLOON_MIXED, USUAL, AZURE, .weight = 3},
    [4] = {"W4", "storms of page tables", 64, 1000, 2000, 10, "90", "85,90,95",
           BALLOON_LARGE, USUAL, AZURE, .storm = true, .weight = 1.4},
    [5] = {"W5", "0.1 % of the pages pinned", 64, 1000, 2000, 10, "90",
           "85,90,95", BALLOON_LARGE, USUAL, AZURE, .pins = true,
           .weight = 1.8},
    [6] = {"W6", "small machines for a minute", 64, 50000, 1000000, 0, "95",
           "85,95", BALLOON_NONE, .kind = {.hv = 32},
           .blocks = serverless_blocks, .hours = minute, .tick = 1. / 12,
           .weight = .04},
    [7] = {"W7", "12 TiB, and machines up to 4 TiB", 12288, 4000, 100000, 3,
           "85,99", "85,95,99", BALLOON_REGIONS,
           .kind = {.hv = 64, .hv_by_size = true, .regions = true},
           .blocks = azure_blocks_big, .hours = azure_hours, .tick = .25,
           .weight = 1.3},
    [8] = {"W8", "an adversary keeps 511 of each 512 frames", 64, 1, 1, 100,
           "99", "99", BALLOON_NONE, USUAL, AZURE, .weight = 600},
};

#define MOST_GUESTS 8192u

struct world {
    const struct workload_config *c;
    const struct workload *w;
    struct sink *sink;
    struct dice dice;
    struct guest guest[MOST_GUESTS];
    unsigned nr;
    uint64_t begun, frames; /* that guests have */
    double next_tick, next_compact;
};

static uint64_t limit(const struct world *w)
{
    return w->c->blocks * BLOCK_FRAMES / 100 * w->c->fill;
}

static void arrive(struct world *w)
{
    while (w->nr < MOST_GUESTS && w->begun < w->c->vms) {
        struct guest *g = &w->guest[w->nr];
        struct guest_kind k = w->w->kind;
        double hours;

        k.blocks = w->w->blocks(&w->dice);
        k.small = dice_upto(&w->dice, 100) < w->c->odd;
        k.scatter = w->c->scatter;
        hours = w->w->hours(&w->dice);
        if (w->frames + k.blocks * BLOCK_FRAMES > limit(w))
            return;
        *g = (struct guest){.owner = (uint32_t)++w->begun,
                            .death = w->sink->hours + hours};
        guest_begin(g, &k, w->sink);
        w->frames += g->frames;
        w->nr++;
    }
}

static void depart(struct world *w, unsigned i)
{
    w->frames -= w->guest[i].frames;
    guest_end(&w->guest[i], w->sink);
    w->guest[i] = w->guest[--w->nr];
}

static void balloon(struct world *w)
{
    for (unsigned n = (w->nr + 9) / 10; n > 0 && w->nr > 0; n--) {
        struct guest *g = &w->guest[dice_upto(&w->dice, w->nr)];

        w->frames -= g->frames;
        guest_balloon(g, w->w->balloon,
                      limit(w) - MIN(limit(w), w->frames + g->frames),
                      w->c->stay, &w->dice, w->sink);
        w->frames += g->frames;
    }
}

static void storm_and_pins(struct world *w)
{
    for (unsigned n = (w->nr + 9) / 10; w->w->storm && n > 0; n--)
        guest_storm(&w->guest[dice_upto(&w->dice, w->nr)], &w->dice, w->sink);
    for (unsigned i = 0; w->w->pins && i < w->nr; i++)
        guest_pin(&w->guest[i], &w->dice, w->sink);
}

static void sample(const struct world *w, bool counts)
{
    sink_emit(w->sink, (struct trace_op){.kind = TRACE_SAMPLE, .tag = counts});
}

static void compact(const struct world *w)
{
    sink_emit(w->sink, (struct trace_op){.kind = TRACE_COMPACT});
}

static void tick(struct world *w)
{
    w->next_tick += w->w->tick;
    if (w->nr > 0) {
        balloon(w);
        storm_and_pins(w);
    }
    if (w->next_compact <= w->sink->hours) {
        w->next_compact += w->c->compact;
        compact(w);
    }
    sample(w, w->begun > w->c->vms / 2);
}

/* NULL: nobody is there. */
static struct guest *next_to_go(struct world *w)
{
    struct guest *first = NULL;

    for (unsigned i = 0; i < w->nr; i++)
        if (!first || w->guest[i].death < first->death)
            first = &w->guest[i];
    return first;
}

/* From now to then nothing happens. */
static void wait_until(struct world *w, double hours)
{
    double gib = (hours - w->sink->hours) * 3600 * w->c->scrub;
    uint64_t n = (uint64_t)(MIN(gib, 16384.) * 512);

    w->sink->hours = hours;
    if (n > 0)
        sink_emit(w->sink, (struct trace_op){.kind = TRACE_IDLE, .n = n});
}

static void step(struct world *w)
{
    struct guest *g = next_to_go(w);

    if (g && g->death <= w->next_tick) {
        wait_until(w, g->death);
        depart(w, (unsigned)(g - w->guest));
    } else {
        wait_until(w, w->next_tick);
        tick(w);
    }
    arrive(w);
}

/* --- W8 ------------------------------------------------------------------- */

static struct guest *add(struct world *w, uint64_t blocks, bool small)
{
    struct guest *g = &w->guest[w->nr++];
    struct guest_kind k = {.blocks = blocks, .small = small, .hv = 1};

    *g = (struct guest){.owner = (uint32_t)++w->begun};
    guest_begin(g, &k, w->sink);
    return g;
}

/* Many of one size, until they fill the machine, and some that are refused. */
static void grab(struct world *w, uint64_t blocks, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        (void)add(w, blocks, true); /* if it is refused, that is its business */
}

/*
 * One has a claim for a twentieth and has not used it. Others, with small pages
 * only, take the rest and give back one frame of each block. Then the first
 * takes what it was promised, and somebody asks for a block; the others put
 * their frames together, and once more.
 */
static void adversary(struct world *w)
{
    const uint64_t blocks = w->c->blocks, promised = blocks / 20;
    struct trace_op first = {.owner = (uint32_t)++w->begun};

    first.kind = TRACE_BEGIN;
    first.n = promised;
    sink_emit(w->sink, first);
    sample(w, false);
    grab(w, blocks / 200, 200); /* all there is, and more */
    grab(w, 64, 4);
    grab(w, 1, 64);
    for (unsigned i = 0; i < w->nr; i++)
        guest_shatter(&w->guest[i], &w->dice, w->sink);
    sample(w, true);
    first.kind = TRACE_GET;
    first.order = 9;
    sink_emit(w->sink, first);
    (void)add(w, blocks / 1000, false); /* refused, or in pieces */
    sample(w, true);
    compact(w);
    sample(w, true);
    (void)add(w, blocks / 1000, false);
    while (w->nr)
        depart(w, w->nr - 1);
    sink_emit(w->sink,
              (struct trace_op){.kind = TRACE_END, .owner = first.owner});
    sample(w, false);
}

void workload_run(const struct workload_config *c, struct sink *s)
{
    struct world *w = calloc(1, sizeof(*w));

    w->c = c;
    w->w = &workloads[c->workload];
    w->sink = s;
    w->dice = dice_of(c->seed);
    w->next_tick = w->w->tick;
    if (c->workload == 8) {
        adversary(w);
    } else {
        arrive(w);
        while (w->begun < c->vms)
            step(w);
        while (w->nr)
            depart(w, w->nr - 1);
    }
    free(w);
}
