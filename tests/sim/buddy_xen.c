/* SPDX-License-Identifier: MIT */
/*
 * buddy_xen.c: a model of Xen's heap as of 4.17 to 4.23, written from what is
 * known of it, for comparison.
 *
 * Modelled: one node; zones by the highest bit of the frame number, searched
 * from the highest down; orders 0 to 18; a split keeps the upper half; merging
 * at once, within a zone; what is freed is dirty, dirty chunks go to the end
 * of their list, and requests of more than one frame look for a clean chunk in
 * all zones and orders before they take a dirty one; scrubbing in idle time,
 * largest chunks first; claims, which promise a number of frames and no
 * contiguity; a request for 2 MiB that fails is not retried smaller here (the
 * machine does that: 512 single frames, as the domain builder).
 * Not modelled: NUMA, the per-page work and the lock of a real call, low-memory
 * reservation, offlining, colouring; a chunk is dirty as a whole, not from some
 * frame on. 32 + 8 bytes per frame are what real Xen has.
 */
#include <stdlib.h>

#include "allocator.h"
#include "buddy.h"

#define MAX_ORDER 18
#define DIRTY     1u /* tag */

struct xen {
    struct buddy b;
    uint64_t claimed; /* frames, of all owners */
    uint64_t claim[ALLOCATOR_OWNERS + 1];
    uint64_t sync_scrubs;
    uint64_t ahead; /* frames scrubbed in time that is yet to come */
};

static unsigned zone_of(uint32_t frame)
{
    return frame ? 32u - (unsigned)__builtin_clz(frame) : 0;
}

static void add(struct xen *x, struct buddy_chunk c)
{
    buddy_add(&x->b, zone_of(c.frame), c, c.tag & DIRTY);
}

static void remove_chunk(struct xen *x, struct buddy_chunk c)
{
    buddy_remove(&x->b, zone_of(c.frame), c);
}

/* Merge with the neighbour as long as that is free, of one size and zone. */
static void free_chunk(struct xen *x, struct buddy_chunk c)
{
    unsigned tag;

    while (c.order < MAX_ORDER) {
        uint32_t other = c.frame ^ (1u << c.order);

        if (other + (UINT64_C(1) << c.order) > x->b.frames ||
            zone_of(other) != zone_of(c.frame) ||
            !buddy_is_free(&x->b, other, c.order, &tag))
            break;
        remove_chunk(x, (struct buddy_chunk){other, c.order, tag});
        c.tag |= tag;
        c.frame &= ~(1u << c.order);
        c.order++;
    }
    add(x, c);
}

/* The highest zone, and there the smallest order, that has one. */
static bool find(struct xen *x, unsigned order, bool any,
                 struct buddy_chunk *out)
{
    for (uint64_t zones = x->b.lists; zones;) {
        unsigned zone = 63u - (unsigned)__builtin_clzll(zones);
        uint32_t orders = x->b.orders[zone] >> order << order;

        for (zones &= ~BIT(zone); orders; orders &= orders - 1)
            if (buddy_first(&x->b, zone, (unsigned)__builtin_ctz(orders),
                            out) &&
                (any || !(out->tag & DIRTY)))
                return true;
    }
    return false;
}

static bool alloc(struct xen *x, unsigned order, struct buddy_chunk *out)
{
    if (!(order > 0 && find(x, order, false, out)) &&
        !find(x, order, true, out))
        return false;
    remove_chunk(x, *out);
    while (out->order > order) {
        out->order--;
        add(x, *out); /* the lower half */
        out->frame += 1u << out->order;
    }
    return true;
}

/* --- the interface -------------------------------------------------------- */

static void *make(const struct allocator_config *c)
{
    struct xen *x = calloc(1, sizeof(*x));

    buddy_init(&x->b, c->blocks << BUDDY_UNIT, MAX_ORDER);
    for (uint64_t f = 1; f < x->b.frames;) {
        unsigned o = (unsigned)__builtin_ctzll(f);

        o = MIN(o, (unsigned)MAX_ORDER);
        while (f + (UINT64_C(1) << o) > x->b.frames)
            o--;
        add(x, (struct buddy_chunk){(uint32_t)f, o, 0});
        f += UINT64_C(1) << o;
    }
    return x;
}

static void end(void *a)
{
    struct xen *x = a;

    buddy_end(&x->b);
    free(x);
}

static bool begin(void *a, unsigned owner, uint64_t blocks)
{
    struct xen *x = a;
    uint64_t n = blocks << BUDDY_UNIT;

    if (x->b.free < x->claimed + n)
        return false;
    x->claimed += n;
    x->claim[owner] = n;
    return true;
}

static void leave(void *a, unsigned owner)
{
    struct xen *x = a;

    x->claimed -= x->claim[owner];
    x->claim[owner] = 0;
}

/* For owner 0, the hypervisor, too. */
static bool get(struct xen *x, unsigned owner, unsigned order,
                struct buddy_chunk *out)
{
    uint64_t n = UINT64_C(1) << order, own = MIN(x->claim[owner], n);

    if (x->b.free < x->claimed - own + n || !alloc(x, order, out))
        return false;
    x->claim[owner] -= own;
    x->claimed -= own;
    return true;
}

static bool block_get(void *a, unsigned owner, bool back, mfn_t *out)
{
    struct xen *x = a;
    struct buddy_chunk c;

    (void)back;
    if (!get(x, owner, BUDDY_UNIT, &c))
        return false;
    x->sync_scrubs += c.tag & DIRTY;
    *out = mfn_of(c.frame);
    return true;
}

static bool region_get(void *a, unsigned owner, mfn_t *out)
{
    struct buddy_chunk c;

    if (!get(a, owner, MAX_ORDER, &c))
        return false;
    ((struct xen *)a)->sync_scrubs += c.tag & DIRTY ? REGION_BLOCKS : 0;
    *out = mfn_of(c.frame);
    return true;
}

static void block_put(void *a, unsigned owner, mfn_t m)
{
    (void)owner;
    free_chunk(a, (struct buddy_chunk){(uint32_t)m.v, BUDDY_UNIT, DIRTY});
}

static unsigned frames_get(void *a, unsigned owner, mfn_t *out, unsigned n)
{
    struct buddy_chunk c;
    unsigned k = 0;

    for (; k < n && get(a, owner, 0, &c); k++)
        out[k] = mfn_of(c.frame);
    return k;
}

static void frames_put(void *a, unsigned owner, const mfn_t *m, unsigned n)
{
    (void)owner;
    for (unsigned k = 0; k < n; k++)
        free_chunk(a, (struct buddy_chunk){(uint32_t)m[k].v, 0, DIRTY});
}

static bool hv_get(void *a, unsigned owner, mfn_t *out)
{
    (void)owner;
    return frames_get(a, 0, out, 1) == 1;
}

static void hv_put(void *a, mfn_t m)
{
    frames_put(a, 0, &m, 1);
}

/* What is dirty stands at the end of a list: the largest there is. */
static bool last_dirty(const struct xen *x, struct buddy_chunk *out)
{
    struct buddy_chunk c;
    bool found = false;

    for (uint64_t zones = x->b.lists; zones; zones &= zones - 1) {
        unsigned zone = (unsigned)__builtin_ctzll(zones);

        for (uint32_t o = x->b.orders[zone]; o; o &= o - 1)
            if (buddy_last(&x->b, zone, (unsigned)__builtin_ctz(o), &c) &&
                (c.tag & DIRTY) && (!found || c.order >= out->order)) {
                *out = c;
                found = true;
            }
    }
    return found;
}

/* All of a chunk, if there is time for some of it: the next has less for that.
 */
static bool scrub_one(struct xen *x, uint64_t *frames)
{
    struct buddy_chunk c;
    uint64_t n;

    if (!last_dirty(x, &c))
        return false;
    remove_chunk(x, c);
    c.tag = 0;
    n = MIN(*frames, UINT64_C(1) << c.order);
    *frames -= n;
    x->ahead += (UINT64_C(1) << c.order) - n;
    free_chunk(x, c);
    return true;
}

static void idle(void *a, uint64_t blocks)
{
    struct xen *x = a;
    uint64_t frames = blocks << BUDDY_UNIT, late = MIN(frames, x->ahead);

    x->ahead -= late;
    frames -= late;
    while (frames && scrub_one(a, &frames))
        ;
}

static uint64_t dirty_blocks(const struct buddy *b)
{
    struct buddy_chunk c;
    uint64_t n = 0;

    for (unsigned zone = 0; zone <= 32; zone++)
        for (unsigned o = BUDDY_UNIT; o <= MAX_ORDER; o++)
            for (uint32_t f = b->list[zone][o].last; f != BUDDY_NONE;
                 f = b->unit_link[f >> BUDDY_UNIT].prev) {
                if (!buddy_begins(b, f, &c) || !(c.tag & DIRTY))
                    break;
                n += UINT64_C(1) << (o - BUDDY_UNIT);
            }
    return n;
}

static void stats(void *a, struct allocator_stats *out)
{
    const struct xen *x = a;

    *out = (struct allocator_stats){
        .free_frames = x->b.free,
        .whole = buddy_count(&x->b, BUDDY_UNIT),
        .regions = buddy_count(&x->b, MAX_ORDER),
        .dirty = dirty_blocks(&x->b),
        .sync_scrubs = x->sync_scrubs,
    };
}

static const char *check(void *a)
{
    const struct xen *x = a;

    return buddy_check(&x->b);
}

const struct allocator_ops buddy_xen_ops = {
    .name = "xen",
    .make = make,
    .end = end,
    .begin = begin,
    .leave = leave,
    .block_get = block_get,
    .region_get = region_get,
    .block_put = block_put,
    .frames_get = frames_get,
    .frames_put = frames_put,
    .hv_get = hv_get,
    .hv_put = hv_put,
    .idle = idle,
    .stats = stats,
    .check = check,
};
