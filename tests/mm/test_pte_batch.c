/* SPDX-License-Identifier: MIT */
/*
 * Whole L1 tables going up and down: whatever stands in them, in batches long
 * and short, each entry holds what it should while the table is one, and
 * nothing before and afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "look.h"
#include "mm/pv/entry.h"
#include "port.h"
#include "scene.h"

#define FRAMES 40

/* What the dice choose from, and what the frames hold without the table. */
struct stage {
    struct scene *s;
    struct dice dice;
    mfn_t frame[FRAMES];
    uint64_t word[FRAMES];
    pte_t content[PT_ENTRIES];
};

static uint64_t upto(struct stage *g, uint64_t n)
{
    return dice_upto(&g->dice, n);
}

static uint64_t word_of(const struct stage *g, unsigned i)
{
    struct frame f = frame_held(&g->s->w.mm, g->frame[i]);

    return frame_word(&f);
}

/*
 * Frames of two blocks, of which one may be shared: some fresh, some that were
 * mapped before.
 */
static void choose_frames(struct stage *g)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        g->frame[i] = i % 2 ? scene_member(g->s, 8 + i) : scene_frame(g->s);
        if (upto(g, 3) == 0)
            continue;
        assert_int_equal(
            scene_update(g->s, g->s->l1, 100, pte_make(g->frame[i], KERNEL).v),
            ERR_NONE);
        assert_int_equal(scene_update(g->s, g->s->l1, 100, 0), ERR_NONE);
    }
    /* Each block has frame words from here on. */
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(scene_update(g->s, g->s->l1, 101 + i,
                                      pte_make(g->frame[i], READ).v),
                         ERR_NONE);
    for (unsigned i = 0; i < FRAMES; i++)
        g->word[i] = word_of(g, i);
}

static pte_t any_entry(struct stage *g)
{
    static const uint64_t flags[] = {
        KERNEL,         READ,
        PTE_P,          PTE_P | PTE_RW,
        KERNEL | PTE_G, KERNEL | PTE_A | PTE_D,
        READ | PTE_NX,  KERNEL | PTE_AVL,
    };

    switch (upto(g, 8)) {
    case 0:
        return pte_of(0);
    case 1: /* swapped out, as guests keep it: no address that is any RAM's */
        return pte_make(mfn_of(g->s->w.mm.nr_frames + upto(g, 99)), PTE_RW);
    default:
        return pte_make(g->frame[upto(g, FRAMES)],
                        flags[upto(g, ARRAY_SIZE(flags))]);
    }
}

/* Runs of the same flags, of anything, and of nothing. */
static void fill(struct stage *g, mfn_t table)
{
    pte_t *e = mm_frame_ptr(&g->s->w.mm, table);
    unsigned i = 0;

    while (i < PT_ENTRIES) {
        unsigned n = 1 + (unsigned)upto(g, 70), kind = (unsigned)upto(g, 3);
        pte_t like = any_entry(g);

        for (; n > 0 && i < PT_ENTRIES; n--, i++)
            e[i] = kind == 0   ? pte_of(0)
                   : kind == 1 ? any_entry(g)
                   : pte_present(like)
                       ? pte_make(g->frame[upto(g, FRAMES / 2) * 2 + 1],
                                  pte_flags(like))
                       : like;
    }
    memcpy(g->content, e, sizeof(g->content));
}

/* References and writable references of a frame by what the table holds. */
static void assert_held(const struct stage *g)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        unsigned refs = frame_refs(g->word[i]);
        unsigned writable = frame_count(g->word[i]);

        for (unsigned k = 0; k < PT_ENTRIES; k++)
            if (pte_present(g->content[k]) &&
                mfn_eq(pte_mfn(g->content[k]), g->frame[i])) {
                refs++;
                writable += pte_has(g->content[k], PTE_RW);
            }
        assert_int_equal(frame_refs(word_of(g, i)), refs);
        assert_int_equal(frame_count(word_of(g, i)), writable);
    }
}

static void assert_nothing_held(const struct stage *g)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        assert_int_equal(frame_refs(word_of(g, i)), frame_refs(g->word[i]));
        assert_int_equal(frame_count(word_of(g, i)), frame_count(g->word[i]));
    }
}

/* Every present entry reads as it would have by itself. */
static void assert_adjusted(const struct stage *g, mfn_t table)
{
    const pte_t *e = mm_frame_ptr(&g->s->w.mm, table);

    for (unsigned k = 0; k < PT_ENTRIES; k++)
        assert_int_equal(e[k].v, pte_present(g->content[k])
                                     ? entry_adjust(g->content[k], 1).v
                                     : g->content[k].v);
}

static struct stage *begin(struct scene *s, uint64_t seed)
{
    static struct stage g;

    g = (struct stage){.s = s, .dice = {.s = seed}};
    choose_frames(&g);
    return &g;
}

static void up_and_down(struct scene *s, uint64_t seed)
{
    struct stage *g = begin(s, seed);

    for (unsigned n = 0; n < 20; n++) {
        mfn_t table = scene_frame(s);

        fill(g, table);
        assert_int_equal(mmu_pin(&s->op, table, 1), ERR_NONE);
        world_done(&s->op);
        world_audit(&s->w, "pin");
        assert_held(g);
        assert_adjusted(g, table);
        assert_int_equal(mmu_unpin(&s->op, table), ERR_NONE);
        world_done(&s->op);
        world_audit(&s->w, "unpin");
        assert_nothing_held(g);
    }
}

static void tables_go_up_and_down(void **state)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        if (seed % 2)
            scene_share(*state);
        up_and_down(*state, seed);
        scene_end(state);
        scene_make(state);
    }
}

/* One bad entry, anywhere: all before it is given back, whatever it was. */
static void undone(struct scene *s, mfn_t theirs, mfn_t nobodys)
{
    struct stage *g = begin(s, 77);
    const struct {
        pte_t e;
        enum err rc;
    } bad[] = {
        {pte_make(theirs, READ), ERR_BUSY},
        {pte_make(theirs, KERNEL), ERR_BUSY},
        {pte_make(nobodys, KERNEL), ERR_BUSY},
        {pte_make(s->l4, KERNEL), ERR_BUSY},
        {pte_make(g->frame[1], READ | PTE_PCD), ERR_INVAL},
        {pte_make(g->frame[2], KERNEL | PTE_PAT), ERR_INVAL},
        {pte_make(mfn_of(s->w.mm.nr_frames), READ), ERR_PERM},
        {pte_make(g->frame[3], PTE_RW), ERR_INVAL}, /* not present, names RAM */
    };

    for (unsigned n = 0; n < 80; n++) {
        mfn_t table = scene_frame(s);
        unsigned at = (unsigned)upto(g, PT_ENTRIES);

        fill(g, table);
        *scene_entry(s, table, at) = bad[n % ARRAY_SIZE(bad)].e;
        assert_int_equal(mmu_pin(&s->op, table, 1),
                         bad[n % ARRAY_SIZE(bad)].rc);
        world_done(&s->op);
        world_audit(&s->w, "a refused pin");
        assert_nothing_held(g);
        assert_int_equal(reservation_decrease(&s->op, table, 0), ERR_NONE);
    }
}

static void one_bad_entry_undoes_it(void **state)
{
    struct scene *s = *state;

    undone(s, s->foreign, s->foreign);
}

/* A table of new frames but for one. */
static void new_up_to(struct scene *s, mfn_t other)
{
    struct frame f = frame_held(&s->w.mm, other);
    uint64_t word = frame_word(&f);
    mfn_t table = scene_frame(s);

    for (unsigned i = 8; i < PT_ENTRIES; i++)
        *scene_entry(s, table, i) =
            pte_make(i == 100 ? other : scene_member(s, i), KERNEL);
    assert_int_equal(mmu_pin(&s->op, table, 1), ERR_BUSY);
    assert_int_equal(frame_word(&f), word);
}

/* As fresh as what stands beside them, in the same block. */
static void frames_of_others_beside_it(void **state)
{
    struct scene *s = *state;
    mfn_t theirs;

    scene_share(s);
    theirs = scene_they_get(s);
    assert_int_equal(blk_of_mfn(theirs).v, blk_of_mfn(s->block).v);
    new_up_to(s, theirs);
    new_up_to(s, scene_member(s, 5));
    undone(s, theirs, scene_member(s, 5));
}

/* What was a table a moment ago is not written to before that is forgotten. */
static void a_former_table_is_flushed(void **state)
{
    struct scene *s = *state;
    mfn_t was = scene_member(s, 20), table = scene_frame(s);
    uint32_t epoch;

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        *scene_entry(s, table, i) =
            pte_make(scene_member(s, 8 + i % 8), KERNEL);
    scene_share(s);
    epoch = s->us.d.tlb_epoch;
    assert_int_equal(mmu_pin(&s->op, table, 1), ERR_NONE);
    assert_int_equal(s->us.d.tlb_epoch, epoch); /* they were nothing before */
    assert_int_equal(mmu_unpin(&s->op, table), ERR_NONE);
    memset(mm_frame_ptr(&s->w.mm, was), 0, PAGE_SIZE);
    assert_int_equal(mmu_pin(&s->op, was, 1), ERR_NONE);
    assert_int_equal(mmu_unpin(&s->op, was), ERR_NONE);
    *scene_entry(s, table, 99) = pte_make(was, KERNEL);
    epoch = s->us.d.tlb_epoch;
    assert_int_equal(mmu_pin(&s->op, table, 1), ERR_NONE);
    assert_int_equal(s->us.d.tlb_epoch, epoch + 1);
    assert_int_equal(mmu_unpin(&s->op, table), ERR_NONE);
    /* And the other way: a table of what was writable through that one. */
    memset(mm_frame_ptr(&s->w.mm, was), 0, PAGE_SIZE);
    assert_int_equal(mmu_pin(&s->op, was, 1), ERR_NONE);
    assert_int_equal(s->us.d.tlb_epoch, epoch + 2);
    assert_int_equal(mmu_unpin(&s->op, was), ERR_NONE);
}

/*
 * The table is the last to hold frames their owner has given up: they go one
 * by one, in the middle of batches, and so at last may their block.
 */
static void frames_go_with_their_last_entry(void **state)
{
    struct scene *s = *state;
    mfn_t table = scene_frame(s);
    uint64_t pages = s->us.d.tot_pages, blocks = s->us.d.blocks;

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        *scene_entry(s, table, i) =
            pte_make(scene_member(s, i), i % 3 ? KERNEL : READ);
    assert_int_equal(mmu_pin(&s->op, table, 1), ERR_NONE);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        assert_int_equal(reservation_decrease(&s->op, scene_member(s, i), 0),
                         ERR_NONE);
    world_done(&s->op);
    world_audit(&s->w, "given up");
    assert_int_equal(mmu_unpin(&s->op, table), ERR_NONE);
    world_done(&s->op);
    world_audit(&s->w, "gone");
    assert_int_equal(s->us.d.tot_pages, pages - BLOCK_FRAMES);
    assert_int_equal(s->us.d.blocks, blocks - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(tables_go_up_and_down),
        scene_test(one_bad_entry_undoes_it),
        scene_test(frames_of_others_beside_it),
        scene_test(a_former_table_is_flushed),
        scene_test(frames_go_with_their_last_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
