/* SPDX-License-Identifier: MIT */
/*
 * Shared blocks, case by case: how a block becomes one and goes, whose its
 * frames are, what they contain, and that the audit sees each count that is
 * wrong. That nobody reaches what is another's is in test_shared_reach.c,
 * lives at random are in test_shared_walk.c.
 */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc/m2p.h"
#include "mm/alloc/shared.h"
#include "mm/pv/supply.h"

#define SUPER (KERNEL | PTE_PSE)

static uint64_t word(const struct scene *s, mfn_t block)
{
    return mm_block(&s->w.mm, blk_of_mfn(block))->word;
}

static bool is_zero(struct scene *s, mfn_t m)
{
    static const uint8_t zeroes[PAGE_SIZE];

    return memcmp(mm_frame_ptr(&s->w.mm, m), zeroes, PAGE_SIZE) == 0;
}

/* --- coming and going ---------------------------------------------------- */

static void keep_makes_holes_that_nobody_else_gets(void **state)
{
    struct scene *s = *state;
    mfn_t m;

    assert_int_equal(reservation_decrease(&s->op, scene_member(s, 3), 0),
                     ERR_NONE);
    assert_true(block_owned_by(word(s, s->block), s->us.d.id));
    assert_int_equal(s->us.d.shared_frames, 0);
    m = scene_they_get(s);
    assert_int_not_equal(blk_of_mfn(m).v, blk_of_mfn(s->block).v);
}

static void cut_shares_the_block(void **state)
{
    struct scene *s = *state;
    uint64_t pages = s->us.d.tot_pages, blocks = s->us.d.blocks;
    mfn_t m[3];

    scene_share(s);
    assert_int_equal(block_class(word(s, s->block)), BLOCK_SHARED);
    assert_int_equal(block_owner(word(s, s->block)), OWNER_NONE);
    assert_int_equal(s->us.d.tot_pages, pages - 3);
    assert_int_equal(s->us.d.blocks, blocks - 1);
    assert_int_equal(s->us.d.shared_frames, 509);
    assert_int_equal(shared_stats(&s->w.mm).blocks, 1);
    assert_int_equal(shared_stats(&s->w.mm).free_frames, 3);
    for (unsigned i = 0; i < 3; i++) {
        m[i] = scene_they_get(s);
        assert_int_equal(m[i].v, scene_member(s, 3 + i).v);
        assert_true(is_zero(s, m[i]));
        assert_int_equal(s->w.mm.m2p[m[i].v], M2P_INVALID);
    }
    assert_int_equal(s->them.d.shared_frames, 3);
    assert_int_equal(shared_stats(&s->w.mm).free_frames, 0);
    assert_int_not_equal(blk_of_mfn(scene_they_get(s)).v,
                         blk_of_mfn(s->block).v);
}

static void not_while_it_is_large(void **state)
{
    struct scene *s = *state;

    s->us.d.relinquish = RELINQUISH_CUT;
    assert_int_equal(scene_update(s, s->l2, 7, pte_make(s->block, SUPER).v),
                     ERR_NONE);
    assert_int_equal(reservation_decrease(&s->op, scene_member(s, 3), 0),
                     ERR_BUSY);
    assert_true(block_owned_by(word(s, s->block), s->us.d.id));
    assert_int_equal(scene_update(s, s->l2, 7, 0), ERR_NONE);
    assert_int_equal(mmu_mark_super(&s->op, s->block), ERR_NONE);
    assert_int_equal(reservation_decrease(&s->op, scene_member(s, 3), 0),
                     ERR_BUSY);
    assert_int_equal(mmu_unmark_super(&s->op, s->block), ERR_NONE);
    scene_share(s);
    assert_int_equal(scene_update(s, s->l2, 7, pte_make(s->block, SUPER).v),
                     ERR_INVAL);
    assert_int_equal(mmu_mark_super(&s->op, s->block), ERR_INVAL);
}

static void all_free_it_goes_back_whole(void **state)
{
    struct scene *s = *state;
    uint64_t free_before;
    mfn_t m;

    scene_share(s);
    m = scene_they_get(s);
    free_before = alloc_stats(&s->w.mm).free;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        if (i < 3 || i > 5)
            assert_int_equal(
                reservation_decrease(&s->op, scene_member(s, i), 0), ERR_NONE);
    world_done(&s->op);
    world_audit(&s->w, "giving it all back");
    assert_int_equal(alloc_stats(&s->w.mm).free, free_before);
    s->op = mm_op_on(&s->them.d, &s->them.v);
    assert_int_equal(reservation_decrease(&s->op, m, 0), ERR_NONE);
    world_done(&s->op);
    assert_true(alloc_stats(&s->w.mm).free > free_before);
    assert_int_equal(shared_stats(&s->w.mm).blocks, 0);
}

/* An extent of the whole block gives it back whole, also in pieces. */
static void whole_extents(void **state)
{
    struct scene *s = *state;
    mfn_t m;

    s->us.d.relinquish = RELINQUISH_CUT;
    assert_int_equal(reservation_decrease(&s->op, s->block, 9), ERR_NONE);
    assert_int_equal(shared_stats(&s->w.mm).blocks, 0);
    assert_int_equal(reservation_increase(&s->op, PFN_NONE, 9, &s->block),
                     ERR_NONE);
    for (unsigned i = 0; i < BLOCK_FRAMES; i += 256)
        assert_int_equal(reservation_decrease(&s->op, scene_member(s, i), 8),
                         ERR_NONE);
    world_done(&s->op);
    assert_int_equal(shared_stats(&s->w.mm).blocks, 0);
    /* One frame of the block is in use: it leaves when that ends. */
    assert_int_equal(reservation_increase(&s->op, PFN_NONE, 9, &s->block),
                     ERR_NONE);
    m = scene_member(s, 77);
    assert_int_equal(scene_update(s, s->l1, 9, pte_make(m, KERNEL).v),
                     ERR_NONE);
    assert_int_equal(reservation_decrease(&s->op, s->block, 9), ERR_NONE);
    world_done(&s->op);
    assert_int_equal(s->us.d.shared_frames, 1);
    world_audit(&s->w, "all but one");
    assert_int_equal(scene_update(s, s->l1, 9, 0), ERR_NONE);
    assert_int_equal(shared_stats(&s->w.mm).blocks, 0);
}

/* One cut for small frames, with fixed and supplied ones in it. */
static void a_cut_block_with_all_kinds(void **state)
{
    struct scene *s = *state;
    mfn_t fixed, table, m = scene_frame(s);
    uint64_t never_used = s->us.d.holes;

    assert_int_equal(dmem_fixed_get(&s->op, &fixed), ERR_NONE);
    assert_int_equal(supply_get(&s->op, &table), ERR_NONE);
    s->us.d.relinquish = RELINQUISH_CUT;
    assert_int_equal(reservation_decrease(&s->op, m, 0), ERR_NONE);
    world_done(&s->op);
    assert_int_equal(s->us.d.blocks_cut, 0);
    assert_int_equal(s->us.d.holes, 0);
    assert_int_equal(s->us.d.holed, 0);
    assert_int_equal(shared_stats(&s->w.mm).free_frames, never_used - 2 + 1);
    world_audit(&s->w, "sharing tables");
    assert_int_equal(reservation_decrease(&s->op, fixed, 0), ERR_INVAL);
    assert_true(supply_put(&s->op, table));
    assert_int_equal(supply_get(&s->op, &table), ERR_NONE);
    assert_int_equal(scene_update(s, s->l2, 8, pte_make(table, KERNEL).v),
                     ERR_NONE);
}

/* Runs come from shared blocks too, and an exchange goes through them. */
static void chunks_and_exchanges(void **state)
{
    struct scene *s = *state;
    struct mm_op op = mm_op_on(&s->them.d, &s->them.v);
    mfn_t m, out[4], in[4];
    pfn_t pfn[4] = {pfn_of(1), pfn_of(2), pfn_of(3), pfn_of(4)};
    struct reservation_exchange x = {
        .in = in, .out = out, .out_pfn = pfn, .n_in = 4, .n_out = 4};

    scene_share(s);
    assert_int_equal(dmem_chunk_get(&op, 1, &m), ERR_NONE);
    assert_int_equal(m.v, scene_member(s, 4).v);
    assert_true(is_zero(s, m) && is_zero(s, mfn_add(m, 1)));
    assert_int_equal(s->them.d.shared_frames, 2);
    for (unsigned i = 0; i < 4; i++)
        in[i] = scene_member(s, 100 + i);
    assert_int_equal(reservation_exchange(&s->op, &x), ERR_NONE);
    world_done(&s->op);
    world_audit(&s->w, "exchange");
    in[0] = m; /* theirs */
    assert_int_equal(reservation_exchange(&s->op, &x), ERR_INVAL);
    world_audit(&s->w, "exchange");
}

/* What nobody has had since it was scrubbed is not scrubbed again. */
static void scrubbed_once(void **state)
{
    struct scene *s = *state;
    mfn_t m = scene_frame(s), first, second;

    memset(mm_frame_ptr(&s->w.mm, m), 0x5a, PAGE_SIZE);
    s->us.d.relinquish = RELINQUISH_CUT;
    assert_int_equal(reservation_decrease(&s->op, m, 0), ERR_NONE);
    world_done(&s->op);
    first = scene_they_get(s);
    second = scene_they_get(s);
    assert_int_equal(first.v, m.v); /* the lowest */
    assert_true(is_zero(s, first) && is_zero(s, second));
    /* As if it were dirty, to see that nobody looks. */
    *(uint64_t *)mm_frame_ptr(&s->w.mm, mfn_add(second, 1)) = 1;
    assert_false(is_zero(s, scene_they_get(s)));
}

/* --- the end, and the audit ---------------------------------------------- */

/* In idle time; then it is not done again. */
static void scrubbed_ahead(void **state)
{
    struct scene *s = *state;

    scene_share(s);
    assert_int_equal(shared_scrub(&s->w.mm, 2), 2);
    world_audit(&s->w, "scrubbing");
    assert_int_equal(shared_stats(&s->w.mm).free_frames, 3);
    assert_true(is_zero(s, scene_member(s, 3)));
    assert_true(is_zero(s, scene_member(s, 4)));
    assert_false(is_zero(s, scene_member(s, 5)));
    assert_int_equal(shared_scrub(&s->w.mm, 9), 1);
    assert_int_equal(shared_scrub(&s->w.mm, 9), 0);
    /* As if it were dirty, to see that nobody looks. */
    *(uint64_t *)mm_frame_ptr(&s->w.mm, scene_member(s, 3)) = 1;
    assert_false(is_zero(s, scene_they_get(s)));
    assert_int_equal(reservation_decrease(&s->op, scene_member(s, 9), 0),
                     ERR_NONE);
    world_done(&s->op);
    assert_int_equal(shared_scrub(&s->w.mm, 9), 1);
    /* A block with a single free frame leaves the list and comes back. */
    for (unsigned i = 0; i < 3; i++)
        (void)scene_they_get(s);
    assert_int_equal(reservation_decrease(&s->op, scene_member(s, 10), 0),
                     ERR_NONE);
    world_done(&s->op);
    assert_int_equal(shared_scrub(&s->w.mm, 9), 1);
    world_audit(&s->w, "scrubbing");
}

static void each_end_takes_its_own_frames(void **state)
{
    struct scene *s = *state;
    struct mm_op op = mm_op_on(&s->them.d, &s->them.v);
    mfn_t table = scene_member(s, 20), m, n;

    scene_share(s);
    m = scene_they_get(s);
    n = scene_they_get(s);
    memset(mm_frame_ptr(&s->w.mm, table), 0, PAGE_SIZE);
    assert_int_equal(mmu_pin(&s->op, table, 1), ERR_NONE);
    assert_int_equal(mmu_pin(&op, m, 1), ERR_NONE);
    assert_int_equal(mmu_update(&op, m.v << PAGE_SHIFT, pte_make(n, KERNEL).v),
                     ERR_NONE);
    assert_int_equal(mmu_seg_load(&s->op, 3, scene_member(s, 30)), ERR_NONE);
    world_destroy(&s->w, &s->us);
    assert_int_equal(shared_stats(&s->w.mm).blocks, 1);
    assert_int_equal(shared_stats(&s->w.mm).free_frames, 510);
    assert_int_equal(mmu_update(&op, m.v << PAGE_SHIFT, 0), ERR_NONE);
    world_destroy(&s->w, &s->them);
    assert_int_equal(shared_stats(&s->w.mm).blocks, 0);
    /* For the scene to end with: ids are used again. */
    world_domain(&s->w, &s->us, 1, 512);
    world_domain(&s->w, &s->them, 2, 512);
    s->op = mm_op_on(&s->us.d, &s->us.v);
}

/* Changes *p, and says whether the audit noticed; *p is as before then. */
#define noticed(s, p, v)                                                       \
    ({                                                                         \
        __typeof__(*(p)) was_ = *(p);                                          \
        bool clean_;                                                           \
        *(p) = (__typeof__(was_))(v);                                          \
        clean_ = mm_audit(&(s)->w.mm, (s)->w.scratch).clean;                   \
        *(p) = was_;                                                           \
        !clean_;                                                               \
    })

static void the_audit_sees_what_is_wrong(void **state)
{
    struct scene *s = *state;
    struct mm *mm = &s->w.mm;
    struct block *b = mm_block(mm, blk_of_mfn(s->block));
    struct frame_table *t;

    scene_share(s);
    (void)scene_they_get(s);
    t = frame_table_at(mm, b->table);
    assert_true(noticed(s, &mm->shared.blocks, 2));
    assert_true(noticed(s, &mm->shared.free_frames, 1));
    assert_true(noticed(s, &mm->shared.first, 0));
    assert_true(noticed(s, &s->us.d.shared_frames, 508));
    assert_true(noticed(s, &s->them.d.shared_frames, 0));
    assert_true(noticed(s, &t->nr_free, 3));
    assert_true(noticed(s, &t->hole_map[0], 0x18));
    assert_true(noticed(s, &t->prev, 5));
    assert_true(noticed(s, &b->word, b->word + BLOCK_HOLES_ONE));
    assert_true(noticed(s, &b->word, b->word + BLOCK_EXCL_ONE));
    assert_true(noticed(s, &b->word, b->word | BLOCK_MARK));
    assert_true(noticed(s, &b->word, b->word | BLOCK_CUT));
    assert_true(noticed(s, &t->word[3], frame_word_owned(s->us.d.id)));
    assert_true(noticed(s, &t->word[3], frame_word_owned(99)));
    assert_true(noticed(s, &t->word[3], frame_word_hole()));
    assert_true(noticed(s, &t->word[4], frame_word_owned(s->us.d.id)));
    assert_true(noticed(s, &t->word[4], t->word[4] + FRAME_REF_ONE));
    world_audit(&s->w, "putting it right");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(keep_makes_holes_that_nobody_else_gets),
        scene_test(cut_shares_the_block),
        scene_test(not_while_it_is_large),
        scene_test(all_free_it_goes_back_whole),
        scene_test(whole_extents),
        scene_test(a_cut_block_with_all_kinds),
        scene_test(chunks_and_exchanges),
        scene_test(scrubbed_once),
        scene_test(scrubbed_ahead),
        scene_test(each_end_takes_its_own_frames),
        scene_test(the_audit_sees_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
