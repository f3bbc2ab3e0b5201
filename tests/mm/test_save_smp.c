/* SPDX-License-Identifier: MIT */
/*
 * test_save_smp.c: a suspended domain is saved and relocated on one CPU, while
 * domains on others (cpus.h) get blocks, share and close them, and give them
 * back. What it has does not change, so every image is the first one once more;
 * and relocation is out by RELOCATE_SPARES blocks at most, whatever others give
 * back meanwhile. SAVES and MOVES make it longer, SEED picks another course.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cpus.h"
#include "mm/alloc/m2p.h"
#include "mm/save/relocate.h"
#include "saving.h"

#ifndef SAVES
#define SAVES 200u
#endif
#ifndef MOVES
#define MOVES 15u
#endif
#define CPUS   3u
#define BLOCKS 64u

static struct world world;
static struct world_domain saved, other[CPUS];
static struct mm_op op;
static struct snapshot snapshot;
static _Atomic bool over;
static _Atomic uint64_t closed, given;

static unsigned setting(const char *name, unsigned otherwise)
{
    const char *s = getenv(name);

    return s ? (unsigned)atoi(s) : otherwise;
}

static void make(domid_t id, struct world_domain *x, enum relinquish relinquish,
                 uint64_t blocks)
{
    world_domain(&world, x, id, blocks * BLOCK_FRAMES);
    x->d.relinquish = relinquish;
}

/* In steps, the lock given back in between, as hv/svc/migrate does. */
static enum err take_snapshot(void)
{
    enum err rc;

    mm_op_begin(&op, &saved.d, &saved.v);
    snapshot_begin(&snapshot, &op, no_p2m);
    mm_op_end(&op);
    do {
        mm_op_begin(&op, &saved.d, &saved.v);
        rc = snapshot_step(&snapshot);
        mm_op_end(&op);
    } while (rc == ERR_RESTART);
    return rc;
}

static void end_snapshot(void)
{
    while (snapshot_end(&snapshot) == ERR_RESTART)
        ;
}

static void run(unsigned seed, void (*body)(unsigned cpu))
{
    over = false;
    cpus_run(CPUS, seed + setting("SEED", 0), body);
}

/* --- saved ------------------------------------------------------------------
 */

#define PAGES  4u /* blocks it may have */
#define SINGLE 150u
#define LIE    (PAGES * BLOCK_FRAMES) /* pfns it might have, and has not */

static uint64_t had;
static uint8_t *first;
static uint64_t first_bytes;

static void number(mfn_t m, uint64_t pfn)
{
    m2p_set(&world.mm, m, pfn_of(pfn), 1);
    *(uint64_t *)mm_frame_ptr(&world.mm, m) = ~pfn;
}

/* A block, and single frames, one of them a table, in one that is shared. */
static void furnish(void)
{
    mfn_t m[SINGLE];
    unsigned done;
    blk_t b;

    op = mm_op_on(&other[0].d, &other[0].v);
    assert_int_equal(dmem_block_get(&op, &b), ERR_NONE);
    for (unsigned i = 1; i < BLOCK_FRAMES; i++)
        assert_int_equal(dmem_frame_put(&op, mfn_add(mfn_of_blk(b), i)),
                         ERR_NONE);
    world_done(&op);
    op = mm_op_on(&saved.d, &saved.v);
    assert_int_equal(dmem_frames_get(&op, m, SINGLE, &done), ERR_NONE);
    assert_int_equal(saved.d.shared_frames, SINGLE);
    for (unsigned i = 0; i < SINGLE; i++)
        number(m[i], BLOCK_FRAMES + i);
    memset(mm_frame_ptr(&world.mm, m[9]), 0, PAGE_SIZE);
    *(pte_t *)mm_frame_ptr(&world.mm, m[9]) = pte_make(m[8], PTE_P | PTE_US);
    assert_int_equal(mmu_pin(&op, m[9], 1), ERR_NONE);
    assert_int_equal(dmem_block_get(&op, &b), ERR_NONE);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        number(mfn_add(mfn_of_blk(b), i), i);
    world_done(&op);
    had = BLOCK_FRAMES + SINGLE;
}

static void compare(const struct image *i)
{
    uint8_t *bytes = saving_bytes(i);

    if (!first) {
        first = bytes;
        first_bytes = i->bytes;
        return;
    }
    if (i->bytes != first_bytes || memcmp(bytes, first, first_bytes))
        cpus_fail("another image than the first");
    free(bytes);
}

static void save_once(void)
{
    static struct save s;
    struct image i;

    if (take_snapshot())
        cpus_fail("no snapshot: %s", snapshot.job.why);
    if (snapshot.nr_frames != had)
        cpus_fail("%lu frames of %lu", snapshot.nr_frames, had);
    if (image_init(&i, &world.mm, IMAGE_OWNER, 4 * BLOCK_FRAMES) ||
        saving_save(&s, &snapshot, &i, NULL))
        cpus_fail("no image: %s", s.job.why);
    end_snapshot();
    compare(&i);
    saving_free(&i);
}

/* A block, for as long as it is whole with pfns that would do for the other;
 * then shared by its first frame, and closed with its last. */
static void share_and_close(struct world_domain *x)
{
    struct mm_op mine;
    mfn_t m;
    blk_t b;

    mm_op_begin(&mine, &x->d, &x->v);
    if (dmem_block_get_dirty(&mine, &b))
        cpus_fail("no block to share");
    m = mfn_of_blk(b);
    m2p_set(&world.mm, m, pfn_of(LIE + (x->d.id - 1) * BLOCK_FRAMES),
            BLOCK_FRAMES);
    mm_op_end(&mine);
    cpus_rest();
    mm_op_begin(&mine, &x->d, &x->v);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        if (dmem_frame_put(&mine, mfn_add(m, i)))
            cpus_fail("frame %u does not go", i);
    mm_op_end(&mine);
    closed++;
}

static void save_or_share(unsigned cpu)
{
    if (cpu > 0) {
        while (!over)
            share_and_close(&other[cpu]);
        return;
    }
    cpus_preempt(40);
    for (unsigned n = setting("SAVES", SAVES); n > 0; n--)
        save_once();
    over = true;
}

static void an_image_is_of_what_the_domain_has(void **state)
{
    (void)state;
    world_make(&world, BLOCKS);
    for (unsigned i = 0; i < CPUS; i++)
        make((domid_t)(i + 1), &other[i], RELINQUISH_CUT, 3);
    make(9, &saved, RELINQUISH_KEEP, PAGES);
    furnish();
    run(1, save_or_share);
    print_message("%lu shared blocks closed meanwhile\n", closed);
    assert_true(closed > 0);
    free(first);
    first = NULL;
    world_destroy(&world, &saved);
    for (unsigned i = 0; i < CPUS; i++)
        world_destroy(&world, &other[i]);
    world_end(&world);
}

/* --- relocated --------------------------------------------------------------
 */

#define SPANS 16u
#define TAKEN 6u

/* Of each span there are as many frames in each of its blocks. */
static void make_scattered(void)
{
    mm_op_begin(&op, &saved.d, &saved.v);
    for (unsigned k = 0; k < SPANS; k++) {
        blk_t b;

        if (dmem_block_get(&op, &b))
            cpus_fail("no block for a span");
        for (unsigned i = 0; i < BLOCK_FRAMES; i++)
            m2p_set(&world.mm, mfn_add(mfn_of_blk(b), i), pfn_of(i * SPANS + k),
                    1);
    }
    mm_op_end(&op);
}

static mfn_t span_at(uint64_t n)
{
    return snapshot_mfn(&snapshot, pfn_of(n * BLOCK_FRAMES));
}

static void relocate_once(void)
{
    static struct relocate r;
    enum err rc;

    make_scattered();
    if (take_snapshot())
        cpus_fail("no snapshot: %s", snapshot.job.why);
    relocate_begin(&r, &snapshot);
    do {
        mm_op_begin(&op, &saved.d, &saved.v);
        rc = relocate_step(&r);
        if (saved.d.blocks > SPANS + RELOCATE_SPARES)
            cpus_fail("%lu blocks for %u", saved.d.blocks, SPANS);
        mm_op_end(&op);
        cpus_rest();
    } while (rc == ERR_RESTART);
    if (rc || r.result.whole != SPANS || saved.d.blocks != SPANS)
        cpus_fail("%lu spans whole, in %lu blocks", r.result.whole,
                  saved.d.blocks);
    mm_op_begin(&op, &saved.d, &saved.v);
    for (unsigned k = 0; k < SPANS; k++)
        if (dmem_block_put(&op, blk_of_mfn(span_at(k))))
            cpus_fail("span %u does not go", k);
    mm_op_end(&op);
    end_snapshot();
}

static void take_and_give_back(struct world_domain *x)
{
    struct mm_op mine;
    blk_t b[TAKEN];

    mm_op_begin(&mine, &x->d, &x->v);
    for (unsigned i = 0; i < TAKEN; i++)
        if (dmem_block_get_dirty(&mine, &b[i]))
            cpus_fail("no block to take");
    mm_op_end(&mine);
    cpus_rest();
    mm_op_begin(&mine, &x->d, &x->v);
    for (unsigned i = 0; i < TAKEN; i++)
        if (dmem_block_put(&mine, b[i]))
            cpus_fail("a block does not go");
    mm_op_end(&mine);
    given += TAKEN;
}

static void relocate_or_take(unsigned cpu)
{
    if (cpu > 0) {
        while (!over)
            take_and_give_back(&other[cpu]);
        return;
    }
    cpus_preempt(1);
    for (unsigned n = setting("MOVES", MOVES); n > 0; n--)
        relocate_once();
    over = true;
}

static void relocation_counts_what_it_gave_back(void **state)
{
    (void)state;
    world_make(&world, BLOCKS);
    for (unsigned i = 0; i < CPUS; i++)
        make((domid_t)(i + 1), &other[i], RELINQUISH_KEEP, TAKEN);
    make(9, &saved, RELINQUISH_KEEP, 2 * SPANS);
    run(1000, relocate_or_take);
    print_message("%lu blocks given back meanwhile\n", given);
    assert_true(given > 0);
    world_destroy(&world, &saved);
    for (unsigned i = 0; i < CPUS; i++)
        world_destroy(&world, &other[i]);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_is_of_what_the_domain_has),
        cmocka_unit_test(relocation_counts_what_it_gave_back),
    };

    alarm(setting("ALARM", 100));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
