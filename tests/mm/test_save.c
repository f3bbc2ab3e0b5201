/* SPDX-License-Identifier: MIT */
/*
 * What a save writes is what the domain is: every frame's content, tables in
 * pfns, nothing else, the same every time and wherever it was interrupted;
 * and the domain is afterwards what it was before. On domains that a hostile
 * guest has made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "look.h"
#include "mm/save/normalise.h"
#include "port.h"
#include "saving.h"
#include "walker.h"

#define LIVES     60
#define STEPS_MAX 400
#define MAX_PAGES (8 * BLOCK_FRAMES)

/* --- a domain and its image ---------------------------------------------- */

/* Instead of the fixed frame, which a guest must not have mapped. */
static void make_walker(struct walker *k, uint64_t seed)
{
    struct mm_op op;

    *k = (struct walker){.dice = {.s = seed}};
    walker_make(k);
    op = mm_op_on(&k->us.d, &k->us.v);
    assert_int_equal(dmem_chunk_get(&op, 0, &k->pool[1]), ERR_NONE);
    memset(mm_frame_ptr(&k->w.mm, k->pool[1]), 0, PAGE_SIZE);
}

/* The walker's memory: something in every third frame, zero the others. */
static void fill_blocks(struct walker *k)
{
    for (unsigned n = 1; n <= 2; n++) {
        mfn_t block = k->pool[WALKER_POOL - n];

        for (unsigned i = 0; i < BLOCK_FRAMES; i += 3)
            memset(mm_frame_ptr(&k->w.mm, mfn_add(block, i)), (int)i,
                   PAGE_SIZE);
    }
}

static void live(struct walker *k, uint64_t seed)
{
    unsigned steps = (unsigned)(seed % STEPS_MAX);

    make_walker(k, seed);
    k->us.d.relinquish = seed % 4 ? RELINQUISH_KEEP : RELINQUISH_CUT;
    fill_blocks(k);
    for (unsigned i = 0; i < steps; i++)
        walker_act(k);
    world_audit(&k->w, "a life");
    (void)saving_number(&k->w, &k->us.d, &k->dice);
}

/* All there is of the domain: its frames' content, by machine frame. */
static uint64_t domain_sum(struct walker *k)
{
    struct mm_op op = mm_op_on(&k->us.d, &k->us.v);
    uint64_t sum = 0;

    for (uint64_t m = 0; m < k->w.mm.nr_frames; m++)
        if (frame_owned(&op, mfn_of(m)))
            sum =
                sum * 31 + xxh64(mm_frame_ptr(&k->w.mm, mfn_of(m)), PAGE_SIZE);
    return sum;
}

static void save(struct walker *k, struct snapshot *c, struct image *i,
                 domid_t owner)
{
    struct save s;

    assert_int_equal(image_init(i, &k->w.mm, owner, MAX_PAGES + 64), ERR_NONE);
    if (saving_save(&s, c, i, NULL))
        fail_msg("%s", s.job.why);
}

/* --- what is in it ------------------------------------------------------- */

static const struct snapshot_table *table_of(const struct snapshot *c,
                                             uint64_t pfn)
{
    for (uint64_t n = 0; n < c->tables.nr; n++) {
        const struct snapshot_table *t = snapshot_at(&c->tables, n);

        if (t->pfn == pfn)
            return t;
    }
    return NULL;
}

static void assert_content(const struct image *i, const struct snapshot *c,
                           uint64_t pfn, mfn_t m)
{
    static const uint8_t zeroes[PAGE_SIZE];
    const struct snapshot_table *t = table_of(c, pfn);
    const void *is = look_content(i, pfn), *should;
    pte_t normalised[PT_ENTRIES];

    should = mm_frame_ptr(c->op->mm, m);
    if (t) {
        assert_int_equal(normalise_table(c, t->level, should, normalised),
                         ERR_NONE);
        should = normalised;
    }
    assert_memory_equal(is ? is : zeroes, should, PAGE_SIZE);
    if (is)
        assert_memory_not_equal(is, zeroes, PAGE_SIZE);
}

/* Every frame of the domain's is in it, and nothing but. */
static void assert_faithful(const struct image *i, const struct snapshot *c)
{
    uint64_t n = 0;

    for (uint64_t pfn = 0; pfn < c->nr_pfns; pfn++) {
        mfn_t m = snapshot_mfn(c, pfn_of(pfn));

        if (mfn_eq(m, MFN_NONE)) {
            assert_null(look_content(i, pfn));
            continue;
        }
        assert_content(i, c, pfn, m);
        n++;
    }
    assert_int_equal(n, c->op->d->tot_pages);
    assert_int_equal(image_header(i)->nr_frames, n);
    assert_int_equal(image_header(i)->large, c->large);
    assert_int_equal(image_nr(i, IMAGE_TABLES, sizeof(struct snapshot_table)),
                     c->tables.nr);
}

static void assert_equal_images(const struct image *a, const struct image *b)
{
    uint8_t *x = saving_bytes(a), *y = saving_bytes(b);

    assert_int_equal(a->bytes, b->bytes);
    assert_memory_equal(x, y, a->bytes);
    free(x);
    free(y);
}

static void assert_passes(const struct image *i)
{
    struct image_check check;

    if (saving_check(&check, i, NULL))
        fail_msg("%s", check.job.why);
}

/* --- lives --------------------------------------------------------------- */

/* false: the machine has no room for it. */
static bool try_save(struct walker *k, const struct snapshot *c,
                     struct image *i)
{
    struct save s;
    enum err rc;

    assert_int_equal(image_init(i, &k->w.mm, IMAGE_OWNER, MAX_PAGES + 64), 0);
    rc = saving_save(&s, c, i, NULL);
    if (rc)
        saving_free(i);
    assert_true(rc == ERR_NONE || rc == ERR_NOMEM);
    return rc == ERR_NONE;
}

/* The second time with as many interruptions as there can be. */
static bool save_twice(struct walker *k, struct snapshot *c)
{
    struct mm_op op = mm_op_on(&k->us.d, &k->us.v);
    struct snapshot again;
    uint8_t *bytes;
    struct image i;
    uint64_t n;

    if (!try_save(k, c, &i))
        return false;
    assert_faithful(&i, c);
    assert_passes(&i);
    bytes = saving_bytes(&i);
    n = i.bytes;
    saving_free(&i);
    host_preempt_every(1);
    assert_int_equal(saving_snapshot(&again, &op, no_p2m, NULL), ERR_NONE);
    assert_true(try_save(k, &again, &i));
    assert_passes(&i);
    host_preempt_at(0);
    assert_int_equal(i.bytes, n);
    for (uint64_t at = 0; at < n; at += PAGE_SIZE)
        assert_memory_equal(image_page(&i, at / PAGE_SIZE), bytes + at,
                            PAGE_SIZE);
    world_audit(&k->w, "saving");
    HOST_END(snapshot_end(&again));
    saving_free(&i);
    free(bytes);
    return true;
}

/* A snapshot takes down what was interrupted; what is then, stays. */
static bool life(uint64_t seed)
{
    static struct walker k;
    struct snapshot c;
    struct mm_op op;
    bool saved = false;
    uint64_t sum;
    enum err rc;

    live(&k, seed);
    op = mm_op_on(&k.us.d, &k.us.v);
    rc = saving_snapshot(&c, &op, no_p2m, NULL);
    world_done(&op);
    world_audit(&k.w, "a snapshot");
    sum = domain_sum(&k);
    if (rc == ERR_NONE)
        saved = save_twice(&k, &c);
    else if (!strstr(c.job.why, "which has no pfn"))
        fail_msg("seed %lu: %s", seed, c.job.why);
    assert_int_equal(domain_sum(&k), sum);
    HOST_END(snapshot_end(&c));
    walker_end(&k);
    return saved;
}

static void random_domains(void **state)
{
    unsigned saved = 0;

    (void)state;
    for (uint64_t n = 0; n < LIVES; n++)
        saved += life(0x5a7e + n * 7919);
    print_message("%u of %u could be saved\n", saved, LIVES);
    assert_true(saved > LIVES / 2);
}

/* --- one domain, looked at closely --------------------------------------- */

struct stage {
    struct walker k;
    struct mm_op op;
    struct snapshot c;
    struct image i;
};

/* The first life that can be saved. */
static int make(void **state)
{
    struct stage *s = calloc(1, sizeof(*s));
    uint64_t seed = 0x5a7e;

    live(&s->k, seed);
    s->op = mm_op_on(&s->k.us.d, &s->k.us.v);
    while (saving_snapshot(&s->c, &s->op, no_p2m, NULL)) {
        assert_true(++seed < 0x5a7e + LIVES);
        HOST_END(snapshot_end(&s->c));
        world_done(&s->op);
        walker_end(&s->k);
        live(&s->k, seed);
    }
    world_done(&s->op);
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct stage *s = *state;

    HOST_END(snapshot_end(&s->c));
    walker_end(&s->k);
    free(s);
    return 0;
}

static void interrupted_it_writes_the_same(void **state)
{
    struct stage *s = *state;
    uint64_t points;
    struct image i;

    host_preempt_at(0);
    save(&s->k, &s->c, &s->i, IMAGE_OWNER);
    points = host_preempts();
    assert_true(points > 100);
    for (uint64_t n = 1; n <= points; n += n < 20 ? 1 : points / 40) {
        struct save sv;
        unsigned steps;

        assert_int_equal(image_init(&i, &s->k.w.mm, IMAGE_OWNER + 1, MAX_PAGES),
                         0);
        host_preempt_at(n);
        assert_int_equal(saving_save(&sv, &s->c, &i, &steps), ERR_NONE);
        host_preempt_at(0);
        assert_int_equal(steps, 2);
        assert_equal_images(&s->i, &i);
        saving_free(&i);
    }
    saving_free(&s->i);
}

static void every_allocation_may_fail(void **state)
{
    struct stage *s = *state;
    uint64_t hv = alloc_stats(&s->k.w.mm).hv_frames;
    uint64_t sum = domain_sum(&s->k);
    unsigned n = 0, failed = 0;
    bool reached;

    do { /* until there are fewer than n */
        enum err rc;
        struct save sv;

        s->k.w.mm.alloc.fail_in = ++n;
        rc = image_init(&s->i, &s->k.w.mm, IMAGE_OWNER, MAX_PAGES);
        if (!rc) {
            rc = saving_save(&sv, &s->c, &s->i, NULL);
            if (rc)
                assert_non_null(strstr(sv.job.why, "no memory for an image"));
        }
        reached = s->k.w.mm.alloc.fail_in == 0;
        s->k.w.mm.alloc.fail_in = 0;
        assert_true(rc == ERR_NONE || rc == ERR_NOMEM);
        failed += rc != ERR_NONE;
        if (s->i.store.mm)
            saving_free(&s->i);
        memset(&s->i, 0, sizeof(s->i));
        assert_int_equal(alloc_stats(&s->k.w.mm).hv_frames, hv);
        world_audit(&s->k.w, "a save without memory");
    } while (reached);
    assert_true(failed > 0); /* a block that is not to be had is frames */
    assert_int_equal(domain_sum(&s->k), sum);
}

static void too_little_room_is_said(void **state)
{
    struct stage *s = *state;
    struct save sv;
    uint64_t pages;

    save(&s->k, &s->c, &s->i, IMAGE_OWNER);
    pages = s->i.bytes / PAGE_SIZE;
    saving_free(&s->i);
    for (uint64_t n = 1; n <= pages; n += 1 + n / 8) {
        assert_int_equal(image_init(&s->i, &s->k.w.mm, IMAGE_OWNER, n), 0);
        assert_int_equal(saving_save(&sv, &s->c, &s->i, NULL),
                         n < pages ? ERR_NOMEM : ERR_NONE);
        world_audit(&s->k.w, "a save without room");
        saving_free(&s->i);
    }
    assert_int_equal(image_init(&s->i, &s->k.w.mm, IMAGE_OWNER, 5), ERR_NONE);
    assert_int_equal(saving_save(&sv, &s->c, &s->i, NULL), ERR_NOMEM);
    assert_string_equal(sv.job.why,
                        "no memory for an image of more than 5 pages");
    saving_free(&s->i);
    assert_int_equal(image_init(&s->i, &s->k.w.mm, IMAGE_OWNER, 5), ERR_NONE);
    save_begin(&sv, &s->c, &s->i, "", 0);
    assert_int_equal(save_step(&sv), ERR_INVAL);
    assert_string_equal(sv.job.why, "a record of 0 bytes");
    saving_free(&s->i);
}

/* --- damage -------------------------------------------------------------- */

static void assert_refused(struct world *w, const uint8_t *bytes, uint64_t n,
                           const char *what, uint64_t at)
{
    struct image_check check;
    struct image i;

    saving_image(&i, w, bytes, n);
    if (saving_check(&check, &i, NULL) != ERR_INVAL || !check.job.why[0])
        fail_msg("%s at %lu went unnoticed", what, at);
    saving_free(&i);
}

static void flipped_bits_are_noticed(void **state)
{
    struct stage *s = *state;
    struct image_check check;
    uint8_t *byte;

    save(&s->k, &s->c, &s->i, IMAGE_OWNER);
    for (uint64_t bit = 0; bit < s->i.bytes * 8;
         bit += bit < 8 * sizeof(struct image_header) ? 1 : s->i.bytes / 29) {
        byte = (uint8_t *)image_page(&s->i, bit / 8 / PAGE_SIZE) +
               bit / 8 % PAGE_SIZE;
        *byte ^= (uint8_t)(1u << bit % 8);
        if (saving_check(&check, &s->i, NULL) != ERR_INVAL || !check.job.why[0])
            fail_msg("bit %lu went unnoticed", bit);
        *byte ^= (uint8_t)(1u << bit % 8);
    }
    assert_passes(&s->i);
    saving_free(&s->i);
}

static void other_lengths_are_noticed(void **state)
{
    struct stage *s = *state;
    uint64_t n, total;
    uint8_t *bytes;

    save(&s->k, &s->c, &s->i, IMAGE_OWNER);
    total = s->i.bytes;
    bytes = saving_bytes(&s->i);
    saving_free(&s->i);
    for (n = 0; n < total; n += PAGE_SIZE) {
        assert_refused(&s->k.w, bytes, n, "length", n);
        assert_refused(&s->k.w, bytes, n + 1 + n / 16 % 4095, "length", n);
    }
    for (n = 0; n < 200; n++)
        assert_refused(&s->k.w, bytes, n, "length", n);
    assert_refused(&s->k.w, bytes, total - 1, "length", total - 1);
    bytes = realloc(bytes, total + PAGE_SIZE);
    memset(bytes + total, 0, PAGE_SIZE);
    assert_refused(&s->k.w, bytes, total + 1, "length", total + 1);
    assert_refused(&s->k.w, bytes, total + PAGE_SIZE, "length", total);
    free(bytes);
}

#define stage_test(f) cmocka_unit_test_setup_teardown(f, make, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_domains),
        stage_test(interrupted_it_writes_the_same),
        stage_test(every_allocation_may_fail),
        stage_test(too_little_room_is_said),
        stage_test(flipped_bits_are_noticed),
        stage_test(other_lengths_are_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
