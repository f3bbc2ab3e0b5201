/* SPDX-License-Identifier: MIT */
/* guest.c: see guest.h. */
#include "guest.h"

#include <stdlib.h>
#include <string.h>

#define HV_BLOCKS 256u /* a frame of the hypervisor's more for each 512 MiB */
#define ALL_GONE  UINT32_MAX
#define STORM_RUN 8u
_Static_assert(GUEST_CHUNKS == 32, "a bit for each chunk in 32");

void sink_emit(const struct sink *s, struct trace_op op)
{
    op.hours = s->hours;
    s->emit(s->ctx, &op);
}

static void emit(const struct guest *g, const struct sink *s,
                 enum trace_kind kind, unsigned order, uint64_t page,
                 uint64_t n)
{
    if (n > 0)
        sink_emit(s, (struct trace_op){.kind = kind,
                                       .order = order,
                                       .owner = g->owner,
                                       .tag = page,
                                       .n = n});
}

/* --- what is busy --------------------------------------------------------- */

static uint8_t *busy_at(const struct guest *g, uint64_t page)
{
    return &g->busy[page / GUEST_CHUNK];
}

static bool block_busy(const struct guest *g, uint64_t block)
{
    static const uint8_t none[GUEST_CHUNKS];

    return memcmp(&g->busy[block * GUEST_CHUNKS], none, sizeof(none)) != 0;
}

static bool is_gone(const struct guest *g, uint64_t page)
{
    return g->gone[page / BLOCK_FRAMES] >> (page % BLOCK_FRAMES / GUEST_CHUNK) &
           1;
}

static void hold(struct guest *g, struct held_pages *r, uint64_t page,
                 double until)
{
    if (r->nr == r->room) {
        r->room = r->room * 2 + 16;
        r->held = realloc(r->held, r->room * sizeof(*r->held));
    }
    r->held[r->nr++] = (struct held){page, until};
    (*busy_at(g, page))++;
}

/* A page that is there, and has neither a page table nor a pin in its chunk. */
static bool free_page(const struct guest *g, struct dice *d, unsigned align,
                      uint64_t *page)
{
    *page = dice_upto(d, g->nr * BLOCK_FRAMES / align) * align;
    return !is_gone(g, *page) && *busy_at(g, *page) == 0;
}

/* --- begin and end -------------------------------------------------------- */

/*
 * 0.2 % of the pages are page tables. A kernel that groups what it cannot move
 * has them together, or else some in each block.
 */
static void page_tables(struct guest *g, enum trace_kind kind,
                        const struct sink *s)
{
    uint64_t n = (g->nr * BLOCK_FRAMES * 2 + 999) / 1000;

    if (!g->scatter) {
        emit(g, s, kind, 0, 0, n);
        for (uint64_t p = 0; p < n; p += GUEST_CHUNK)
            *busy_at(g, p) = 1;
        return;
    }
    for (uint64_t b = 0; b < g->nr; b++) {
        emit(g, s, kind, 0, b * BLOCK_FRAMES, 1);
        *busy_at(g, b * BLOCK_FRAMES) = 1;
    }
}

void guest_begin(struct guest *g, const struct guest_kind *k,
                 const struct sink *s)
{
    uint64_t regions = k->regions ? k->blocks / REGION_BLOCKS : 0;
    uint64_t rest = k->blocks - regions * REGION_BLOCKS;

    g->nr = k->blocks;
    g->small = k->small;
    g->scatter = k->scatter;
    g->frames = g->nr * BLOCK_FRAMES;
    g->gone = calloc(g->nr, sizeof(*g->gone));
    g->busy = calloc(g->nr, GUEST_CHUNKS);
    emit(g, s, TRACE_BEGIN, 0, 0, g->nr);
    emit(g, s, TRACE_HV, 0, 0, k->hv + (k->hv_by_size ? g->nr / HV_BLOCKS : 0));
    emit(g, s, TRACE_GET, 18, 0, regions);
    emit(g, s, TRACE_GET, 9, regions << 18, rest);
    if (k->small)
        emit(g, s, TRACE_SMALL, 0, 0, g->nr);
    page_tables(g, TRACE_TYPE, s);
}

static void drop_runs(struct guest *g, struct held_pages *r,
                      enum trace_kind kind, unsigned n, const struct sink *s)
{
    for (uint64_t i = 0; i < r->nr; i++) {
        emit(g, s, kind, 0, r->held[i].page, n);
        (*busy_at(g, r->held[i].page))--;
    }
    r->nr = 0;
}

void guest_end(struct guest *g, const struct sink *s)
{
    drop_runs(g, &g->storm, TRACE_UNTYPE, STORM_RUN, s);
    drop_runs(g, &g->pins, TRACE_UNPIN, 1, s);
    page_tables(g, TRACE_UNTYPE, s);
    sink_emit(s, (struct trace_op){.kind = TRACE_END, .owner = g->owner});
    free(g->gone);
    free(g->busy);
    free(g->storm.held);
    free(g->pins.held);
}

/* --- ballooning ----------------------------------------------------------- */

static void out_blocks(struct guest *g, uint64_t n, struct dice *d,
                       const struct sink *s)
{
    for (uint64_t tries = 0; n && tries < 4 * g->nr + 16; tries++) {
        uint64_t b = dice_upto(d, g->nr);

        if (g->gone[b] || block_busy(g, b))
            continue;
        g->gone[b] = ALL_GONE;
        g->frames -= BLOCK_FRAMES;
        emit(g, s, TRACE_PUT, 9, b * BLOCK_FRAMES, 1);
        n--;
    }
}

static void out_chunks(struct guest *g, uint64_t frames, struct dice *d,
                       const struct sink *s)
{
    uint64_t goal = g->frames > frames ? g->frames - frames : 0, page;

    for (uint64_t tries = 0; g->frames > goal && tries < frames; tries++) {
        if (!free_page(g, d, GUEST_CHUNK, &page))
            continue;
        g->gone[page / BLOCK_FRAMES] |= 1u
                                        << (page % BLOCK_FRAMES / GUEST_CHUNK);
        g->frames -= GUEST_CHUNK;
        emit(g, s, TRACE_PUT, 4, page, 1);
    }
}

static bool region_is(const struct guest *g, uint64_t r, uint32_t gone)
{
    for (uint64_t b = r * REGION_BLOCKS; b < (r + 1) * REGION_BLOCKS; b++)
        if (g->gone[b] != gone || (!gone && block_busy(g, b)))
            return false;
    return true;
}

static void set_region(struct guest *g, uint64_t r, uint32_t gone)
{
    for (uint64_t b = r * REGION_BLOCKS; b < (r + 1) * REGION_BLOCKS; b++)
        g->gone[b] = gone;
}

static void out_regions(struct guest *g, uint64_t n, struct dice *d,
                        const struct sink *s)
{
    uint64_t all = g->nr / REGION_BLOCKS;

    for (uint64_t tries = 0; n && tries < 2 * all + 4; tries++) {
        uint64_t r = dice_upto(d, all);

        if (!region_is(g, r, 0))
            continue;
        set_region(g, r, ALL_GONE);
        g->frames -= REGION_BLOCKS * BLOCK_FRAMES;
        emit(g, s, TRACE_PUT, 18, r << 18, 1);
        n--;
    }
}

static void in_regions(struct guest *g, const struct sink *s)
{
    for (uint64_t r = 0; r < g->nr / REGION_BLOCKS; r++) {
        if (!region_is(g, r, ALL_GONE))
            continue;
        set_region(g, r, 0);
        g->frames += REGION_BLOCKS * BLOCK_FRAMES;
        emit(g, s, TRACE_BACK, 18, r << 18, 1);
    }
}

/* Neighbours that are gone come back by one operation. */
static void in_blocks(struct guest *g, const struct sink *s)
{
    for (uint64_t b = 0, n; b < g->nr; b += n + 1) {
        for (n = 0; b + n < g->nr && g->gone[b + n] == ALL_GONE; n++)
            g->gone[b + n] = 0;
        g->frames += n * BLOCK_FRAMES;
        emit(g, s, TRACE_BACK, 9, b * BLOCK_FRAMES, n);
    }
}

static void in_chunks(struct guest *g, const struct sink *s)
{
    for (uint64_t b = 0; b < g->nr; b++) {
        for (unsigned c = 0; g->gone[b]; c++) {
            if (!(g->gone[b] >> c & 1))
                continue;
            g->gone[b] &= ~(1u << c);
            g->frames += GUEST_CHUNK;
            emit(g, s, TRACE_BACK, 4, b * BLOCK_FRAMES + c * GUEST_CHUNK, 1);
        }
    }
}

static void go_out(struct guest *g, enum balloon how, struct dice *d,
                   const struct sink *s)
{
    uint64_t frames = g->nr * BLOCK_FRAMES * (5 + dice_upto(d, 26)) / 100;

    if (g->small)
        out_chunks(g, frames, d, s);
    else if (how == BALLOON_REGIONS && g->nr >= 4 * REGION_BLOCKS)
        out_regions(g, frames >> 18, d, s);
    else
        out_blocks(g, frames / (how == BALLOON_MIXED ? 2 : 1) / BLOCK_FRAMES, d,
                   s);
    if (!g->small && how == BALLOON_MIXED)
        out_chunks(g, frames / 2, d, s);
}

/*
 * Out, or back to the size it had, if there is room for `most` frames: else it
 * goes further out the next time, or waits until there is.
 */
void guest_balloon(struct guest *g, enum balloon how, uint64_t most, bool stay,
                   struct dice *d, const struct sink *s)
{
    if (how == BALLOON_NONE)
        return;
    if (!g->out) {
        go_out(g, how, d, s);
    } else if (g->nr * BLOCK_FRAMES - g->frames <= most) {
        if (how == BALLOON_REGIONS && !g->small)
            in_regions(g, s);
        if (!g->small)
            in_blocks(g, s);
        in_chunks(g, s);
    } else if (stay) {
        return;
    }
    g->out = !g->out;
}

/* --- page tables and pins ------------------------------------------------- */

void guest_storm(struct guest *g, struct dice *d, const struct sink *s)
{
    uint64_t n = g->nr * BLOCK_FRAMES * 18 / 1000 / STORM_RUN, page;

    if (g->storm.nr) {
        drop_runs(g, &g->storm, TRACE_UNTYPE, STORM_RUN, s);
        return;
    }
    for (; n > 0; n--) {
        if (!free_page(g, d, STORM_RUN, &page))
            continue;
        hold(g, &g->storm, page, 0);
        emit(g, s, TRACE_TYPE, 0, page, STORM_RUN);
    }
}

void guest_pin(struct guest *g, struct dice *d, const struct sink *s)
{
    uint64_t want = g->nr * BLOCK_FRAMES / 1000, kept = 0, page;

    for (uint64_t i = 0; i < g->pins.nr; i++) {
        struct held r = g->pins.held[i];

        if (r.until > s->hours) {
            g->pins.held[kept++] = r;
            continue;
        }
        emit(g, s, TRACE_UNPIN, 0, r.page, 1);
        (*busy_at(g, r.page))--;
    }
    g->pins.nr = kept;
    for (; kept < want; kept++) {
        if (!free_page(g, d, 1, &page))
            continue;
        hold(g, &g->pins, page, s->hours + dice_exp(d, 1));
        emit(g, s, TRACE_PIN, 0, page, 1);
    }
}

void guest_shatter(struct guest *g, struct dice *d, const struct sink *s)
{
    for (uint64_t b = 0; b < g->nr; b++)
        if (!block_busy(g, b))
            emit(g, s, TRACE_PUT, 0,
                 b * BLOCK_FRAMES + dice_upto(d, BLOCK_FRAMES), 1);
}
