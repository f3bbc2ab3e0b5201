/* SPDX-License-Identifier: MIT */
/*
 * A domain that a hostile guest has made is relocated, over and over: that
 * never loses it, and by what it would be saved as, nothing has changed but
 * where it lies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/save/relocate.h"
#include "port.h"
#include "saving.h"
#include "walker.h"

#define LIVES     150
#define STEPS_MAX 400
#define VCPUS     2

/* What a saved domain is, apart from how it lies. */
struct saved {
    uint8_t *bytes; /* its tables come first */
    uint64_t n, tables;
};

/* Nothing: the domain has left no room for it. */
static struct saved save(struct world *w, const struct snapshot *c)
{
    struct image i;
    struct save s;
    struct saved out;
    enum err rc;

    assert_int_equal(image_init(&i, &w->mm, IMAGE_OWNER, 1u << 20), ERR_NONE);
    rc = saving_save(&s, c, &i, NULL);
    if (rc == ERR_NOMEM) {
        saving_free(&i);
        return (struct saved){NULL, 0, 0};
    }
    if (rc)
        fail_msg("%s", s.job.why);
    out.tables = c->tables.nr;
    out.n = i.bytes - image_header(&i)->section[IMAGE_TABLES].offset;
    out.bytes = saving_bytes(&i);
    memmove(out.bytes, out.bytes + (i.bytes - out.n), out.n);
    saving_free(&i);
    return out;
}

struct roots {
    pfn_t kernel[VCPUS], user[VCPUS];
};

/* false: one has no pfn, being supplied. */
static bool name_root(const struct snapshot *c, mfn_t m, pfn_t *to)
{
    *to = snapshot_pfn(c, m);
    return mfn_eq(m, MFN_NONE) || to->v != PFN_NONE.v;
}

static bool name_roots(const struct walker *k, const struct snapshot *c,
                       struct roots *r)
{
    const struct mm_vcpu *v[VCPUS] = {&k->us.v, &k->second};
    bool all = true;

    for (unsigned n = 0; n < VCPUS; n++)
        all = name_root(c, v[n]->root_kernel, &r->kernel[n]) &&
              name_root(c, v[n]->root_user, &r->user[n]) && all;
    return all;
}

static enum err load(struct mm_op *op, const struct snapshot *c, pfn_t pfn,
                     enum err (*fn)(struct mm_op *, mfn_t))
{
    enum err rc;

    if (pfn.v == PFN_NONE.v)
        return ERR_NONE;
    do
        rc = fn(op, snapshot_mfn(c, pfn));
    while (rc == ERR_RESTART);
    return rc;
}

static enum err load_roots(struct walker *k, const struct snapshot *c,
                           const struct roots *r)
{
    struct mm_vcpu *v[VCPUS] = {&k->us.v, &k->second};
    enum err rc = ERR_NONE;

    for (unsigned n = 0; n < VCPUS && !rc; n++) {
        struct mm_op op = mm_op_on(&k->us.d, v[n]);

        rc = load(&op, c, r->kernel[n], mmu_new_baseptr);
        if (!rc)
            rc = load(&op, c, r->user[n], mmu_new_user_baseptr);
        world_done(&op);
    }
    return rc;
}

static void relocate(struct mm_op *op, struct snapshot *c, uint64_t seed)
{
    struct relocate r;
    enum err rc;

    relocate_begin(&r, c);
    host_preempt_every(seed % 5);
    do {
        rc = relocate_step(&r);
        world_done(op);
    } while (rc == ERR_RESTART);
    host_preempt_at(0);
    if (rc)
        fail_msg("seed %lu: %s", seed, r.job.why);
}

/*
 * What only an unpinned root held up by entries of its own level may become
 * tables of another level (layout_pin.c); the snapshot names tables in order.
 */
static bool same_levels(const struct saved *a, const struct saved *b)
{
    const struct snapshot_table *x = (const void *)a->bytes;
    const struct snapshot_table *y = (const void *)b->bytes;

    for (uint64_t n = 0; n < MIN(a->tables, b->tables); n++)
        if (x[n].pfn == y[n].pfn && x[n].level != y[n].level)
            return false;
    return true;
}

/* false: not in all, as same_levels() says. */
static bool still_is(struct walker *k, struct mm_op *op,
                     const struct saved *before)
{
    struct snapshot c;
    struct saved after;
    bool same;

    assert_int_equal(saving_snapshot(&c, op, no_p2m, NULL), ERR_NONE);
    after = save(&k->w, &c);
    HOST_END(snapshot_end(&c));
    same = !k->w.mm.linear_pt || same_levels(before, &after);
    assert_int_equal(before->n, after.n);
    if (same)
        assert_memory_equal(before->bytes, after.bytes, after.n);
    free(after.bytes);
    return same;
}

/* false: it cannot be taken down in pfns, or its roots not be put back. */
static bool relocated(struct walker *k, struct mm_op *op, uint64_t seed)
{
    struct snapshot c;
    enum err rc = saving_snapshot(&c, op, no_p2m, NULL);
    struct roots roots;
    struct saved before;
    bool went;

    world_done(op);
    if (rc || !name_roots(k, &c, &roots)) {
        HOST_END(snapshot_end(&c));
        return false;
    }
    before = save(&k->w, &c);
    if (!before.bytes) {
        HOST_END(snapshot_end(&c));
        return false;
    }
    relocate(op, &c, seed);
    world_audit(&k->w, "relocation");
    rc = load_roots(k, &c, &roots);
    assert_true(!rc || k->w.mm.linear_pt);
    world_audit(&k->w, "roots");
    HOST_END(snapshot_end(&c));
    went = !rc && still_is(k, op, &before);
    free(before.bytes);
    return went;
}

static bool life(uint64_t seed, bool linear)
{
    struct walker k = {.dice = {.s = seed}};
    struct mm_op op;
    bool went = true;

    walker_make(&k);
    k.w.mm.linear_pt = linear;
    op = mm_op_on(&k.us.d, &k.us.v);
    /* Instead of the fixed frame, which a guest must not have mapped. */
    assert_int_equal(dmem_chunk_get(&op, 0, &k.pool[1]), ERR_NONE);
    memset(mm_frame_ptr(&k.w.mm, k.pool[1]), 0, PAGE_SIZE);
    for (uint64_t n = seed * 131 % STEPS_MAX; n > 0; n--)
        walker_act(&k);
    (void)saving_number(&k.w, &k.us.d, &k.dice);
    for (unsigned n = 0; n < 3 && went; n++)
        went = relocated(&k, &op, seed + n);
    world_done(&op);
    walker_end(&k);
    return went;
}

static void lives(bool linear, unsigned least)
{
    unsigned went = 0;

    for (uint64_t seed = 1; seed <= LIVES; seed++)
        went += life(seed * 977, linear);
    print_message("%u of %u\n", went, LIVES);
    assert_in_range(went, least, LIVES);
}

static void random_domains(void **state)
{
    (void)state;
    lives(false, LIVES / 3);
}

static void domains_with_linear_tables(void **state)
{
    (void)state;
    lives(true, LIVES / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_domains),
        cmocka_unit_test(domains_with_linear_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
