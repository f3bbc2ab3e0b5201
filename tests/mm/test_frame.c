/* SPDX-License-Identifier: MIT */
/*
 * test_frame.c: the transitions of the frame word, each from every kind of
 * state, against a model with a variable for each field: what must apply
 * applies, with exactly its effect; what must not leaves the word alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

#define HALF_REFS  (1u << 21)
#define HALF_COUNT (1u << 19)

struct model {
    unsigned refs, count, type;
    bool validated, partial, pinned, allocated, fixed;
    unsigned owner;
};

/* The layout, stated a second time. */
static uint64_t word_of(const struct model *m)
{
    return (uint64_t)m->refs | (uint64_t)m->count << 22 |
           (uint64_t)m->type << 42 | (uint64_t)m->validated << 45 |
           (uint64_t)m->partial << 46 | (uint64_t)m->pinned << 47 |
           (uint64_t)m->allocated << 48 | (uint64_t)m->fixed << 49 |
           (uint64_t)m->owner << 50;
}

enum step {
    GET,
    PUT,
    TYPE_ADD,
    TYPE_GET,
    TYPE_SUB,
    TYPE_PUT,
    UNALLOC,
    SET_VALIDATED,
    CLEAR_PARTIAL,
    SET_PINNED,
    CLEAR_PINNED,
    STEPS,
};

static bool full(const struct model *m)
{
    return m->refs >= HALF_REFS || m->count >= HALF_COUNT;
}

static bool fits(const struct model *m, unsigned t)
{
    return !m->partial && (m->count == 0 || m->type == t);
}

static void add_type(struct model *m, unsigned t)
{
    if (m->count == 0) {
        m->type = t;
        m->validated = false;
    }
    m->count++;
}

static void sub_type(struct model *m)
{
    if (--m->count == 0)
        m->validated = false;
}

static bool get(struct model *m, unsigned owner, unsigned t, bool typed)
{
    if (m->owner != owner || full(m))
        return false;
    /* The reference alone may have filled it. */
    if (typed && (!fits(m, t) || m->refs + 1 >= HALF_REFS))
        return false;
    m->refs++;
    if (typed)
        add_type(m, t);
    return true;
}

static bool put(struct model *m, bool typed)
{
    if ((typed && m->count == 0) || m->refs == 0)
        return false;
    if (typed)
        sub_type(m);
    m->refs--;
    return true;
}

static bool flag(bool *f, bool to)
{
    if (*f == to)
        return false;
    *f = to;
    return true;
}

static bool model_step(struct model *m, enum step s, unsigned owner, unsigned t)
{
    switch (s) {
    case GET:
        return get(m, owner, t, false);
    case PUT:
        return put(m, false);
    case TYPE_ADD:
        if (!fits(m, t) || full(m))
            return false;
        add_type(m, t);
        return true;
    case TYPE_GET:
        return get(m, owner, t, true);
    case TYPE_SUB:
        if (m->count == 0)
            return false;
        sub_type(m);
        return true;
    case TYPE_PUT:
        return put(m, true);
    case UNALLOC:
        if (m->owner != owner || m->fixed || !m->allocated || m->refs == 0)
            return false;
        m->allocated = false;
        m->refs--;
        return true;
    case SET_VALIDATED:
        return flag(&m->validated, true);
    case CLEAR_PARTIAL:
        return flag(&m->partial, false);
    case SET_PINNED:
        return flag(&m->pinned, true);
    default:
        return flag(&m->pinned, false);
    }
}

static bool real_step(uint64_t *w, enum step s, unsigned owner, unsigned t)
{
    switch (s) {
    case GET:
        return frame_get(w, owner);
    case PUT:
        return frame_put(w);
    case TYPE_ADD:
        return frame_type_add(w, (enum frame_type)t);
    case TYPE_GET:
        return frame_type_get(w, owner, (enum frame_type)t);
    case TYPE_SUB:
        return frame_type_sub(w);
    case TYPE_PUT:
        return frame_type_put(w);
    case UNALLOC:
        return frame_unalloc(w, owner);
    case SET_VALIDATED:
        return frame_flags(w, FRAME_VALIDATED, 0);
    case CLEAR_PARTIAL:
        return frame_flags(w, 0, FRAME_PARTIAL);
    case SET_PINNED:
        return frame_flags(w, FRAME_PINNED, 0);
    default:
        return frame_flags(w, 0, FRAME_PINNED);
    }
}

/* mm/ stores the word only if a step applied, so a refused one may spoil it. */
static bool step_both(struct model *m, enum step s, unsigned owner, unsigned t)
{
    struct model was = *m;
    uint64_t w = word_of(m);
    bool should = model_step(m, s, owner, t);

    if (real_step(&w, s, owner, t) != should)
        fail_msg("step %u, type %u, owner %u: %lx should %sapply", s, t, owner,
                 word_of(&was), should ? "" : "not ");
    if (!should)
        *m = was;
    else if (w != word_of(m))
        fail_msg("step %u, type %u: %lx became %lx, not %lx", s, t,
                 word_of(&was), w, word_of(m));
    return should;
}

static void all_steps(const struct model *from)
{
    for (enum step s = 0; s < STEPS; s++)
        for (unsigned t = FRAME_L1; t <= FRAME_WRITABLE; t++)
            for (unsigned other = 0; other < 2; other++) {
                struct model m = *from;

                step_both(&m, s, other ? 9 : m.owner, t);
            }
}

static void every_step_from_every_state(void **state)
{
    static const unsigned refs[] = {0, 1, 2, HALF_REFS - 1, HALF_REFS};
    static const unsigned counts[] = {0, 1, 2, HALF_COUNT - 1, HALF_COUNT};
    static const unsigned owners[] = {0, 1, OWNER_MAX};

    (void)state;
    for (unsigned i = 0; i < 25 * ARRAY_SIZE(owners) * 8 * 32; i++) {
        unsigned flags = i % 32, rest = i / 32;
        const struct model m = {
            .refs = refs[rest / 8 % 5],
            .count = counts[rest / 40 % 5],
            .type = rest % 8,
            .validated = flags & 1,
            .partial = flags & 2,
            .pinned = flags & 4,
            .allocated = flags & 8,
            .fixed = flags & 16,
            .owner = owners[rest / 200],
        };

        all_steps(&m);
    }
}

/* From a frame that is simply owned, no walk leads out of the rules. */
static void walks_keep_the_rules(void **state)
{
    uint64_t applied[STEPS] = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct dice d = {.s = seed * 7919};
        struct model m = {.owner = 5, .allocated = true, .refs = 1};

        for (unsigned i = 0; i < 20000; i++) {
            enum step s = (enum step)dice_upto(&d, STEPS);

            /* mm/ uses these only for a reference it has. */
            if ((s == PUT || s == TYPE_ADD) && m.refs <= m.count + m.allocated)
                continue;
            applied[s] += step_both(&m, s, dice_upto(&d, 9) ? 5 : 6,
                                    1 + (unsigned)dice_upto(&d, 6));
            assert_true(m.refs >= m.count + m.allocated);
            if (m.refs == m.count) { /* given up: begin anew */
                m.allocated = true;
                m.refs++;
            }
        }
    }
    for (enum step s = 0; s < STEPS; s++)
        assert_true(applied[s] > 300 || s == CLEAR_PARTIAL);
}

static void a_fresh_word_says_what_it_should(void **state)
{
    (void)state;
    for (unsigned o = 0; o <= OWNER_NONE; o++) {
        const struct model m = {.owner = o, .allocated = true, .refs = 1};
        const struct model hole = {.owner = OWNER_NONE};
        uint64_t w = frame_word_owned(o);

        assert_int_equal(w, word_of(&m));
        assert_int_equal(frame_word_hole(), word_of(&hole));
        assert_true(frame_is_idle(w, o));
        assert_false(frame_is_idle(w, o ^ 1));
        assert_true(frame_is_idle(w | frame_type_bits(FRAME_L2), o));
        for (unsigned bit = 0; bit < 64; bit++)
            assert_int_equal(frame_is_idle(w ^ BIT(bit), o),
                             bit >= 42 && bit < 45);
        for (unsigned bit = 0; bit < 64; bit++) {
            uint64_t v = w ^ BIT(bit);
            bool idle = frame_is_idle(v, o);

            assert_int_equal(frame_vacate(&v, o), idle);
            assert_int_equal(v, idle ? frame_word_hole() : w ^ BIT(bit));
        }
        assert_int_equal(frame_owner(w), o);
        assert_int_equal(frame_refs(w), 1);
        assert_int_equal(frame_count(w), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_from_every_state),
        cmocka_unit_test(walks_keep_the_rules),
        cmocka_unit_test(a_fresh_word_says_what_it_should),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
