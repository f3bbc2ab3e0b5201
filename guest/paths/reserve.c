/* SPDX-License-Identifier: MIT */
/*
 * reserve.c: memory given back and taken again: the first time since the start
 * and with no idle time before; one extent to a hypercall, or an odd number, of
 * several blocks by turns, from an array at an odd address; blocks that were
 * cut, and blocks that were never the guest's before.
 *
 * What comes in has its old pfns. All of it is unmapped meanwhile.
 */
#include "guest/paths/paths.h"

#define ROUNDS      6
#define MANY        127u
#define BLOCK_ORDER (BLOCK_SHIFT - PAGE_SHIFT)

static uint64_t pfns[BLOCK_FRAMES]; /* of the extents */
static uint64_t straight[BLOCK_FRAMES];
static uint64_t *extents = straight;

struct ticks {
    uint64_t out, in;
};

/* All n of them, so many to a hypercall. */
static uint64_t reserve(enum xen_memory_cmd cmd, unsigned n, unsigned order,
                        unsigned at_once)
{
    struct xen_memory_reservation r = {.extent_order = order,
                                       .domid = DOMID_SELF};
    int64_t done = 0;
    const uint64_t start = tsc_read();
    for (unsigned i = 0; i < n; i += at_once) {
        r.extent_start = (guest_ptr_t)(extents + i);
        r.nr_extents = MIN(at_once, n - i);
        done += hc_memory_op(cmd, &r);
    }
    const uint64_t took = path_since(start);
    path_must(done == n, "memory_op");
    return took;
}

static struct ticks out_and_in(unsigned n, unsigned order, unsigned at_once)
{
    struct ticks t;
    for (unsigned i = 0; i < n; i++)
        extents[i] = frame_mfn(pfn_of(pfns[i])).v;
    t.out = reserve(XENMEM_decrease_reservation, n, order, at_once);
    memcpy(extents, pfns, n * sizeof(*pfns));
    t.in = reserve(XENMEM_populate_physmap, n, order, at_once);
    for (unsigned i = 0; i < n; i++)
        for (unsigned f = 0; f < 1u << order; f++)
            frame_set_mfn(pfn_of(pfns[i] + f), mfn_of(extents[i] + f));
    return t;
}

static void rows(const char *name, const char *way, struct ticks t, unsigned n)
{
    char row[40];
    format(row, sizeof(row), "%s_out", name);
    path_row(row, way, t.out, n);
    format(row, sizeof(row), "%s_in", name);
    path_row(row, way, t.in, n);
}

static void least(const char *name, const char *way, unsigned n, unsigned order,
                  unsigned at_once)
{
    struct ticks best = {~UINT64_C(0), ~UINT64_C(0)};
    for (unsigned i = 0; i <= ROUNDS; i++) {
        const struct ticks t = out_and_in(n, order, at_once);
        best.out = MIN(best.out, t.out);
        best.in = MIN(best.in, t.in);
    }
    rows(name, way, best, n);
}

static void each_frame(void (*fn)(pfn_t))
{
    for (unsigned b = 0; b < PATH_BLOCKS; b++)
        for (unsigned i = 0; i < BLOCK_FRAMES; i++)
            fn(pfn_of(path_block[b].v + i));
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        fn(pfn_of(path_cut.v + i));
}

/* --- blocks -----------------------------------------------------------------
 */

#define BLOCKS "balloon_2m"
#define FRAMES "balloon_4k_batch128"

static uint64_t came[16]; /* fresh blocks */

static bool one_block(enum xen_memory_cmd cmd)
{
    struct xen_memory_reservation r = {.extent_start = (guest_ptr_t)extents,
                                       .nr_extents = 1,
                                       .extent_order = BLOCK_ORDER,
                                       .domid = DOMID_SELF};
    return hc_memory_op(cmd, &r) == 1;
}

static void name_blocks(void)
{
    for (unsigned i = 0; i < PATH_BLOCKS; i++)
        pfns[i] = path_block[i].v;
}

/*
 * Blocks that it never had: the worst of FRESH of them. Those it has had, and
 * gave back, come first: so many of them.
 */
#define FRESH 8u
static void fresh(const char *way, unsigned had)
{
    const unsigned all = had + FRESH;
    const uint64_t first = (frame_count() | (BLOCK_FRAMES - 1)) + 1;
    uint64_t worst = 0;
    unsigned n = 0;
    for (; n < all; n++) {
        extents[0] = first + n * BLOCK_FRAMES;
        const uint64_t start = tsc_read();
        if (!one_block(XENMEM_populate_physmap))
            break;
        const uint64_t took = path_since(start);
        came[n] = extents[0];
        worst = n < had ? 0 : MAX(worst, took);
    }
    if (n == all)
        path_row(BLOCKS "_in", way, worst, 1);
    while (n--) {
        extents[0] = came[n];
        path_must(one_block(XENMEM_decrease_reservation), "a block");
    }
}

void path_reserve_cold(void)
{
    fresh("never its own, no idle time before", 0);
    each_frame(frame_unmap);
    name_blocks();
    rows(BLOCKS, PATH_COLD, out_and_in(1, BLOCK_ORDER, 1), 1);
    for (unsigned i = 0; i < 128; i++)
        pfns[i] = path_cut.v + i;
    rows(FRAMES, PATH_COLD, out_and_in(128, 0, 128), 128);
    each_frame(frame_make_rw);
}

static void blocks(void)
{
    name_blocks();
    least(BLOCKS, "4 in a hypercall", PATH_BLOCKS, BLOCK_ORDER, PATH_BLOCKS);
    least(BLOCKS, "4, one in a hypercall", PATH_BLOCKS, BLOCK_ORDER, 1);
    extents = path_odd(PATH_BLOCKS * sizeof(*extents));
    least(BLOCKS, "4, array at an odd address", PATH_BLOCKS, BLOCK_ORDER,
          PATH_BLOCKS);
    extents = straight;
}

/* --- frames -----------------------------------------------------------------
 */

static void name_frames(bool mixed)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        pfns[i] = mixed ? path_mixed(i).v : path_cut.v + i;
}

static void frames(void)
{
    name_frames(false);
    least(FRAMES, "one in a hypercall", MANY, 0, 1);
    least(FRAMES, "7 in a hypercall", MANY, 0, 7);
    least(FRAMES, "512, all of a block", BLOCK_FRAMES, 0, BLOCK_FRAMES);
    name_frames(true);
    least(FRAMES, "127 of 4 blocks by turns", MANY, 0, MANY);
    extents = path_odd(MANY * sizeof(*extents));
    least(FRAMES, "127, array at an odd address", MANY, 0, MANY);
    extents = straight;
}

void path_reserve(void)
{
    each_frame(frame_unmap);
    blocks();
    frames();
    REQUIRE(timer_sleep(400000000) == 0);
    fresh("never its own, after idle time", FRESH);
    each_frame(frame_make_rw);
}
