/* SPDX-License-Identifier: MIT */
/*
 * buddy_linux.c: a model of Linux's page allocator (6.1), written from what is
 * known of it, for comparison: guests' memory is movable, the hypervisor's
 * own frames are not.
 *
 * Modelled: one zone; orders 0 to 10; two mobility types, a type for each
 * pageblock of 2 MiB; the smallest chunk of the own type first, a split keeps
 * the lower half; if there is none, the largest of the other type, and its
 * pageblock with it where that is worth it (from order 4 on, always for what
 * does not move; all of it changes its type if half of it is free or of the
 * type already); merging at once up to order 10, a chunk that is likely to
 * merge soon goes to the end of its list; per-CPU lists of single frames, in
 * batches of 63, emptied when a request fails; as linux-compact the two
 * scanners of compaction, where the machine asks for it: from the lowest
 * frames to the highest free ones, whole pageblocks left alone.
 * Not modelled: NUMA, zones, watermarks, reclaim, CMA, reclaimable memory,
 * claims (there are none: nobody is refused before memory has run out),
 * zeroing ahead (there is none: each block is zeroed when it is given out), a
 * lock. 64 bytes per frame are what real Linux has.
 */
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "buddy.h"

#define MAX_ORDER 10
#define PCP_BATCH 63
#define PCP_HIGH  (6 * PCP_BATCH)
#define PCP_CPUS  64

enum mobility { UNMOVABLE, MOVABLE }; /* a list, and a chunk's tag */

struct pcp {
    unsigned nr;
    uint32_t frame[PCP_HIGH + 1];
};

struct linux_model {
    struct buddy b;
    unsigned cpus;
    uint8_t *mobility;          /* of each pageblock */
    uint64_t in_pcp;            /* frames */
    uint64_t zeroed;            /* blocks, while somebody waited */
    uint32_t scanner, migrated; /* where both scanners are */
    struct pcp pcp[PCP_CPUS][2];
};

static enum mobility of_block(const struct linux_model *l, uint32_t frame)
{
    return (enum mobility)l->mobility[frame >> BUDDY_UNIT];
}

/* Would it be one with its neighbour's neighbour, were that free too? */
static bool likely_to_merge(const struct linux_model *l, struct buddy_chunk c)
{
    uint32_t up = c.frame & ~(1u << c.order);
    uint32_t other = up ^ (2u << c.order);
    unsigned tag;

    if (c.order + 2 > MAX_ORDER ||
        other + (UINT64_C(2) << c.order) > l->b.frames)
        return false;
    return buddy_is_free(&l->b, other, c.order + 1, &tag);
}

static void free_chunk(struct linux_model *l, uint32_t frame, unsigned order)
{
    struct buddy_chunk c = {frame, order, of_block(l, frame)};
    unsigned tag;

    while (c.order < MAX_ORDER) {
        uint32_t other = c.frame ^ (1u << c.order);

        if (other + (UINT64_C(1) << c.order) > l->b.frames ||
            !buddy_is_free(&l->b, other, c.order, &tag))
            break;
        buddy_remove(&l->b, tag, (struct buddy_chunk){other, c.order, tag});
        c.frame &= ~(1u << c.order);
        c.order++;
    }
    buddy_add(&l->b, c.tag, c, likely_to_merge(l, c));
}

/* c is on no list: 2^order frames of it, the rest goes back to `list`. */
static uint32_t cut(struct linux_model *l, struct buddy_chunk c, unsigned order,
                    enum mobility list)
{
    c.tag = list;
    while (c.order > order) {
        c.order--;
        buddy_add(
            &l->b, list,
            (struct buddy_chunk){c.frame + (1u << c.order), c.order, list},
            false);
    }
    return c.frame;
}

static bool smallest(struct linux_model *l, unsigned order, enum mobility m,
                     uint32_t *out)
{
    struct buddy_chunk c;

    for (unsigned o = order; o <= MAX_ORDER; o++)
        if (buddy_first(&l->b, m, o, &c)) {
            buddy_remove(&l->b, m, c);
            *out = cut(l, c, order, m);
            return true;
        }
    return false;
}

/* All free chunks of a pageblock to the list of m: how many frames. */
static unsigned move_free(struct linux_model *l, uint32_t first,
                          enum mobility m)
{
    unsigned moved = 0;

    for (uint32_t f = first; f < first + BLOCK_FRAMES;) {
        struct buddy_chunk c;

        if (!buddy_begins(&l->b, f, &c)) {
            f++;
            continue;
        }
        buddy_remove(&l->b, c.tag, c);
        c.tag = m;
        buddy_add(&l->b, m, c, false);
        moved += 1u << c.order;
        f += 1u << c.order;
    }
    return moved;
}

/* The pageblocks a chunk of the other type lies in become m's, if worth it. */
static void steal(struct linux_model *l, struct buddy_chunk c, enum mobility m)
{
    uint32_t first = c.frame & ~(BLOCK_FRAMES - 1);

    if (c.order >= BUDDY_UNIT) {
        buddy_remove(&l->b, c.tag, c);
        for (uint32_t f = first; f < first + (1u << c.order); f += BLOCK_FRAMES)
            l->mobility[f >> BUDDY_UNIT] = (uint8_t)m;
        c.tag = m;
        buddy_add(&l->b, m, c, false);
    } else if (c.order >= BUDDY_UNIT / 2 || m == UNMOVABLE) {
        if (move_free(l, first, m) >= BLOCK_FRAMES / 2)
            l->mobility[first >> BUDDY_UNIT] = (uint8_t)m;
    }
}

static bool fall_back(struct linux_model *l, unsigned order, enum mobility m,
                      uint32_t *out)
{
    enum mobility other = m == MOVABLE ? UNMOVABLE : MOVABLE;
    struct buddy_chunk c;

    for (unsigned o = MAX_ORDER + 1; o-- > order;) {
        if (!buddy_first(&l->b, other, o, &c))
            continue;
        steal(l, c, m);
        return smallest(l, order, m, out) || smallest(l, order, other, out);
    }
    return false;
}

static void drain(struct linux_model *l, struct pcp *p, unsigned n)
{
    n = MIN(n, p->nr);
    for (unsigned k = 0; k < n; k++) /* what came first */
        free_chunk(l, p->frame[k], 0);
    memmove(p->frame, p->frame + n, (p->nr - n) * sizeof(*p->frame));
    p->nr -= n;
    l->in_pcp -= n;
}

static void drain_all(struct linux_model *l)
{
    for (unsigned c = 0; c < l->cpus; c++)
        for (unsigned m = 0; m < 2; m++)
            drain(l, &l->pcp[c][m], PCP_HIGH + 1);
}

static bool alloc(struct linux_model *l, unsigned order, enum mobility m,
                  uint32_t *out)
{
    if (smallest(l, order, m, out) || fall_back(l, order, m, out))
        return true;
    if (!l->in_pcp)
        return false;
    drain_all(l);
    return smallest(l, order, m, out) || fall_back(l, order, m, out);
}

static struct pcp *pcp_of(struct linux_model *l, unsigned owner,
                          enum mobility m)
{
    return &l->pcp[owner % l->cpus][m];
}

/* The first that is found is the first to be given out. */
static void refill(struct linux_model *l, struct pcp *p, enum mobility m)
{
    unsigned n = 0;

    while (n < PCP_BATCH && (smallest(l, 0, m, &p->frame[PCP_BATCH - 1 - n]) ||
                             fall_back(l, 0, m, &p->frame[PCP_BATCH - 1 - n])))
        n++;
    if (n < PCP_BATCH)
        memmove(p->frame, p->frame + PCP_BATCH - n, n * sizeof(*p->frame));
    p->nr = n;
    l->in_pcp += n;
}

static bool get_single(struct linux_model *l, unsigned owner, enum mobility m,
                       mfn_t *out)
{
    struct pcp *p = pcp_of(l, owner, m);
    uint32_t f;

    if (p->nr == 0)
        refill(l, p, m);
    if (p->nr > 0) {
        *out = mfn_of(p->frame[--p->nr]);
        l->in_pcp--;
        return true;
    }
    if (!alloc(l, 0, m, &f))
        return false;
    *out = mfn_of(f);
    return true;
}

static void put_single(struct linux_model *l, unsigned owner, mfn_t m)
{
    struct pcp *p = pcp_of(l, owner, of_block(l, (uint32_t)m.v));

    p->frame[p->nr++] = (uint32_t)m.v;
    l->in_pcp++;
    if (p->nr > PCP_HIGH)
        drain(l, p, PCP_BATCH);
}

/* --- the interface -------------------------------------------------------- */

static void *make(const struct allocator_config *c)
{
    struct linux_model *l = calloc(1, sizeof(*l));

    l->cpus = MIN(c->cpus, (unsigned)PCP_CPUS);
    l->mobility = malloc(c->blocks);
    memset(l->mobility, MOVABLE, c->blocks);
    buddy_init(&l->b, c->blocks << BUDDY_UNIT, MAX_ORDER);
    for (uint64_t f = 1; f < l->b.frames;) {
        unsigned o = MIN((unsigned)__builtin_ctzll(f), (unsigned)MAX_ORDER);

        while (f + (UINT64_C(1) << o) > l->b.frames)
            o--;
        buddy_add(&l->b, MOVABLE, (struct buddy_chunk){(uint32_t)f, o, MOVABLE},
                  true);
        f += UINT64_C(1) << o;
    }
    return l;
}

static void end(void *a)
{
    struct linux_model *l = a;

    buddy_end(&l->b);
    free(l->mobility);
    free(l);
}

static bool begin(void *a, unsigned owner, uint64_t blocks)
{
    (void)a, (void)owner, (void)blocks;
    return true;
}

static void leave(void *a, unsigned owner)
{
    (void)a, (void)owner;
}

static bool block_get(void *a, unsigned owner, bool back, mfn_t *out)
{
    struct linux_model *l = a;
    uint32_t f;

    (void)owner, (void)back;
    if (!alloc(l, BUDDY_UNIT, MOVABLE, &f))
        return false;
    l->zeroed++;
    *out = mfn_of(f);
    return true;
}

static void block_put(void *a, unsigned owner, mfn_t m)
{
    (void)owner;
    free_chunk(a, (uint32_t)m.v, BUDDY_UNIT);
}

static unsigned frames_get(void *a, unsigned owner, mfn_t *out, unsigned n)
{
    unsigned k = 0;

    while (k < n && get_single(a, owner, MOVABLE, &out[k]))
        k++;
    return k;
}

static void frames_put(void *a, unsigned owner, const mfn_t *m, unsigned n)
{
    for (unsigned k = 0; k < n; k++)
        put_single(a, owner, m[k]);
}

static bool hv_get(void *a, unsigned owner, mfn_t *out)
{
    return get_single(a, owner, UNMOVABLE, out);
}

static void hv_put(void *a, mfn_t m)
{
    put_single(a, 0, m);
}

/*
 * The free scanner, from the top down: the next free chunk of less than a
 * pageblock, in one of movable memory, above m; false: the scanners have met.
 */
static bool scan(struct linux_model *l, mfn_t m, struct buddy_chunk *out)
{
    while (l->scanner >> BUDDY_UNIT > m.v >> BUDDY_UNIT) {
        uint32_t f = l->scanner;

        if (f % BLOCK_FRAMES == BLOCK_FRAMES - 1 &&
            of_block(l, f) == UNMOVABLE) {
            l->scanner -= BLOCK_FRAMES;
            continue;
        }
        if (l->b.small_state[f] && buddy_begins(&l->b, f, out))
            return true;
        l->scanner--;
    }
    return false;
}

/* The machine asks from the lowest frame on, as the other scanner finds them.
 */
static bool move(void *a, unsigned owner, mfn_t *m)
{
    struct linux_model *l = a;
    struct buddy_chunk to;
    uint32_t from = (uint32_t)m->v;

    (void)owner;
    if (from <= l->migrated) { /* another pass */
        drain_all(l);
        l->scanner = (uint32_t)(l->b.frames - 1);
    }
    l->migrated = from;
    if (!scan(l, *m, &to))
        return false;
    buddy_remove(&l->b, to.tag, to);
    *m = mfn_of(cut(l, to, 0, MOVABLE));
    free_chunk(l, from, 0);
    return true;
}

static void stats(void *a, struct allocator_stats *out)
{
    const struct linux_model *l = a;

    *out = (struct allocator_stats){
        .free_frames = l->b.free + l->in_pcp,
        .whole = buddy_count(&l->b, BUDDY_UNIT),
        .dirty = buddy_count(&l->b, BUDDY_UNIT),
        .sync_scrubs = l->zeroed,
    };
}

static const char *check(void *a)
{
    struct linux_model *l = a;

    drain_all(l);
    return buddy_check(&l->b);
}

#define LINUX_OPS                                                              \
    .make = make, .end = end, .begin = begin, .leave = leave,                  \
    .block_get = block_get, .block_put = block_put, .frames_get = frames_get,  \
    .frames_put = frames_put, .hv_get = hv_get, .hv_put = hv_put,              \
    .stats = stats, .check = check

const struct allocator_ops buddy_linux_ops = {.name = "linux", LINUX_OPS};
const struct allocator_ops buddy_linux_compact_ops = {
    .name = "linux-compact", .moves = true, .move = move, LINUX_OPS};
