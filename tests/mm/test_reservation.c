/* SPDX-License-Identifier: MIT */
/*
 * Lists of single frames must do, leave and refuse exactly what the same
 * frames one after the other do. A world lives a life by lists; one that is
 * like it to the last frame number lives it again by single steps.
 */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MOST  40
#define STEPS 500

static mfn_t any_frame(struct dice *r, const struct scene *s)
{
    const mfn_t special[] = {s->l4,      s->l1,    s->data,
                             s->foreign, MFN_NONE, mfn_of(s->w.mm.nr_frames),
                             mfn_of(0),  s->l3,    s->l2};

    if (dice_upto(r, 60) == 0)
        return special[dice_upto(r, ARRAY_SIZE(special))];
    /* The whole block, to cut it, or some that are in small use. */
    if (dice_upto(r, 8) == 0)
        return mfn_add(s->block, dice_upto(r, BLOCK_FRAMES));
    return mfn_of((s->data.v & ~UINT64_C(511)) + dice_upto(r, BLOCK_FRAMES));
}

/* What came of one step, and what there was after it. */
struct outcome {
    enum err rc;
    unsigned done;
    mfn_t m[MOST];
    uint64_t tot_pages, holes, blocks, blocks_cut, m2p;
};

static void note_state(const struct scene *s, struct outcome *o)
{
    o->tot_pages = s->us.d.tot_pages;
    o->holes = s->us.d.holes;
    o->blocks = s->us.d.blocks;
    o->blocks_cut = s->us.d.blocks_cut;
    for (uint64_t i = 0; i < s->w.mm.nr_frames; i++)
        o->m2p = o->m2p * 31 + s->w.mm.m2p[i];
}

static void decrease(struct dice *r, struct scene *s, bool list,
                     struct outcome *o)
{
    unsigned n = 1 + (unsigned)dice_upto(r, MOST);

    for (unsigned k = 0; k < n; k++)
        o->m[k] =
            k && dice_upto(r, 4) ? mfn_add(o->m[k - 1], 1) : any_frame(r, s);
    if (list)
        o->rc = reservation_decrease_list(&s->op, o->m, n, &o->done);
    else
        for (; o->done < n && !o->rc; o->done += !o->rc)
            o->rc = reservation_decrease(&s->op, o->m[o->done], 0);
}

static void increase(struct dice *r, struct scene *s, bool list,
                     struct outcome *o)
{
    unsigned n = 1 + (unsigned)dice_upto(r, MOST);
    pfn_t pfn[MOST];

    for (unsigned k = 0; k < n; k++)
        pfn[k] = dice_upto(r, 5) ? pfn_of(dice_upto(r, 10000)) : PFN_NONE;
    if (list)
        o->rc = reservation_increase_list(&s->op, pfn, o->m, n, &o->done);
    else
        for (; o->done < n && !o->rc; o->done += !o->rc)
            o->rc =
                reservation_increase(&s->op, pfn[o->done], 0, &o->m[o->done]);
}

static void live(uint64_t seed, bool list, struct outcome *o)
{
    struct dice r = {.s = seed};
    struct scene *s;
    void *state;

    assert_int_equal(scene_make(&state), 0);
    s = state;
    /* As at boot: nobody's frames have no pfn. */
    memset(s->w.mm.m2p, 0xff, s->w.mm.nr_frames * sizeof(uint64_t));
    /* Little room, so that it is often full. */
    s->us.d.max_pages = s->us.d.tot_pages + 300;
    for (unsigned i = 0; i < STEPS; i++) {
        memset(&o[i], 0, sizeof(o[i]));
        if (dice_upto(&r, 8) < 3)
            decrease(&r, s, list, &o[i]);
        else
            increase(&r, s, list, &o[i]);
        world_done(&s->op);
        note_state(s, &o[i]);
        if (i % 50 == 0)
            world_audit(&s->w, "a list");
    }
    assert_int_equal(scene_end(&state), 0);
}

static void lists_do_what_single_steps_do(void **state)
{
    static struct outcome list[STEPS], single[STEPS];
    unsigned full = 0, refused = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        live(seed * UINT64_C(0x9e3779b97f4a7c15), true, list);
        live(seed * UINT64_C(0x9e3779b97f4a7c15), false, single);
        for (unsigned i = 0; i < STEPS; i++) {
            assert_memory_equal(&list[i], &single[i], sizeof(list[i]));
            full += list[i].rc == ERR_NOMEM;
            refused += list[i].rc == ERR_INVAL;
        }
    }
    assert_true(full > 100 && refused > 100);
}

/* Seventeen of twenty: the rest is refused, and nothing beyond was touched. */
static void a_list_stops_where_the_domain_is_full(void **state)
{
    struct scene *s = *state;
    pfn_t pfn[20];
    mfn_t m[20];
    unsigned done;

    for (unsigned i = 0; i < 20; i++)
        pfn[i] = pfn_of(700 + i);
    s->us.d.max_pages = s->us.d.tot_pages + 17;
    assert_int_equal(reservation_increase_list(&s->op, pfn, m, 20, &done),
                     ERR_NOMEM);
    assert_int_equal(done, 17);
    assert_int_equal(s->w.mm.m2p[m[16].v], 716);
    assert_int_equal(s->us.d.tot_pages, s->us.d.max_pages);
    assert_int_equal(reservation_increase_list(&s->op, pfn, m, 1, &done),
                     ERR_NOMEM);
    assert_int_equal(done, 0);
    s->us.d.max_pages = 1; /* lowered below what it has */
    assert_int_equal(reservation_increase_list(&s->op, pfn, m, 20, &done),
                     ERR_NOMEM);
    assert_int_equal(done, 0);
}

/* A frame named twice, or one that somebody maps, in the middle of a list. */
static void a_list_stops_at_what_is_refused(void **state)
{
    struct scene *s = *state;
    mfn_t m[4] = {scene_frame(s), scene_frame(s), MFN_NONE, scene_frame(s)};
    uint64_t before = s->us.d.tot_pages;
    unsigned done;

    m[2] = m[0];
    assert_int_equal(reservation_decrease_list(&s->op, m, 4, &done), ERR_INVAL);
    assert_int_equal(done, 2);
    assert_int_equal(s->w.owed.what, TLB_FULL);
    assert_int_equal(s->us.d.tot_pages, before - 2);
    m[0] = s->data; /* mapped: given up, and alive until it is unmapped */
    m[1] = s->foreign;
    assert_int_equal(reservation_decrease_list(&s->op, m, 2, &done), ERR_INVAL);
    assert_int_equal(done, 1);
    assert_int_equal(s->us.d.tot_pages, before - 2);
    assert_int_equal(scene_update(s, s->l1, 0, 0), ERR_NONE);
    assert_int_equal(s->us.d.tot_pages, before - 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_do_what_single_steps_do),
        scene_test(a_list_stops_where_the_domain_is_full),
        scene_test(a_list_stops_at_what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
