/* SPDX-License-Identifier: MIT */
/* metrics.c: see metrics.h. */
#include "metrics.h"

#include <stdlib.h>
#include <string.h>

/* What is given out, the allocator's own frames included. */
struct view {
    struct machine *m;
    uint16_t *live, *fixed;
    uint64_t *map; /* NULL: not wanted */
    uint64_t used;
};

static void own(void *ctx, mfn_t at)
{
    struct view *v = ctx;
    uint64_t b = at.v / BLOCK_FRAMES;

    if (v->map) {
        if (v->live[b] == 0)
            memset(&v->map[b * 8], 0, 64);
        v->map[at.v / 64] |= BIT(at.v % 64);
    }
    v->live[b]++;
    v->fixed[b]++;
    v->used++;
}

static struct view view_of(struct machine *m)
{
    uint64_t n = m->config.blocks;
    struct view v = {.m = m, .used = m->used};

    v.live = malloc(n * sizeof(*v.live));
    v.fixed = malloc(n * sizeof(*v.fixed));
    memcpy(v.live, m->live, n * sizeof(*v.live));
    memcpy(v.fixed, m->fixed, n * sizeof(*v.fixed));
    if (m->ops->own_frames)
        m->ops->own_frames(m->a, own, &v);
    return v;
}

/* --- free chunks ---------------------------------------------------------- */

/* Maximal aligned free chunks of a block, of less than all of it. */
static unsigned chunks_in(const uint64_t *map)
{
    uint8_t at[BLOCK_FRAMES]; /* free? */
    unsigned n = 0;

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        at[i] = !(map[i / 64] >> (i % 64) & 1);
    for (unsigned size = BLOCK_FRAMES; size > 1; size /= 2)
        for (unsigned i = 0; i < size / 2; i++) {
            bool both = at[2 * i] && at[2 * i + 1];

            n += both ? 0 : (unsigned)at[2 * i] + at[2 * i + 1];
            at[i] = both;
        }
    return n + at[0];
}

/* Only where no block is whole: so a copy of the map is worth its time. */
static double fragmentation_index(struct machine *m, uint64_t f)
{
    uint64_t n = m->config.blocks, chunks = 0;
    struct view v = view_of(m);

    memcpy(v.live, m->live, n * sizeof(*v.live));
    v.map = malloc(n * 64);
    for (uint64_t b = 0; b < n; b++)
        memcpy(&v.map[b * 8], &m->map[b * 8], 64);
    if (m->ops->own_frames)
        m->ops->own_frames(m->a, own, &v);
    for (uint64_t b = 0; b < n; b++)
        if (v.live[b] > 0 && v.live[b] < BLOCK_FRAMES)
            chunks += chunks_in(&v.map[b * 8]);
    free(v.live);
    free(v.fixed);
    free(v.map);
    return chunks ? 1 - (1 + (double)f / BLOCK_FRAMES) / (double)chunks : 0;
}

/* --- compaction debt ------------------------------------------------------ */

struct cut_block {
    uint16_t used;
    bool movable;
};

static struct cut_block *sorted(const uint64_t *all, const uint64_t *movable,
                                uint64_t n)
{
    struct cut_block *c = malloc((n + 1) * sizeof(*c));
    uint64_t at = 0;

    for (unsigned u = 1; u < BLOCK_FRAMES; u++)
        for (uint64_t k = 0; k < all[u]; k++)
            c[at++] = (struct cut_block){(uint16_t)u, k < movable[u]};
    return c;
}

/* all[u], movable[u]: of n blocks, those with u frames in use. */
static uint64_t debt(const uint64_t *all, const uint64_t *movable, uint64_t n)
{
    struct cut_block *c = sorted(all, movable, n);
    uint64_t lo = 0, hi = n ? n - 1 : 0, moved = 0;

    while (lo < hi) {
        unsigned room = BLOCK_FRAMES - c[hi].used;
        unsigned k = MIN((unsigned)c[lo].used, room);

        if (c[lo].movable) {
            moved += k;
            c[lo].used = (uint16_t)(c[lo].used - k);
            c[hi].used = (uint16_t)(c[hi].used + k);
        }
        hi -= c[hi].used == BLOCK_FRAMES;
        lo += !c[lo].movable || c[lo].used == 0;
    }
    free(c);
    return moved;
}

/* --- the sample ----------------------------------------------------------- */

struct tally {
    uint64_t all[BLOCK_FRAMES + 1], movable[BLOCK_FRAMES + 1];
    uint64_t fragmented, a4;
};

static void tally(const struct view *v, struct tally *t)
{
    memset(t, 0, sizeof(*t));
    for (uint64_t b = 0; b < v->m->config.blocks; b++) {
        unsigned u = v->live[b];

        if (u == 0 || u == BLOCK_FRAMES)
            continue;
        t->fragmented++;
        t->a4 += u;
        t->all[u]++;
        t->movable[u] += v->fixed[b] == 0;
    }
}

static double part(double x, double y)
{
    return y > 0 ? x / y : 0;
}

static double star(uint64_t whole, uint64_t reserve, uint64_t f)
{
    uint64_t most = (f - reserve * BLOCK_FRAMES) / BLOCK_FRAMES;

    return most ? (double)(whole - reserve) / (double)most : 1;
}

bool sample_take(struct machine *m, struct sample *out)
{
    struct view v = view_of(m);
    struct allocator_stats s;
    struct tally t;
    uint64_t blocks = m->config.blocks, frames = blocks * BLOCK_FRAMES, f;

    m->ops->stats(m->a, &s);
    f = s.free_frames;
    tally(&v, &t);
    *out = (struct sample){
        .ha = part((double)(s.whole * BLOCK_FRAMES), (double)f),
        .ha_star = star(s.whole, s.reserve, f),
        .ha_owner = star(s.whole + s.joinable, s.reserve, f),
        .ufsi9 = 1 - part((double)(s.whole * BLOCK_FRAMES), (double)f),
        .ufsi18 = 1 - part((double)(s.regions << 18), (double)f),
        .fi9 = f == 0    ? 0
               : s.whole ? -1
                         : fragmentation_index(m, f),
        .fo =
            (double)(t.fragmented - (t.a4 + BLOCK_FRAMES - 1) / BLOCK_FRAMES) /
            (double)blocks,
        .whole = (double)s.whole,
        .regions = (double)s.regions,
        .region_part =
            s.whole < REGION_BLOCKS
                ? 1
                : (double)s.regions / (double)(s.whole / REGION_BLOCKS),
        .free_percent = 100 * (double)f / (double)frames,
        .cd = (double)debt(t.all, t.all, t.fragmented),
        .cdm = (double)debt(t.all, t.movable, t.fragmented),
        .stranded = (double)s.stranded,
        .stranded_most = (double)s.stranded_most,
        .dirty = (double)s.dirty,
        .cut = (double)s.cut_blocks,
        .tables = (double)s.frame_tables,
        .fragmented = (double)t.fragmented,
    };
    free(v.live);
    free(v.fixed);
    return v.used + f == frames;
}

void sums_add(struct sums *s, const struct sample *x)
{
    double *to = (double *)&s->sum;
    const double *from = (const double *)x;

    for (unsigned i = 0; i < SAMPLE_VALUES; i++)
        to[i] += from[i];
    if (s->n++ == 0 || x->ha_star < s->least_star)
        s->least_star = x->ha_star;
    s->most_tables = MAX(s->most_tables, x->tables);
    s->most_dirty = MAX(s->most_dirty, x->dirty);
}

struct sample sums_mean(const struct sums *s)
{
    struct sample mean = s->sum;
    double *v = (double *)&mean;

    for (unsigned i = 0; i < SAMPLE_VALUES; i++)
        v[i] = s->n ? v[i] / (double)s->n : 0;
    return mean;
}

void sample_print(FILE *f, const struct sample *x)
{
    fprintf(f,
            "\"ha\":%.4f,\"ha_star\":%.4f,\"ha_star_owner\":%.4f,"
            "\"ufsi9\":%.4f,\"ufsi18\":%.4f,\"fi9\":%.4f,\"fo\":%.5f,"
            "\"whole_blocks\":%.1f,\"whole_regions\":%.1f,"
            "\"region_part\":%.4f,\"free_percent\":%.2f,\"cd_frames\":%.0f,"
            "\"cdm_frames\":%.0f,"
            "\"stranded_frames\":%.0f,\"stranded_most_frames\":%.0f,"
            "\"dirty_blocks\":%.1f,\"cut_blocks\":%.1f,\"frame_tables\":%.1f,"
            "\"fragmented_blocks\":%.1f",
            x->ha, x->ha_star, x->ha_owner, x->ufsi9, x->ufsi18, x->fi9, x->fo,
            x->whole, x->regions, x->region_part, x->free_percent, x->cd,
            x->cdm, x->stranded, x->stranded_most, x->dirty, x->cut, x->tables,
            x->fragmented);
}
