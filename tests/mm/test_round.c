/* SPDX-License-Identifier: MIT */
/*
 * There and back: a domain that a hostile guest has made is saved, restored
 * on a machine like the one it was on, and saved again. Its tables, with all
 * entries, and its memory must be the same; only how it lies may differ.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/save/restore.h"
#include "port.h"
#include "saving.h"
#include "walker.h"

#define LIVES     120
#define STEPS_MAX 500
#define MAX_PAGES (8 * BLOCK_FRAMES)

/* What outlives the machine: the image, and the roots in pfns. */
struct luggage {
    bool linear; /* may tables map tables of their own level? */
    bool shown;  /* is the guest shown large pages? */
    uint8_t *bytes;
    uint64_t n;
    pfn_t root[2][2]; /* of each vCPU: kernel, user */
};

static void live(struct walker *k, uint64_t seed, bool linear)
{
    struct mm_op op;

    *k = (struct walker){.dice = {.s = seed}};
    walker_make(k);
    k->w.mm.linear_pt = linear;
    op = mm_op_on(&k->us.d, &k->us.v);
    /* Instead of the fixed frame, which a guest must not have mapped. */
    assert_int_equal(dmem_chunk_get(&op, 0, &k->pool[1]), ERR_NONE);
    memset(mm_frame_ptr(&k->w.mm, k->pool[1]), 0, PAGE_SIZE);
    for (uint64_t n = seed % STEPS_MAX; n > 0; n--)
        walker_act(k);
    (void)saving_number(&k->w, &k->us.d, &k->dice);
}

/* false: it has no pfn, being supplied: the guest cannot be resumed. */
static bool keep_root(pfn_t *to, const struct snapshot *c, mfn_t m)
{
    *to = snapshot_pfn(c, m);
    return mfn_eq(m, MFN_NONE) || to->v != PFN_NONE.v;
}

static bool keep_roots(struct luggage *l, const struct walker *k,
                       const struct snapshot *c)
{
    const struct mm_vcpu *v[2] = {&k->us.v, &k->second};
    bool all = true;

    for (unsigned i = 0; i < 2; i++) {
        all &= keep_root(&l->root[i][0], c, v[i]->root_kernel);
        all &= keep_root(&l->root[i][1], c, v[i]->root_user);
    }
    return all;
}

/* false: it cannot be saved, by the guest's doing; or there is no room. */
static bool pack(struct luggage *l, uint64_t seed)
{
    static struct walker k;
    struct snapshot c;
    struct mm_op op;
    struct image i;
    struct save s;
    enum err rc;

    live(&k, seed, l->linear);
    l->shown = k.us.d.large_shown;
    op = mm_op_on(&k.us.d, &k.us.v);
    rc = saving_snapshot(&c, &op, no_p2m, NULL);
    world_done(&op);
    if (!rc && !keep_roots(l, &k, &c))
        rc = ERR_INVAL;
    if (!rc) {
        assert_int_equal(image_init(&i, &k.w.mm, IMAGE_OWNER, MAX_PAGES), 0);
        rc = saving_save(&s, &c, &i, NULL);
        l->bytes = saving_bytes(&i);
        l->n = i.bytes;
        saving_free(&i);
    }
    HOST_END(snapshot_end(&c));
    walker_end(&k);
    return !rc;
}

static enum err load(struct mm_op *op, const struct restore *r,
                     const pfn_t root[2])
{
    enum err rc = ERR_NONE;

    if (root[0].v != PFN_NONE.v)
        rc = mmu_new_baseptr(op, restore_mfn(r, root[0]));
    if (!rc && root[1].v != PFN_NONE.v)
        rc = mmu_new_user_baseptr(op, restore_mfn(r, root[1]));
    return rc;
}

static void assert_same_section(const uint8_t *a, const uint8_t *b,
                                enum image_section s)
{
    struct image_header x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    assert_int_equal(x.section[s].bytes, y.section[s].bytes);
    assert_memory_equal(a + x.section[s].offset, b + y.section[s].offset,
                        x.section[s].bytes);
}

static void assert_same(const uint8_t *a, const uint8_t *b)
{
    struct image_header x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    assert_int_equal(x.nr_pfns, y.nr_pfns);
    assert_int_equal(x.nr_frames, y.nr_frames);
    assert_int_equal(x.large, y.large);
    assert_same_section(a, b, IMAGE_HV);
    assert_same_section(a, b, IMAGE_TABLES);
    assert_same_section(a, b, IMAGE_P2M);
    assert_same_section(a, b, IMAGE_INDEX);
    assert_same_section(a, b, IMAGE_PAGES);
}

static void save_again(struct world *w, struct mm_op *op, const uint8_t *first)
{
    struct image image;
    struct snapshot c;
    uint8_t *second;
    struct save s;

    if (saving_snapshot(&c, op, no_p2m, NULL))
        fail_msg("%s", c.job.why);
    assert_int_equal(image_init(&image, &w->mm, IMAGE_OWNER, MAX_PAGES), 0);
    assert_int_equal(saving_save(&s, &c, &image, NULL), ERR_NONE);
    second = saving_bytes(&image);
    assert_same(first, second);
    free(second);
    saving_free(&image);
    HOST_END(snapshot_end(&c));
}

static enum err restore_all(struct restore *r, struct mm_op *op,
                            const struct image *i, uint64_t interrupt)
{
    enum err rc;

    restore_begin(r, op, i, RESTORE_SHATTER);
    host_preempt_every(interrupt);
    do
        rc = restore_step(r);
    while (rc == ERR_RESTART);
    host_preempt_at(0);
    return rc;
}

/*
 * What a table is that another of its level maps depends on which of them was
 * validated first, which no image says: such domains may come out otherwise,
 * or be refused, cleanly.
 */
static bool unpack(const struct luggage *l, uint64_t seed)
{
    static struct restore r;
    struct image_check check;
    struct world_domain x;
    struct mm_op op, op2;
    struct mm_vcpu other;
    struct world w;
    struct image i;
    enum err rc;

    world_make(&w, 16);
    w.mm.linear_pt = l->linear;
    saving_image(&i, &w, l->bytes, l->n);
    assert_int_equal(saving_check(&check, &i, NULL), ERR_NONE);
    world_domain(&w, &x, 1, MAX_PAGES);
    x.d.large_shown = l->shown;
    dmem_vcpu_init(&x.d, &other);
    op = mm_op_on(&x.d, &x.v);
    op2 = mm_op_on(&x.d, &other);
    rc = restore_all(&r, &op, &i, seed % 4);
    if (!rc)
        rc = load(&op, &r, l->root[0]);
    if (!rc)
        rc = load(&op2, &r, l->root[1]);
    world_done(&op);
    world_done(&op2);
    world_audit(&w, "restoring");
    if (rc && !l->linear)
        fail_msg("seed %lu: %s", seed, r.job.why);
    HOST_END(restore_end(&r));
    saving_free(&i);
    if (!l->linear)
        save_again(&w, &op, l->bytes);
    world_destroy(&w, &x);
    world_end(&w);
    return rc == ERR_NONE;
}

static void migrations(bool linear, unsigned least)
{
    unsigned went = 0;

    for (uint64_t n = 0; n < LIVES; n++) {
        uint64_t seed = 0x7e57 + n * 6133;
        struct luggage l = {.linear = linear};

        if (pack(&l, seed))
            went += unpack(&l, seed);
        free(l.bytes);
    }
    print_message("%u of %u went there and back\n", went, LIVES);
    assert_true(went > least);
}

static void random_domains(void **state)
{
    (void)state;
    migrations(false, LIVES / 2);
}

static void domains_with_linear_tables(void **state)
{
    (void)state;
    migrations(true, LIVES / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_domains),
        cmocka_unit_test(domains_with_linear_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
