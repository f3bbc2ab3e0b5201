/* SPDX-License-Identifier: MIT */
/*
 * test_poison.c: memory that the hardware has given up is given to nobody:
 * when it is free, in a cache, somebody's, or in a shared block; and all the
 * rest of the machine still is, as the audit sees it.
 */
#include "scene.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/alloc/poison.h"
#include "mm/alloc/quota.h"
#include "mm/alloc/shared.h"

/* Takes all the blocks there are: is this one of them? How many? */
static bool somebody_gets(struct world *w, uint64_t b, unsigned *n)
{
    blk_t got[64];
    bool found = false;

    for (*n = 0; *n < 64 && !alloc_block_get(&w->mm, OWNER_MAX, ALLOC_CUT,
                                             ALLOC_ANYTHING, &got[*n]);
         ++*n)
        found |= got[*n].v == b;
    for (unsigned i = *n; i > 0; i--)
        alloc_block_put(&w->mm, got[i - 1], ALLOC_ANYTHING);
    return found;
}

static void is_gone(struct world *w, uint64_t b, unsigned left)
{
    unsigned n;

    assert_false(somebody_gets(w, b, &n));
    assert_int_equal(n, left);
    assert_int_equal(block_class(w->mm.blocks[b].word), BLOCK_NOT_RAM);
    world_audit(w, "a block left");
    w->blocks_at_boot--;
}

/* 24 blocks, of which block 0 is none; poisoned is the last frame of one. */
static mfn_t last_of(uint64_t b)
{
    return mfn_add(mfn_of_blk(blk_of(b)), BLOCK_FRAMES - 1);
}

static void free_it_leaves_at_once(void **state)
{
    struct world w;
    unsigned n;

    (void)state;
    world_make(&w, 24);
    assert_true(somebody_gets(&w, 9, &n));
    assert_int_equal(n, 23);
    assert_int_equal(poison_frame(&w.mm, last_of(9)), ERR_NONE);
    is_gone(&w, 9, 22);
    assert_int_equal(poison_frame(&w.mm, last_of(9)), ERR_PERM);
    alloc_scrub(&w.mm, 24);
    assert_int_equal(poison_frame(&w.mm, last_of(1)), ERR_NONE); /* clean */
    is_gone(&w, 1, 21);
    assert_int_equal(poison_frame(&w.mm, last_of(100)), ERR_PERM);
    world_end(&w);
}

static void in_a_cache_it_leaves_at_once(void **state)
{
    struct world w;
    blk_t first, b;

    (void)state;
    world_make(&w, 24);
    assert_int_equal(
        alloc_block_get(&w.mm, 1, ALLOC_WHOLE, ALLOC_ANYTHING, &first),
        ERR_NONE);
    /* What the CPU has to hand out next. */
    assert_int_equal(poison_frame(&w.mm, last_of(first.v + 1)), ERR_NONE);
    assert_int_equal(alloc_block_get(&w.mm, 1, ALLOC_WHOLE, ALLOC_ANYTHING, &b),
                     ERR_NONE);
    assert_int_not_equal(b.v, first.v + 1);
    alloc_block_put(&w.mm, b, ALLOC_ANYTHING);
    alloc_block_put(&w.mm, first, ALLOC_ANYTHING);
    /* What was given back to it last. */
    assert_int_equal(poison_frame(&w.mm, last_of(first.v)), ERR_NONE);
    is_gone(&w, first.v, 21);
    is_gone(&w, first.v + 1, 21);
    world_end(&w);
}

static void somebodys_it_leaves_when_it_comes_back(void **state)
{
    struct world w;
    blk_t b;

    (void)state;
    world_make(&w, 24);
    assert_int_equal(alloc_block_get(&w.mm, 1, ALLOC_WHOLE, ALLOC_ZEROES, &b),
                     ERR_NONE);
    assert_int_equal(poison_frame(&w.mm, last_of(b.v)), ERR_NONE);
    assert_int_equal(poison_frame(&w.mm, last_of(b.v)), ERR_EXIST);
    assert_true(block_owned_by(w.mm.blocks[b.v].word, 1));
    alloc_block_put(&w.mm, b, ALLOC_ANYTHING);
    is_gone(&w, b.v, 22);
    world_end(&w);
}

/* A promise is kept: the block stays until it has been somebody's. */
static void not_what_is_promised(void **state)
{
    struct world w;
    blk_t b[23];
    unsigned promised = 0;

    (void)state;
    world_make(&w, 24);
    alloc_set_reserve(&w.mm, 0);
    while (!alloc_claim(&w.mm, 1))
        promised++;
    assert_int_equal(promised, 23);
    assert_int_equal(poison_frame(&w.mm, last_of(5)), ERR_BUSY);
    world_audit(&w, "refused");
    for (unsigned i = 0; i < 23; i++)
        assert_int_equal(
            alloc_block_get(&w.mm, 1, ALLOC_CLAIMED, ALLOC_ANYTHING, &b[i]),
            ERR_NONE);
    for (unsigned i = 0; i < 23; i++)
        alloc_block_put(&w.mm, b[i], ALLOC_ANYTHING);
    is_gone(&w, 5, 22);
    world_end(&w);
}

static void there_is_an_end_to_it(void **state)
{
    struct world w;

    (void)state;
    world_make(&w, 100);
    for (unsigned i = 0; i < POISON_MAX; i++)
        assert_int_equal(poison_frame(&w.mm, last_of(20 + i)), ERR_NONE);
    assert_int_equal(poison_frame(&w.mm, last_of(90)), ERR_NOSPC);
    world_audit(&w, "too many");
    w.blocks_at_boot -= POISON_MAX;
    world_end(&w);
}

static void a_domain_with_it_can_end(void **state)
{
    struct scene *s = *state;

    assert_int_equal(poison_frame(&s->w.mm, scene_member(s, 7)), ERR_NONE);
    assert_int_equal(poison_frame(&s->w.mm, s->l1), ERR_NONE);
    world_audit(&s->w, "two of its blocks");
    s->w.blocks_at_boot -= 2; /* scene_end() */
}

static unsigned free_in_shared(struct scene *s)
{
    return (unsigned)shared_stats(&s->w.mm).free_frames;
}

static void of_a_shared_block_nobody_gets_a_frame(void **state)
{
    struct scene *s = *state;
    mfn_t m;

    scene_share(s);
    assert_int_equal(free_in_shared(s), 3);
    assert_int_equal(poison_frame(&s->w.mm, scene_member(s, 7)), ERR_NONE);
    m = scene_they_get(s);
    assert_int_not_equal(blk_of_mfn(m).v, blk_of_mfn(s->block).v);
    assert_int_equal(dmem_chunk_get(&s->op, 0, &m), ERR_NONE); /* its keeper */
    assert_int_not_equal(blk_of_mfn(m).v, blk_of_mfn(s->block).v);
    assert_int_equal(free_in_shared(s), 3);
    (void)shared_scrub(&s->w.mm, 100); /* nor is it written to */
    assert_int_equal(*(uint8_t *)mm_frame_ptr(&s->w.mm, scene_member(s, 4)),
                     0x5a);
    s->w.blocks_at_boot -= 1;
}

/* What was poisoned before it was shared. */
static void shared_later_it_is_the_same(void **state)
{
    struct scene *s = *state;

    assert_int_equal(poison_frame(&s->w.mm, scene_member(s, 7)), ERR_NONE);
    scene_share(s);
    assert_int_not_equal(blk_of_mfn(scene_they_get(s)).v,
                         blk_of_mfn(s->block).v);
    s->w.blocks_at_boot -= 1;
}

/* In between: it was asked for before it is shared, and closed by nobody. */
static void *shares(void *arg)
{
    scene_share(arg);
    return NULL;
}

static void poisoned_while_it_is_shared(void **state)
{
    struct scene *s = *state;
    struct mm *mm = &s->w.mm;
    const uint64_t b = blk_of_mfn(s->block).v;
    pthread_t other;

    spin_lock(&mm->shared.lock);
    assert_int_equal(pthread_create(&other, NULL, shares, s), 0);
    while (block_class(atomic_load(&mm->blocks[b].word)) != BLOCK_SHARED)
        sched_yield();
    mm->alloc.poison.block[0] = (uint32_t)b;
    atomic_store(&mm->alloc.poison.nr, 1);
    spin_unlock(&mm->shared.lock);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_int_not_equal(blk_of_mfn(scene_they_get(s)).v, b);
    s->w.blocks_at_boot -= 1;
}

#define MANY 20 /* more than anybody looks at */

/* n blocks of which each has frames 2 to 5 free. */
static void share_many(struct mm_op *op, blk_t b[MANY], unsigned n)
{
    op->d->relinquish = RELINQUISH_CUT;
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(dmem_block_get(op, &b[i]), ERR_NONE);
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 2; k < 6; k++)
            assert_int_equal(
                reservation_decrease(op, mfn_add(mfn_of_blk(b[i]), k), 0),
                ERR_NONE);
    world_done(op);
}

static void what_is_poisoned_does_not_hide_the_rest(void **state)
{
    struct world w;
    struct world_domain us;
    struct mm_op op;
    blk_t b[MANY];
    mfn_t m;

    (void)state;
    world_make(&w, 64);
    world_domain(&w, &us, 1, 40 * BLOCK_FRAMES);
    op = mm_op_on(&us.d, &us.v);
    share_many(&op, b, MANY);
    assert_int_equal(shared_stats(&w.mm).free_frames, 4 * MANY);
    for (unsigned i = 1; i < MANY; i++) /* the first is the last listed */
        assert_int_equal(poison_frame(&w.mm, last_of(b[i].v)), ERR_NONE);
    assert_int_equal(shared_scrub(&w.mm, 100), 4);
    assert_true(shared_take_chunk(&op, 1, &m));
    assert_int_equal(blk_of_mfn(m).v, b[0].v);
    assert_int_equal(shared_take(&op, &m, 1), 1);
    assert_int_equal(blk_of_mfn(m).v, b[0].v);
    us.d.tot_pages += 3;
    world_done(&op);
    world_audit(&w, "around the poisoned ones");
    w.blocks_at_boot -= MANY - 1;
    world_destroy(&w, &us);
    world_end(&w);
}

/* Its quota has no room for others', of which there are many before its own. */
static void nor_does_one_that_is_kept(void **state)
{
    struct world w;
    struct world_domain us, them;
    struct mm_op ours, theirs;
    blk_t b[MANY], other[MANY];
    mfn_t m;

    (void)state;
    world_make(&w, 64);
    world_domain(&w, &us, 1, 4 * BLOCK_FRAMES);
    world_domain(&w, &them, 2, 40 * BLOCK_FRAMES);
    ours = mm_op_on(&us.d, &us.v);
    theirs = mm_op_on(&them.d, &them.v);
    share_many(&ours, b, 4);
    us.d.max_pages = 0; /* but it has all it may */
    assert_int_equal(quota_left(&us.d), 0);
    share_many(&theirs, other, MANY);
    assert_int_equal(poison_frame(&w.mm, last_of(b[3].v)), ERR_NONE);
    assert_int_equal(shared_take(&ours, &m, 1), 1);
    assert_int_equal(blk_of_mfn(m).v, b[2].v);
    us.d.tot_pages++;
    us.d.max_pages = 4 * BLOCK_FRAMES;
    world_done(&ours);
    world_audit(&w, "around the kept one");
    w.blocks_at_boot--;
    world_destroy(&w, &us);
    world_destroy(&w, &them);
    world_end(&w);
}

/* What leaves may be what was to spare. */
static void the_reserve_is_known_to_be_low(void **state)
{
    struct world w;

    (void)state;
    world_make(&w, 24);
    alloc_set_reserve(&w.mm, 23);
    assert_false(w.mm.alloc.low);
    assert_int_equal(poison_frame(&w.mm, last_of(9)), ERR_NONE);
    assert_true(w.mm.alloc.low);
    alloc_set_reserve(&w.mm, 0);
    w.blocks_at_boot--;
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_it_leaves_at_once),
        cmocka_unit_test(in_a_cache_it_leaves_at_once),
        cmocka_unit_test(somebodys_it_leaves_when_it_comes_back),
        cmocka_unit_test(not_what_is_promised),
        cmocka_unit_test(there_is_an_end_to_it),
        scene_test(a_domain_with_it_can_end),
        scene_test(of_a_shared_block_nobody_gets_a_frame),
        scene_test(shared_later_it_is_the_same),
        scene_test(poisoned_while_it_is_shared),
        cmocka_unit_test(what_is_poisoned_does_not_hide_the_rest),
        cmocka_unit_test(nor_does_one_that_is_kept),
        cmocka_unit_test(the_reserve_is_known_to_be_low),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
