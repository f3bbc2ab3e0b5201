/* SPDX-License-Identifier: MIT */
/*
 * test_block.c: the transitions of the block word against a model with one
 * plain variable per field, from every combination of the values that matter
 * and in random walks: a transition applies exactly when its rule says so,
 * and changes nothing but what the rule names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/base/block.h"
#include "world.h"

struct model {
    unsigned super, excl, holes, class, owner;
    bool mark, stale_super, stale_excl, dirty, cut;
    bool bit45, bit49; /* nobody's */
};

/* The layout, written a second time: low bit first. */
static uint64_t word_of(const struct model *m)
{
    return (uint64_t)m->super | (uint64_t)m->mark << 20 |
           (uint64_t)m->excl << 21 | (uint64_t)m->holes << 31 |
           (uint64_t)m->stale_super << 41 | (uint64_t)m->stale_excl << 42 |
           (uint64_t)m->dirty << 43 | (uint64_t)m->cut << 44 |
           (uint64_t)m->bit45 << 45 | (uint64_t)m->class << 46 |
           (uint64_t)m->bit49 << 49 | (uint64_t)m->owner << 50;
}

enum step {
    SUPER_GET,
    SUPER_PUT,
    MARK,
    UNMARK,
    EXCL_GET,
    EXCL_PUT,
    HOLE_GET,
    HOLE_PUT,
    SHARE,
    FLUSHED,
    STEPS,
};

static bool owned(const struct model *m, unsigned owner)
{
    return m->class == BLOCK_DOM && m->owner == owner;
}

static bool of_frames(const struct model *m)
{
    return m->class == BLOCK_DOM || m->class == BLOCK_SHARED;
}

static bool large(const struct model *m)
{
    return m->super > 0 || m->mark;
}

static bool small(const struct model *m)
{
    return m->excl > 0 || m->holes > 0;
}

static bool allowed(const struct model *m, enum step s, unsigned owner)
{
    switch (s) {
    case SUPER_GET:
        return owned(m, owner) && !small(m) && m->super < 0xfffff;
    case SUPER_PUT:
        return of_frames(m) && m->super > 0;
    case MARK:
        return owned(m, owner) && !small(m) && !m->mark;
    case UNMARK:
        return owned(m, owner) && m->mark;
    case EXCL_GET:
        return of_frames(m) && !large(m) && m->excl < 512;
    case EXCL_PUT:
        return of_frames(m) && m->excl > 0;
    case HOLE_GET:
        return of_frames(m) && !large(m) && m->holes < 512;
    case HOLE_PUT:
        return of_frames(m) && m->holes > 0;
    case SHARE:
        return owned(m, owner) && !large(m);
    default:
        return true;
    }
}

static void model_step(struct model *m, enum step s)
{
    m->super += (s == SUPER_GET) - (unsigned)(s == SUPER_PUT);
    m->excl += (s == EXCL_GET) - (unsigned)(s == EXCL_PUT);
    m->holes += (s == HOLE_GET) - (unsigned)(s == HOLE_PUT);
    m->mark = s == MARK || (m->mark && s != UNMARK);
    if (s == SUPER_PUT)
        m->stale_super = true;
    if (s == EXCL_PUT)
        m->stale_excl = true;
    if (s == FLUSHED)
        m->stale_super = m->stale_excl = false;
    if (s == SHARE) {
        m->class = BLOCK_SHARED;
        m->owner = OWNER_NONE;
        m->cut = m->dirty = false;
    }
}

static bool real_step(uint64_t *w, enum step s, unsigned owner)
{
    switch (s) {
    case SUPER_GET:
        return block_super_get(w, owner);
    case SUPER_PUT:
        return block_super_put(w);
    case MARK:
        return block_mark(w, owner);
    case UNMARK:
        return block_unmark(w, owner);
    case EXCL_GET:
        return block_excl_get(w);
    case EXCL_PUT:
        return block_excl_put(w);
    case HOLE_GET:
        return block_hole_get(w);
    case HOLE_PUT:
        return block_hole_put(w);
    case SHARE:
        return block_share(w, owner);
    default:
        return block_flushed(w);
    }
}

static void same_fields(uint64_t w, const struct model *m)
{
    assert_int_equal(block_super(w), m->super);
    assert_int_equal(block_excl(w), m->excl);
    assert_int_equal(block_holes(w), m->holes);
    assert_int_equal(block_class(w), m->class);
    assert_int_equal(block_owner(w), m->owner);
    assert_int_equal(!!(w & BLOCK_MARK), m->mark);
    assert_int_equal(!!(w & BLOCK_STALE_SUPER), m->stale_super);
    assert_int_equal(!!(w & BLOCK_STALE_EXCL), m->stale_excl);
    assert_int_equal(!!(w & BLOCK_DIRTY), m->dirty);
    assert_int_equal(!!(w & BLOCK_CUT), m->cut);
}

/* One step on both; true if it applied. */
static bool step_both(struct model *m, enum step s, unsigned owner)
{
    uint64_t w = word_of(m), before = w;
    bool did = real_step(&w, s, owner);

    if (did != allowed(m, s, owner))
        fail_msg("step %d, owner %x on %lx: %s", s, owner, before,
                 did ? "applied" : "refused");
    if (did)
        model_step(m, s);
    if (w != word_of(m))
        fail_msg("step %d on %lx gives %lx, not %lx", s, before, w, word_of(m));
    same_fields(w, m);
    return did;
}

static const unsigned supers[] = {0, 1, 2, 0x7ffff, 0xffffe, 0xfffff};
static const unsigned counts[] = {0, 1, 2, 255, 511, 512};
static const unsigned owners[] = {0, 1, 0x1fff, OWNER_MAX, OWNER_NONE};

static void all_flags(struct model m)
{
    for (unsigned flags = 0; flags < 128; flags++) {
        m.mark = flags & 1;
        m.stale_super = flags & 2;
        m.stale_excl = flags & 4;
        m.dirty = flags & 8;
        m.cut = flags & 16;
        m.bit45 = flags & 32;
        m.bit49 = flags & 64;
        for (enum step s = 0; s < STEPS; s++) {
            struct model own = m, other = m;

            step_both(&own, s, m.owner);
            step_both(&other, s, m.owner ^ 1);
        }
    }
}

static void every_step_from_every_state(void **state)
{
    (void)state;
    for (unsigned c = 0; c <= 7; c++)
        for (unsigned o = 0; o < ARRAY_SIZE(owners); o++)
            for (unsigned s = 0; s < ARRAY_SIZE(supers); s++)
                for (unsigned i = 0; i < ARRAY_SIZE(counts) * 6; i++)
                    all_flags((struct model){.class = c,
                                             .owner = owners[o],
                                             .super = supers[s],
                                             .excl = counts[i / 6],
                                             .holes = counts[i % 6]});
}

/* From a fresh block nothing leads to both kinds of use at once. */
static void walks_keep_the_two_uses_apart(void **state)
{
    uint64_t applied[STEPS] = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct model m = {.class = BLOCK_DOM, .owner = (unsigned)seed};
        struct dice d = {.s = seed * 7919};

        for (unsigned i = 0; i < 20000; i++) {
            enum step s = (enum step)dice_upto(&d, STEPS);
            unsigned owner = dice_upto(&d, 8) ? m.owner : 0x3abc;

            if (s == SHARE && dice_upto(&d, 800)) /* there is no way back */
                continue;
            applied[s] += step_both(&m, s, owner);
            assert_false(large(&m) && small(&m));
        }
    }
    for (enum step s = 0; s < STEPS; s++)
        assert_true(applied[s] > (s == SHARE ? 20 : 300));
}

static void a_fresh_word_has_class_owner_and_nothing_else(void **state)
{
    (void)state;
    for (unsigned c = BLOCK_NOT_RAM; c <= BLOCK_SHARED; c++)
        for (unsigned o = 0; o <= OWNER_NONE; o++) {
            struct model m = {.class = c, .owner = o};

            assert_int_equal(block_word((enum block_class)c, o), word_of(&m));
            assert_int_equal(block_owned_by(word_of(&m), o), c == BLOCK_DOM);
            assert_false(block_owned_by(word_of(&m), o ^ 0x2000));
            assert_int_equal(block_has_frames(word_of(&m)), of_frames(&m));
            assert_int_equal(block_concerns(word_of(&m), o), of_frames(&m));
            assert_int_equal(block_concerns(word_of(&m), o ^ 1),
                             c == BLOCK_SHARED);
        }
    assert_true(block_word_free(false) ==
                (block_word_free(true) | BLOCK_DIRTY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_from_every_state),
        cmocka_unit_test(walks_keep_the_two_uses_apart),
        cmocka_unit_test(a_fresh_word_has_class_owner_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
