/* SPDX-License-Identifier: MIT */
/*
 * A domain that is shown large pages gives single frames back and takes others,
 * in any order: when all are there each span is one whole block again. And what
 * the guest says, through M2P, of what goes where decides nothing else.
 */
#include "mm/alloc/m2p.h"
#include "mm/alloc/span.h"
#include "mm/pv/super.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SPANS   16u
#define PAGES   (SPANS * BLOCK_FRAMES)
#define MACHINE 56u /* blocks */
#define MOST    64u

struct balloon {
    struct world w;
    struct world_domain us, them;
    struct mm_op op;
    struct dice dice;
    uint64_t hv_frames; /* at the beginning */
    mfn_t p2m[PAGES];   /* MFN_NONE: it is out */
};

static int make(void **state)
{
    struct balloon *s = calloc(1, sizeof(*s));

    world_make(&s->w, MACHINE);
    s->hv_frames = alloc_stats(&s->w.mm).hv_frames;
    world_domain(&s->w, &s->us, 1, PAGES);
    world_domain(&s->w, &s->them, 2, MACHINE * BLOCK_FRAMES);
    memset(s->w.mm.m2p, 0xff, s->w.mm.nr_frames * sizeof(uint64_t));
    s->us.d.large_shown = true;
    s->dice.s = 1;
    s->op = mm_op_on(&s->us.d, &s->us.v);
    for (unsigned k = 0; k < SPANS; k++) {
        const pfn_t pfn = pfn_of(k * 7 % SPANS * BLOCK_FRAMES);
        mfn_t m;

        assert_int_equal(reservation_increase(&s->op, pfn, 9, &m), ERR_NONE);
        for (unsigned i = 0; i < BLOCK_FRAMES; i++)
            s->p2m[pfn.v + i] = mfn_add(m, i);
    }
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct balloon *s = *state;

    world_done(&s->op);
    world_audit(&s->w, "the test");
    world_destroy(&s->w, &s->us);
    world_destroy(&s->w, &s->them);
    assert_int_equal(alloc_stats(&s->w.mm).hv_frames, s->hv_frames);
    world_end(&s->w);
    free(s);
    return 0;
}

#define balloon_test(f) cmocka_unit_test_setup_teardown(f, make, end)

/* --- out and in ------------------------------------------------------------
 */

static void out(struct balloon *s, const pfn_t *pfn, unsigned n)
{
    mfn_t m[MOST];
    unsigned done;

    for (unsigned i = 0; i < n; i++)
        m[i] = s->p2m[pfn[i].v];
    assert_int_equal(reservation_decrease_list(&s->op, m, n, &done), ERR_NONE);
    assert_int_equal(done, n);
    world_done(&s->op);
    for (unsigned i = 0; i < n; i++)
        s->p2m[pfn[i].v] = MFN_NONE;
}

static void in(struct balloon *s, const pfn_t *pfn, unsigned n)
{
    mfn_t m[MOST];
    unsigned done;

    for (unsigned at = 0; at < n; at += done) {
        uint64_t cut = s->us.d.blocks;

        assert_int_equal(
            reservation_increase_list(&s->op, pfn + at, m, n - at, &done),
            ERR_NONE);
        assert_true(done > 0 && s->us.d.blocks <= cut + 1);
        for (unsigned i = 0; i < done; i++) {
            s->p2m[pfn[at + i].v] = m[i];
            assert_int_equal(s->w.mm.m2p[m[i].v], pfn[at + i].v);
        }
    }
    world_done(&s->op);
}

static void out_one(struct balloon *s, uint64_t pfn)
{
    const pfn_t p = pfn_of(pfn);

    out(s, &p, 1);
}

static void in_one(struct balloon *s, uint64_t pfn)
{
    const pfn_t p = pfn_of(pfn);

    in(s, &p, 1);
}

static bool is_out(const struct balloon *s, uint64_t pfn)
{
    return mfn_eq(s->p2m[pfn], MFN_NONE);
}

/* Up to n of those that are out, or not, from anywhere: one now and then, many
 * in a row, or a whole span from its end. */
static unsigned choose(struct balloon *s, bool which, pfn_t *pfn, unsigned n)
{
    uint64_t at = dice_upto(&s->dice, PAGES);
    const uint64_t step[] = {1, 1, PAGES - 1, 512, 4999};
    const uint64_t by = step[dice_upto(&s->dice, ARRAY_SIZE(step))];
    unsigned got = 0;

    for (unsigned i = 0; i < PAGES && got < n; i++, at = (at + by) % PAGES)
        if (is_out(s, at) == which) {
            bool twice = false;

            for (unsigned k = 0; k < got; k++)
                twice = twice || pfn[k].v == at;
            if (twice)
                break;
            pfn[got++] = pfn_of(at);
        }
    return got;
}

static void step(struct balloon *s)
{
    const bool take = dice_upto(&s->dice, 100) < 45;
    pfn_t pfn[MOST];
    unsigned n = choose(s, take, pfn, 1 + (unsigned)dice_upto(&s->dice, MOST));

    if (n == 0)
        return;
    if (take)
        in(s, pfn, n);
    else
        out(s, pfn, n);
}

static void all_in(struct balloon *s)
{
    for (uint64_t i = 0, at = 0; i < PAGES; i++, at = (at + 3089) % PAGES)
        if (is_out(s, at))
            in_one(s, at);
}

/* Is the span one block, that can be mapped by one entry? */
static bool is_whole(struct balloon *s, unsigned span)
{
    const mfn_t first = s->p2m[span * BLOCK_FRAMES];
    const pte_t e = pte_make(first, PTE_P | PTE_RW | PTE_US | PTE_PSE);

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        if (!mfn_eq(s->p2m[span * BLOCK_FRAMES + i], mfn_add(first, i)))
            return false;
    if (super_get(&s->op, e))
        return false;
    super_put(&s->op, e);
    world_done(&s->op);
    return true;
}

static unsigned count_whole(struct balloon *s)
{
    unsigned n = 0;

    for (unsigned k = 0; k < SPANS; k++)
        n += is_whole(s, k);
    return n;
}

static void no_frame_is_two_pages(const struct balloon *s)
{
    uint8_t *seen = calloc(1, s->w.mm.nr_frames);

    for (unsigned i = 0; i < PAGES; i++)
        if (!is_out(s, i)) {
            assert_int_equal(seen[s->p2m[i].v], 0);
            seen[s->p2m[i].v] = 1;
        }
    free(seen);
}

static void wander(struct balloon *s, unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        step(s);
        if (i % 40 == 0) {
            world_audit(&s->w, "a step");
            no_frame_is_two_pages(s);
        }
    }
    all_in(s);
    world_audit(&s->w, "all of it");
    no_frame_is_two_pages(s);
    assert_int_equal(s->us.d.tot_pages, PAGES);
}

static void each_span_is_whole_again(void **state)
{
    struct balloon *s = *state;

    for (unsigned life = 1; life <= 8; life++) {
        s->dice.s = life * UINT64_C(0x9e3779b97f4a7c15);
        wander(s, 400);
        assert_int_equal(count_whole(s), SPANS);
        assert_int_equal(s->us.d.blocks, SPANS);
        assert_int_equal(s->us.d.blocks_cut, 0);
        assert_int_equal(s->us.d.holes, 0);
        assert_int_equal(s->us.d.serving, 0);
    }
}

/* As it is without, and with the other policy. */
static void else_hardly_one_is(void **state)
{
    struct balloon *s = *state;

    s->us.d.large_shown = false;
    s->dice.s = 11;
    wander(s, 400);
    assert_true(count_whole(s) < SPANS / 2);
    s->us.d.large_shown = true;
    s->us.d.relinquish = RELINQUISH_CUT;
    wander(s, 400);
    assert_true(count_whole(s) < SPANS / 2);
}

/* Frame tables are given back meanwhile: what a block serves goes with them. */
static void a_block_that_was_forgotten_is_learnt_again(void **state)
{
    struct balloon *s = *state;

    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < PAGES; i += 3 + round)
            out_one(s, i);
        all_in(s);
        assert_int_equal(s->us.d.frame_tables, SPANS);
        assert_true(frame_trim(&s->w.mm, s->w.mm.nr_blocks) >= SPANS);
        assert_int_equal(s->us.d.frame_tables, 0);
        world_audit(&s->w, "trimming");
    }
    assert_int_equal(count_whole(s), SPANS);
}

/* --- M2P is the guest's ----------------------------------------------------
 */

static uint64_t any_word(struct balloon *s, mfn_t m)
{
    const uint64_t i = m.v % BLOCK_FRAMES;
    const uint64_t words[] = {
        ~UINT64_C(0),
        UINT64_C(1) << 63 | i,
        (UINT64_C(1) << 29) - 512 + i, /* the last span that has a slot, */
        (UINT64_C(1) << 29) + i,       /* and one more */
        PAGES + i,                     /* beyond its maxmem */
        dice_upto(&s->dice, 3) * 512 + i,
        dice_upto(&s->dice, SPANS) * 512 + i,
        dice_upto(&s->dice, PAGES),
    };

    return words[dice_upto(&s->dice, ARRAY_SIZE(words))];
}

/* One word, or all of a block, which then says with one voice what is wrong. */
static void lie(struct balloon *s)
{
    const mfn_t m = s->p2m[dice_upto(&s->dice, PAGES)];
    const uint64_t span = dice_upto(&s->dice, 4);

    if (mfn_eq(m, MFN_NONE))
        return;
    if (dice_upto(&s->dice, 4)) {
        s->w.mm.m2p[m.v] = any_word(s, m);
        return;
    }
    for (uint64_t i = 0; i < BLOCK_FRAMES; i++) {
        const mfn_t at = mfn_add(mfn_of_blk(blk_of_mfn(m)), i);

        if (frame_owned(&s->op, at))
            s->w.mm.m2p[at.v] = span * BLOCK_FRAMES + i;
    }
}

static void a_guest_that_lies_hurts_itself_alone(void **state)
{
    struct balloon *s = *state;

    for (unsigned life = 1; life <= 6; life++) {
        s->dice.s = life * UINT64_C(0x9e3779b97f4a7c15);
        if (life == 3)
            s->us.d.max_pages = UINT64_C(1) << 40; /* any span there is */
        for (unsigned i = 0; i < 400; i++) {
            for (unsigned k = 0; k < 5; k++)
                lie(s);
            step(s);
            if (i % 20 == 0)
                world_audit(&s->w, "a lie");
        }
        all_in(s);
        no_frame_is_two_pages(s);
    }
}

/* One word of a block may say so by chance. */
static void one_frame_alone_is_not_believed(void **state)
{
    struct balloon *s = *state;
    const mfn_t m = s->p2m[5 * BLOCK_FRAMES];

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        s->w.mm.m2p[m.v + i] = 6 * BLOCK_FRAMES + i * 5 % BLOCK_FRAMES;
    assert_int_equal(s->w.mm.m2p[m.v], 6 * BLOCK_FRAMES);
    out_one(s, 5 * BLOCK_FRAMES);
    assert_null(span_block(&s->op, 6));
    assert_null(span_block(&s->op, 5));
    assert_int_not_equal(s->us.d.holed, 0);
}

/* Two blocks say that they serve one span: it stays with who has holes. */
static void of_two_blocks_one_serves(void **state)
{
    struct balloon *s = *state;
    const mfn_t a = s->p2m[BLOCK_FRAMES], b = s->p2m[2 * BLOCK_FRAMES];

    out_one(s, BLOCK_FRAMES + 9);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        s->w.mm.m2p[b.v + i] = BLOCK_FRAMES + i;
    out_one(s, 2 * BLOCK_FRAMES + 3);
    assert_ptr_equal(span_block(&s->op, 1), mm_block(&s->w.mm, blk_of_mfn(a)));
    world_audit(&s->w, "the second");
    /* Back, each where it was: the second's has no place of its own. */
    in_one(s, BLOCK_FRAMES + 9);
    assert_int_equal(s->p2m[BLOCK_FRAMES + 9].v, a.v + 9);
    in_one(s, 2 * BLOCK_FRAMES + 3);
    s->w.mm.m2p[s->p2m[2 * BLOCK_FRAMES + 3].v] = ~UINT64_C(0);
    /* Now the first has none. */
    while (s->us.d.holed) {
        mfn_t m;

        assert_int_equal(dmem_chunk_get(&s->op, 0, &m), ERR_NONE);
        if (blk_of_mfn(m).v == blk_of_mfn(b).v)
            break;
    }
    out_one(s, 2 * BLOCK_FRAMES + 5);
    assert_ptr_equal(span_block(&s->op, 1), mm_block(&s->w.mm, blk_of_mfn(b)));
    world_audit(&s->w, "the first has none");
}

/* --- blocks that have gone -------------------------------------------------
 */

static void out_span(struct balloon *s, unsigned span)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        out_one(s, span * BLOCK_FRAMES + i);
}

/* All that the machine has left, to the last block of the reserve. */
static void they_take_all(struct balloon *s)
{
    struct mm_op op = mm_op_on(&s->them.d, &s->them.v);
    blk_t b;

    alloc_set_reserve(&s->w.mm, 0);
    while (!dmem_block_get(&op, &b))
        ;
}

/* It serves the same span of another domain's now. */
static void a_block_of_anothers_serves_no_more(void **state)
{
    struct balloon *s = *state;
    struct mm_op theirs = mm_op_on(&s->them.d, &s->them.v);
    const pfn_t pfn = pfn_of(5 * BLOCK_FRAMES);
    const mfn_t was = s->p2m[pfn.v];
    unsigned done;
    mfn_t m;

    they_take_all(s);
    out_one(s, 7 * BLOCK_FRAMES); /* a hole, for what comes */
    out_span(s, 5);
    s->them.d.large_shown = true;
    assert_int_equal(reservation_increase_list(&theirs, &pfn, &m, 1, &done),
                     ERR_NONE);
    assert_int_equal(m.v, was.v); /* it is that block */
    assert_null(span_block(&s->op, 5));
    assert_non_null(span_block(&theirs, 5));
    in_one(s, pfn.v + 1);
    assert_int_not_equal(blk_of_mfn(s->p2m[pfn.v + 1]).v, blk_of_mfn(was).v);
    world_audit(&s->w, "their span");
}

/* It serves another span of the same domain's. */
static void a_block_that_came_back_serves_what_it_was_cut_for(void **state)
{
    struct balloon *s = *state;
    const mfn_t was = s->p2m[5 * BLOCK_FRAMES];

    out_span(s, 9);
    they_take_all(s);
    out_span(s, 5);
    in_one(s, 9 * BLOCK_FRAMES + 3);
    assert_int_equal(s->p2m[9 * BLOCK_FRAMES + 3].v, was.v + 3);
    assert_null(span_block(&s->op, 5));
    assert_ptr_equal(span_block(&s->op, 9),
                     mm_block(&s->w.mm, blk_of_mfn(was)));
}

/* --- who else wants frames -------------------------------------------------
 */

static void a_place_is_left_alone_while_there_is_another(void **state)
{
    struct balloon *s = *state;
    const mfn_t was = s->p2m[1000];
    mfn_t any[4];
    unsigned done;

    out_one(s, 1000);
    for (unsigned i = 1001; i < 1010; i++)
        out_one(s, i);
    assert_int_equal(dmem_frames_get(&s->op, any, 1, &done), ERR_NONE);
    assert_int_not_equal(blk_of_mfn(any[0]).v, blk_of_mfn(was).v);
    assert_int_equal(dmem_fixed_get(&s->op, &any[1]), ERR_NONE);
    assert_int_not_equal(blk_of_mfn(any[1]).v, blk_of_mfn(was).v);
    assert_int_equal(dmem_chunk_get(&s->op, 1, &any[2]), ERR_NONE);
    assert_int_not_equal(blk_of_mfn(any[2]).v, blk_of_mfn(was).v);
    in_one(s, 1000);
    assert_int_equal(s->p2m[1000].v, was.v);
}

/* Others have all that the machine has: what is left are places. */
static void a_place_is_better_than_none(void **state)
{
    struct balloon *s = *state;
    const mfn_t was = s->p2m[1000];
    mfn_t any;
    unsigned done;

    for (unsigned i = 1000; i < 1012; i++)
        out_one(s, i);
    out_span(s, 0); /* which is served no more */
    they_take_all(s);
    assert_int_equal(dmem_frames_get(&s->op, &any, 1, &done), ERR_NONE);
    assert_int_equal(blk_of_mfn(any).v, blk_of_mfn(was).v);
    assert_int_equal(dmem_chunk_get(&s->op, 1, &any), ERR_NONE);
    assert_int_equal(blk_of_mfn(any).v, blk_of_mfn(was).v);
    in_one(s, 0);
    assert_int_equal(blk_of_mfn(s->p2m[0]).v, blk_of_mfn(was).v);
    world_audit(&s->w, "others had all");
    for (unsigned i = 1; i < 9; i++)
        in_one(s, i);
    assert_int_equal(
        reservation_increase_list(&s->op, (pfn_t[]){{7}}, &any, 1, &done),
        ERR_NOMEM);
    world_audit(&s->w, "no more");
}

/* It has the blocks that it may have: no more are cut, and any hole does. */
static void the_quota_is_kept(void **state)
{
    struct balloon *s = *state;
    struct mm_domain *d = &s->us.d;

    for (unsigned i = 0; i < PAGES; i++)
        if (i % BLOCK_FRAMES >= 100 || i < 2 * BLOCK_FRAMES)
            out_one(s, i);
    assert_int_equal(d->blocks, SPANS - 2);
    d->max_pages = (SPANS - 2 - QUOTA_SPARE) * BLOCK_FRAMES;
    assert_int_equal(quota_left(d), 0);
    in_one(s, 9 * BLOCK_FRAMES + 100); /* its own place: no block is needed */
    assert_int_equal(s->p2m[9 * BLOCK_FRAMES + 100].v,
                     s->p2m[9 * BLOCK_FRAMES].v + 100);
    for (unsigned i = 0; i < 3; i++)
        in_one(s, i);
    assert_int_equal(d->blocks, SPANS - 2);
    world_audit(&s->w, "a full quota");
    d->max_pages = PAGES;
    in_one(s, BLOCK_FRAMES);
    assert_int_equal(d->blocks, SPANS - 1);
}

/* Pages of 16 spans without a block: 2 MiB are zeroed at a time, not 32. */
static void one_block_is_cut_in_one_go(void **state)
{
    struct balloon *s = *state;
    uint64_t goes = 0;
    pfn_t pfn[SPANS];
    mfn_t m[SPANS];
    unsigned done;

    for (unsigned i = 0; i < PAGES; i++)
        out_one(s, i);
    assert_int_equal(s->us.d.blocks, 0);
    for (unsigned i = 0; i < SPANS; i++)
        pfn[i] = pfn_of(i * BLOCK_FRAMES + 3 * i);
    for (unsigned at = 0; at < SPANS; at += done, goes++) {
        assert_int_equal(reservation_increase_list(&s->op, pfn + at, m + at,
                                                   SPANS - at, &done),
                         ERR_NONE);
        assert_int_equal(done, 1);
    }
    assert_int_equal(s->us.d.blocks, SPANS);
    for (unsigned i = 0; i < SPANS; i++) {
        assert_int_equal(m[i].v % BLOCK_FRAMES, 3 * i);
        s->p2m[pfn[i].v] = m[i];
    }
    world_done(&s->op);
    all_in(s);
    assert_int_equal(count_whole(s), SPANS);
}

/* A list that is more than maxmem has room for, and cuts a block on its way. */
static void a_list_goes_on_to_maxmem(void **state)
{
    struct balloon *s = *state;
    pfn_t pfn[3] = {{0}, {BLOCK_FRAMES}, {BLOCK_FRAMES + 1}};
    mfn_t m[3];
    unsigned done;

    for (unsigned i = 0; i < 2 * BLOCK_FRAMES; i++)
        out_one(s, i);
    s->us.d.max_pages = s->us.d.tot_pages + 2;
    assert_int_equal(reservation_increase_list(&s->op, pfn, m, 3, &done),
                     ERR_NONE);
    assert_int_equal(done, 1);
    assert_int_equal(
        reservation_increase_list(&s->op, pfn + 1, m + 1, 2, &done), ERR_NOMEM);
    assert_int_equal(done, 1);
    s->us.d.max_pages = PAGES;
}

/* A page that is there already, one that none can be, and none at all. */
static void other_pages_come_from_anywhere(void **state)
{
    struct balloon *s = *state;
    const pfn_t pfn[] = {pfn_of(1), PFN_NONE, pfn_of(PAGES),
                         pfn_of(UINT64_C(1) << 29), pfn_of(1)};
    mfn_t m[ARRAY_SIZE(pfn)];
    unsigned done;

    for (unsigned i = 0; i < 6; i++)
        out_one(s, i);
    assert_int_equal(
        reservation_increase_list(&s->op, pfn, m, ARRAY_SIZE(pfn), &done),
        ERR_NONE);
    assert_int_equal(done, ARRAY_SIZE(pfn));
    assert_int_equal(m[0].v, s->p2m[6].v - 5);
    assert_int_equal(s->us.d.blocks, SPANS + 1);
    for (unsigned i = 1; i < ARRAY_SIZE(pfn); i++)
        assert_int_not_equal(blk_of_mfn(m[i]).v, blk_of_mfn(m[0]).v);
}

/* --- when memory for it is short --------------------------------------------
 */

static void without_memory_for_slots_all_goes_on(void **state)
{
    struct balloon *s = *state;

    for (unsigned n = 1; n <= 6; n++) {
        const pfn_t pfn[] = {pfn_of(n * 1000), pfn_of(n * 1000 + 1)};
        mfn_t m[] = {s->p2m[pfn[0].v], s->p2m[pfn[1].v]};
        unsigned done;
        enum err rc;

        s->w.mm.alloc.fail_in = n;
        rc = reservation_decrease_list(&s->op, m, 2, &done);
        s->w.mm.alloc.fail_in = 0;
        assert_true(rc == ERR_NONE || rc == ERR_NOMEM);
        world_done(&s->op);
        for (unsigned i = 0; i < done; i++)
            s->p2m[pfn[i].v] = MFN_NONE;
        s->w.mm.alloc.fail_in = n;
        rc = reservation_increase_list(&s->op, pfn, m, done, &done);
        s->w.mm.alloc.fail_in = 0;
        for (unsigned i = 0; i < done; i++)
            s->p2m[pfn[i].v] = m[i];
        world_done(&s->op);
        world_audit(&s->w, "a failure");
    }
    all_in(s);
}

#define CHUNKS 600u /* of the hypervisor's: more than one block has */

/* The last of its memory; how many chunks: give_chunks() gives them back. */
static unsigned take_chunks(struct balloon *s, mfn_t *m)
{
    unsigned n = 0;

    they_take_all(s);
    while (n < CHUNKS && !alloc_hv_get(&s->w.mm, 0, &m[n]))
        n++;
    assert_true(n < CHUNKS);
    return n;
}

static void give_chunks(struct balloon *s, const mfn_t *m, unsigned n)
{
    while (n-- > 0)
        alloc_hv_put(&s->w.mm, m[n], 0);
}

/* A frame of it is owed; the memory for a slot comes when that is discharged,
 * and by then the block is on the list of those with holes. */
static void what_is_owed_comes_before_a_slot(void **state)
{
    struct balloon *s = *state;
    const mfn_t m = s->p2m[3 * BLOCK_FRAMES], other = s->p2m[5 * BLOCK_FRAMES];
    mfn_t chunk[CHUNKS];
    struct frame f;
    unsigned n;

    memset(s->w.mm.m2p, 0xff, s->w.mm.nr_frames * sizeof(uint64_t));
    assert_int_equal(frame_find(&s->op, m, &f), ERR_NONE); /* has a table */
    n = take_chunks(s, chunk);
    assert_int_equal(reservation_decrease(&s->op, other, 9), ERR_NONE);
    assert_int_equal(reservation_decrease(&s->op, mfn_add(m, 9), 0), ERR_NONE);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        s->w.mm.m2p[m.v + i] = 3 * BLOCK_FRAMES + i;
    assert_int_equal(reservation_decrease(&s->op, mfn_add(m, 10), 0), ERR_NONE);
    assert_int_not_equal(s->us.d.spans, 0); /* there was memory for it */
    world_done(&s->op);
    world_audit(&s->w, "a slot");
    assert_null(span_block(&s->op, 3));
    give_chunks(s, chunk, n);
}

/* To find a block discharged what is owed, which has what was looked for. */
static void a_block_that_is_not_needed_goes_back(void **state)
{
    struct balloon *s = *state;
    const mfn_t m = s->p2m[4 * BLOCK_FRAMES];
    mfn_t chunk[CHUNKS], one;
    uint64_t frames;
    unsigned n;

    out_one(s, 4 * BLOCK_FRAMES);
    n = take_chunks(s, chunk);
    for (unsigned i = 1; i < BLOCK_FRAMES; i++)
        assert_int_equal(reservation_decrease(&s->op, mfn_add(m, i), 0),
                         ERR_NONE);
    frames = alloc_stats(&s->w.mm).hv_frames;
    assert_int_equal(alloc_hv_get(&s->w.mm, 0, &one), ERR_NONE);
    assert_int_equal(alloc_stats(&s->w.mm).hv_frames, frames - 2 + 1);
    world_audit(&s->w, "a table's frame");
    alloc_hv_put(&s->w.mm, one, 0);
    give_chunks(s, chunk, n);
}

/* A block for its place, and none for what has no place. */
static void a_page_named_twice_cuts_one_block(void **state)
{
    struct balloon *s = *state;
    const pfn_t pfn[] = {pfn_of(7), pfn_of(7), pfn_of(7)};
    mfn_t m[ARRAY_SIZE(pfn)];
    unsigned done;

    out_span(s, 0);
    assert_int_equal(reservation_increase_list(&s->op, pfn, m, 3, &done),
                     ERR_NONE);
    assert_int_equal(done, 1);
    assert_int_equal(s->us.d.blocks, SPANS);
    assert_int_equal(
        reservation_increase_list(&s->op, pfn + 1, m + 1, 2, &done), ERR_NONE);
    assert_int_equal(done, 2);
    assert_int_equal(s->us.d.blocks, SPANS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        balloon_test(each_span_is_whole_again),
        balloon_test(else_hardly_one_is),
        balloon_test(a_block_that_was_forgotten_is_learnt_again),
        balloon_test(a_guest_that_lies_hurts_itself_alone),
        balloon_test(one_frame_alone_is_not_believed),
        balloon_test(of_two_blocks_one_serves),
        balloon_test(a_block_of_anothers_serves_no_more),
        balloon_test(a_block_that_came_back_serves_what_it_was_cut_for),
        balloon_test(a_place_is_left_alone_while_there_is_another),
        balloon_test(a_place_is_better_than_none),
        balloon_test(the_quota_is_kept),
        balloon_test(one_block_is_cut_in_one_go),
        balloon_test(a_list_goes_on_to_maxmem),
        balloon_test(other_pages_come_from_anywhere),
        balloon_test(without_memory_for_slots_all_goes_on),
        balloon_test(what_is_owed_comes_before_a_slot),
        balloon_test(a_block_that_is_not_needed_goes_back),
        balloon_test(a_page_named_twice_cuts_one_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
