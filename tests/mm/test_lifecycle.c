/* SPDX-License-Identifier: MIT */
/*
 * test_lifecycle.c: a small machine on which guests are made, ballooned in
 * blocks and frames, saved, restored under every policy, relocated, split,
 * joined, healed and destroyed in any order, short of memory, interrupted and
 * refused memory anywhere. After each step the audit must be clean; whatever a
 * guest has written must be there, checksums for all of it, in every frame it
 * has and through every mapping; and in the end all memory must be back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actor.h"
#include "port.h"
#include "pressure.h"

#define MACHINE 40
#define ACTORS  3
#define IMAGES  3
#define SEEDS   2
#define STEPS   2000

struct picture {
    bool used;
    struct image image;
    struct actor_model is;
    struct actor_kind kind;
};

struct sums {
    uint64_t done, refused, healed, shattered, remap, restored;
};

struct life {
    struct world w;
    struct world_domain filler;
    struct actor a[ACTORS]; /* x NULL: none */
    struct picture p[IMAGES];
    struct dice dice;
    domid_t next;
    struct sums n;
};

static uint64_t upto(struct life *l, uint64_t n)
{
    return dice_upto(&l->dice, n);
}

/* An error other than want of memory is one too many. */
static void count(struct life *l, enum err rc)
{
    assert_true(rc == ERR_NONE || rc == ERR_NOMEM);
    l->n.refused += !!rc;
    l->n.done += !rc;
}

static struct actor *some(struct life *l)
{
    struct actor *a = &l->a[upto(l, ACTORS)];

    return a->x ? a : NULL;
}

static unsigned some_block(struct life *l, const struct actor *a)
{
    return 1 + (unsigned)upto(l, a->is.nr_blocks - 1);
}

/* --- steps --------------------------------------------------------------- */

static void create(struct life *l)
{
    struct actor *a = &l->a[upto(l, ACTORS)];
    struct actor_kind k = {
        .id = l->next,
        .nr_blocks = 3 + (unsigned)upto(l, 5),
        .superpages = upto(l, 5) ? SUPERPAGES_PREFER : SUPERPAGES_OFF,
        .relinquish = upto(l, 2) ? RELINQUISH_CUT : RELINQUISH_KEEP,
    };

    if (a->x)
        return;
    count(l, actor_make(a, &l->w, k));
    l->next = (domid_t)(l->next % 500 + 1);
}

static void destroy(struct life *l)
{
    struct actor *a = some(l);

    if (a && upto(l, 3) == 0)
        actor_end(a);
}

static void write_some(struct life *l)
{
    struct actor *a = some(l);

    for (uint64_t n = a ? upto(l, 60) : 0; n > 0; n--) {
        uint64_t pfns = a->is.nr_blocks * 512ul - ACTOR_FIRST;
        uint64_t pfn = ACTOR_FIRST + upto(l, pfns);

        if (a->is.seed[pfn] != ACTOR_ABSENT)
            actor_write(a, pfn, upto(l, 1u << 30) + 1);
    }
}

static void balloon_block(struct life *l)
{
    struct actor *a = some(l);
    unsigned b = a ? some_block(l, a) : 0;

    if (a && a->is.state[b] == ACTOR_GONE)
        count(l, actor_block_in(a, b));
    else if (a)
        actor_block_out(a, b);
}

static void balloon_frame(struct life *l)
{
    struct actor *a = some(l);
    unsigned b = a ? some_block(l, a) : 0;
    bool out = upto(l, 2);

    if (!a || a->is.state[b] == ACTOR_GONE ||
        (a->is.state[b] == ACTOR_LARGE && (!out || upto(l, 6))))
        return;
    for (uint64_t n = upto(l, 2) ? 1 + upto(l, 500) : 1; n > 0; n--) {
        uint64_t pfn = b * 512ul + upto(l, 512);
        bool there = a->is.seed[pfn] != ACTOR_ABSENT;

        if (there == out)
            count(l, out ? actor_frame_out(a, pfn) : actor_frame_in(a, pfn));
    }
}

static void reshape(struct life *l)
{
    struct actor *a = some(l);
    unsigned b = a ? some_block(l, a) : 0;
    enum err rc;

    if (!a || a->is.state[b] == ACTOR_GONE)
        return;
    switch (upto(l, 6)) {
    case 0:
        if (a->is.state[b] == ACTOR_LARGE)
            actor_alias(a, b);
        return;
    case 1:
        rc = actor_small(a, b);
        break;
    case 2:
        rc = actor_split(a, b);
        break;
    default:
        rc = actor_large(a, b);
        break;
    }
    /* Of frames that are not there no large page is made. */
    l->n.refused += !!rc;
    l->n.done += !rc;
}

static void save(struct life *l)
{
    struct actor *a = some(l);
    struct picture *p = &l->p[upto(l, IMAGES)];
    enum err rc;

    if (!a || p->used)
        return;
    rc = actor_save(a, &p->image, (domid_t)(600 + (p - l->p)));
    count(l, rc);
    p->used = !rc;
    p->is = a->is;
    p->kind = a->kind;
}

static void drop_image(struct life *l)
{
    struct picture *p = &l->p[upto(l, IMAGES)];

    if (p->used && upto(l, 2))
        saving_free(&p->image);
    else
        return;
    p->used = false;
}

/* All that the filler has. */
static void relieve(struct life *l)
{
    l->w.mm.alloc.fail_in = 0;
    world_destroy(&l->w, &l->filler);
    pressure_make(&l->w, &l->filler, 700);
}

static enum err complete(struct actor *a, unsigned b)
{
    enum err rc = ERR_NONE;

    if (a->is.state[b] == ACTOR_GONE)
        return actor_block_in(a, b);
    for (uint64_t pfn = b * 512ul; pfn < b * 512ul + 512 && !rc; pfn++)
        if (a->is.seed[pfn] == ACTOR_ABSENT)
            rc = actor_frame_in(a, pfn);
    return rc || a->is.state[b] == ACTOR_LARGE ? rc : actor_large(a, b);
}

/* Good times: all it may have, and all of it large. */
static void prosper(struct life *l)
{
    struct actor *a = some(l);

    relieve(l);
    for (unsigned b = 1; a && b < a->is.nr_blocks; b++) {
        enum err rc = complete(a, b);

        /* Of frames mapped in different ways no large page is made. */
        l->n.refused += !!rc;
        l->n.done += !rc;
    }
}

/* Nobody can wait for what was left to the guest. */
static void remap(struct life *l, struct actor *a)
{
    l->w.mm.alloc.fail_in = 0;
    while (actor_remap(a))
        assert_in_range(pressure_drop(&l->filler, 1), 1, 1);
}

static void restore(struct life *l)
{
    struct picture *p = &l->p[upto(l, IMAGES)];
    struct actor *a = &l->a[upto(l, ACTORS)];
    enum restore_policy policy = (enum restore_policy)upto(l, 3);
    struct actor_kind k = p->kind;
    struct restore r;
    enum err rc;

    if (!p->used)
        return;
    if (a->x && upto(l, 2))
        return;
    if (a->x)
        actor_end(a);
    if (upto(l, 3)) { /* frames, but hardly a block */
        relieve(l);
        pressure_put(&l->filler, upto(l, 4), MACHINE);
    }
    k.id = l->next;
    l->next = (domid_t)(l->next % 500 + 1);
    if (k.superpages == SUPERPAGES_PREFER && upto(l, 6) == 0)
        k.superpages = SUPERPAGES_REQUIRE;
    rc = actor_restore(a, &l->w, k, &p->image, &p->is, policy, &r);
    count(l, rc);
    if (rc)
        return;
    a->kind.superpages = a->x->d.superpages = p->kind.superpages;
    if (policy == RESTORE_FAIL || k.superpages == SUPERPAGES_REQUIRE)
        assert_int_equal(r.result.shattered + r.result.remap, 0);
    l->n.restored++;
    l->n.shattered += r.result.shattered;
    l->n.remap += r.result.remap;
    remap(l, a);
}

static void relocate(struct life *l)
{
    struct actor *a = some(l);
    struct layout_result result;
    enum err rc;

    if (!a)
        return;
    rc = actor_relocate(a, &result);
    count(l, rc);
    l->n.healed += rc ? 0 : result.healed;
    if (!rc)
        assert_in_range(result.large_after + result.shattered + result.remap,
                        result.large_before, UINT64_MAX);
}

static void press(struct life *l)
{
    l->w.mm.alloc.fail_in = 0;
    switch (upto(l, 4)) {
    case 0:
    case 1:
        pressure_put(&l->filler, upto(l, 8), upto(l, 20));
        return;
    case 2:
        (void)pressure_drop(&l->filler, upto(l, 10));
        return;
    default: /* what the idle loop does */
        (void)alloc_scrub(&l->w.mm, upto(l, 4));
        (void)frame_trim(&l->w.mm, upto(l, MACHINE));
    }
}

static void step(struct life *l)
{
    static void (*const act[])(struct life *) = {
        create,        create,        destroy, write_some, write_some,
        balloon_block, balloon_block, restore, restore,    relocate,
        balloon_frame, balloon_frame, reshape, reshape,    save,
        save,          drop_image,    press,   relocate,   press,
        prosper,       prosper,
    };

    host_preempt_every(upto(l, 3) ? 0 : 1 + upto(l, 9));
    l->w.mm.alloc.fail_in = upto(l, 5) ? 0 : 1 + upto(l, 12);
    if (upto(l, 100) == 0)
        relieve(l);
    else
        act[upto(l, ARRAY_SIZE(act))](l);
    l->w.mm.alloc.fail_in = 0;
    host_preempt_at(0);
}

/* --- all of it ----------------------------------------------------------- */

static void check(struct life *l, unsigned n)
{
    world_audit(&l->w, "a step");
    for (unsigned i = 0; i < ACTORS; i++)
        if (l->a[i].x && (n + i) % ACTORS == 0)
            actor_check(&l->a[i]);
}

static void end(struct life *l)
{
    for (unsigned i = 0; i < ACTORS; i++)
        if (l->a[i].x) {
            l->a[i].thorough = true;
            actor_check(&l->a[i]);
            actor_end(&l->a[i]);
        }
    for (unsigned i = 0; i < IMAGES; i++)
        if (l->p[i].used)
            saving_free(&l->p[i].image);
    world_destroy(&l->w, &l->filler);
    world_end(&l->w);
}

static void live(uint64_t seed, struct sums *sum)
{
    struct life *l = calloc(1, sizeof(*l));

    l->dice.s = seed;
    l->next = 1;
    world_make(&l->w, MACHINE);
    pressure_make(&l->w, &l->filler, 700);
    for (unsigned n = 0; n < STEPS; n++) {
        step(l);
        check(l, n);
    }
    print_message("seed %lu: %lu done, %lu refused; %lu restored, %lu entries "
                  "shattered, %lu to remap, %lu ranges healed\n",
                  seed, l->n.done, l->n.refused, l->n.restored, l->n.shattered,
                  l->n.remap, l->n.healed);
    sum->done += l->n.done;
    sum->refused += l->n.refused;
    sum->restored += l->n.restored;
    sum->shattered += l->n.shattered;
    sum->remap += l->n.remap;
    sum->healed += l->n.healed;
    end(l);
    free(l);
}

/* Of everything enough that it has been tried. */
static void four_thousand_steps(void **state)
{
    struct sums sum = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        live(seed * 7919, &sum);
    assert_in_range(sum.done, SEEDS * STEPS, UINT64_MAX);
    assert_in_range(sum.refused, SEEDS * 20, UINT64_MAX);
    assert_in_range(sum.restored, SEEDS * 20, UINT64_MAX);
    assert_in_range(sum.shattered, SEEDS * 10, UINT64_MAX);
    assert_in_range(sum.remap, SEEDS * 10, UINT64_MAX);
    assert_in_range(sum.healed, SEEDS * 10, UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_thousand_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
