/* SPDX-License-Identifier: MIT */
/*
 * Lives at random of up to five domains of both policies that share memory,
 * against a naive model: who has which frame, who has given one up that is
 * still mapped, what each frame contains. After each step the audit and the
 * simulated TLB; a frame that comes into somebody's hand is in nobody else's
 * and contains nothing of anybody else's. Memory runs out, destruction is
 * interrupted and comes in any order, ids are used again. SEEDS and STEPS in
 * the environment make it longer, SEED picks one life.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hands.h"
#include "mm/alloc/shared.h"
#include "mm/pv/supply.h"
#include "port.h"
#include "simtlb.h"

#define BLOCKS  20
#define DOMAINS 5
#define MOST    (4 * BLOCK_FRAMES) /* frames of one domain */
#define KERNEL  (PTE_P | PTE_RW | PTE_US)

static struct hand doms[DOMAINS];
static struct dice dice;
static uint64_t serials, refused, shared_most;

static uint64_t upto(uint64_t n)
{
    return dice_upto(&dice, n);
}

/* --- what domains do ----------------------------------------------------- */

static void get_frames(struct hand *d)
{
    struct mm_op op = hands_op(d);
    unsigned n = 1 + (unsigned)upto(60), done;
    static const pfn_t pfn[60];
    mfn_t m[60];
    enum err rc = reservation_increase_list(&op, pfn, m, n, &done);

    say_what("domain %u takes %u frames", d->x.d.id, n);
    refused += rc == ERR_NOMEM;
    for (unsigned i = 0; i < done; i++)
        hands_take(d, m[i]);
    world_done(&op);
}

static void get_chunk(struct hand *d)
{
    struct mm_op op = hands_op(d);
    unsigned order = (unsigned)upto(10);
    mfn_t m;
    enum err rc = reservation_increase(&op, PFN_NONE, order, &m);

    say_what("domain %u takes order %u", d->x.d.id, order);
    refused += rc == ERR_NOMEM;
    for (unsigned i = 0; !rc && i < 1u << order; i++)
        hands_take(d, mfn_add(m, i));
    world_done(&op);
}

/* Any of them by a list, or the last ones. */
static void put_frames(struct hand *d)
{
    struct mm_op op = hands_op(d);
    unsigned n = upto(6) ? 1 + (unsigned)upto(60) : d->n, done;
    bool last = upto(2);
    static mfn_t m[HANDS_MOST];
    enum err rc;

    n = MIN(n, d->n);
    say_what("domain %u gives back %u frames", d->x.d.id, n);
    for (unsigned i = 0; i < n; i++) { /* the ith goes to the ith last place */
        unsigned end = d->n - 1 - i, k = last ? end : (unsigned)upto(end + 1);

        m[i] = d->has[k];
        d->has[k] = d->has[end];
        d->has[end] = m[i];
    }
    rc = reservation_decrease_list(&op, m, n, &done);
    assert_int_equal(rc, done == n ? ERR_NONE : ERR_NOMEM);
    for (unsigned i = 0, top = d->n; i < done; i++)
        hands_give(d, top - 1 - i);
    world_done(&op);
}

static void put_chunk(struct hand *d)
{
    struct mm_op op = hands_op(d);
    unsigned order = upto(2) ? 9 : (unsigned)upto(9), n = 1u << order;
    mfn_t m = d->has[upto(d->n)];
    bool all;
    enum err rc;

    m.v &= ~(uint64_t)(n - 1);
    say_what("domain %u gives back %lx, order %u", d->x.d.id, m.v, order);
    all = hands_has_all(d, m, n) && d->l1.v - m.v >= n && d->root.v - m.v >= n;
    if (!all && hands_has_all(d, m, n))
        return; /* its tables: not now */
    rc = reservation_decrease(&op, m, order);
    if (rc != (all ? ERR_NONE : ERR_INVAL) && rc != ERR_NOMEM)
        fail_msg("%s: %d", hands_what, rc);
    for (unsigned k = d->n; !rc && k-- > 0;)
        if (d->has[k].v - m.v < n)
            hands_give(d, k);
    world_done(&op);
}

static enum err update(struct hand *d, unsigned i, uint64_t val)
{
    struct mm_op op = hands_op(d);
    enum err rc = mmu_update(&op, d->l1.v << PAGE_SHIFT | i * 8, val);

    world_done(&op);
    return rc;
}

static void unmap(struct hand *d, unsigned i)
{
    mfn_t m = d->mapped[i];

    if (mfn_eq(m, MFN_NONE))
        return;
    assert_int_equal(update(d, i, 0), ERR_NONE);
    d->mapped[i] = MFN_NONE;
    hands_unmapped(d, m);
}

static void map(struct hand *d)
{
    unsigned i = (unsigned)upto(PT_ENTRIES);
    mfn_t m = d->has[upto(d->n)];

    say_what("domain %u maps %lx", d->x.d.id, m.v);
    unmap(d, i);
    if (!update(d, i, pte_make(m, upto(2) ? KERNEL : PTE_P | PTE_US).v))
        d->mapped[i] = m;
}

static void unmap_some(struct hand *d)
{
    say_what("domain %u unmaps", d->x.d.id);
    for (unsigned n = 0; n < 40; n++)
        unmap(d, (unsigned)upto(PT_ENTRIES));
}

/* Fills the caches, so that what is given back may be reached still. */
static void touch(struct hand *d)
{
    say_what("domain %u reads", d->x.d.id);
    for (unsigned n = 0; n < 20; n++) {
        unsigned i = (unsigned)upto(PT_ENTRIES);
        const void *at =
            simtlb_access(&d->x.d, (unsigned)upto(SIMTLB_CPUS), d->root,
                          (uint64_t)i << PAGE_SHIFT, false);

        assert_int_equal(at != NULL, !mfn_eq(d->mapped[i], MFN_NONE));
    }
}

/* Of somebody else's, or nobody's: refused, whatever block it is in. */
static void trespass(struct hand *d)
{
    struct mm_op op = hands_op(d);
    mfn_t m = mfn_of(upto(HANDS_FRAMES));
    enum err rc;

    if (hands_owner[m.v] == d || mfn_eq(m, d->supplied))
        return;
    say_what("domain %u trespasses on %lx", d->x.d.id, m.v);
    rc = mmu_update(&op, d->l1.v << PAGE_SHIFT, pte_make(m, KERNEL).v);
    assert_true(rc == ERR_BUSY || rc == ERR_PERM);
    assert_int_equal(reservation_decrease(&op, m, 0), ERR_INVAL);
    world_done(&op);
}

static void scrub(struct hand *d)
{
    (void)d;
    say_what("scrubbing");
    (void)shared_scrub(&hands_world.mm, upto(100));
}

static void supply(struct hand *d)
{
    struct mm_op op = hands_op(d);

    say_what("domain %u's supplied table", d->x.d.id);
    if (!mfn_eq(d->supplied, MFN_NONE)) {
        assert_true(supply_put(&op, d->supplied));
        d->supplied = MFN_NONE;
    } else if (supply_get(&op, &d->supplied) == ERR_NONE) {
        assert_null(hands_owner[d->supplied.v]);
        hands_check_content(d, d->supplied);
    } else {
        d->supplied = MFN_NONE;
    }
    world_done(&op);
}

/* --- coming and going ---------------------------------------------------- */

/* A root that maps an empty L1 table at 0; false: no memory. */
static bool make_tree(struct hand *d)
{
    struct mm_op op = hands_op(d);
    mfn_t t[4];
    unsigned done;

    if (dmem_frames_get(&op, t, 4, &done))
        return false;
    for (unsigned i = 0; i < 4; i++) {
        pte_t *e = mm_frame_ptr(&hands_world.mm, t[i]);

        assert_null(hands_owner[t[i].v]);
        hands_check_content(d, t[i]);
        hands_owner[t[i].v] = d;
        memset(e, 0, PAGE_SIZE);
        if (i > 0)
            e[0] = pte_make(t[i - 1], KERNEL);
    }
    d->l1 = t[0];
    d->root = t[3];
    assert_int_equal(mmu_new_baseptr(&op, d->root), ERR_NONE);
    world_done(&op);
    return true;
}

static void destroy(struct hand *d)
{
    struct mm_op op = hands_op(d);
    enum err rc;

    say_what("the end of domain %u", d->x.d.id);
    hands_drop(d);
    do {
        host_preempt_every(1 + upto(9));
        rc = dmem_domain_destroy(&op);
        host_preempt_at(0);
        world_done(&op);
        world_audit(&hands_world, hands_what);
    } while (rc == ERR_RESTART);
    assert_int_equal(rc, ERR_NONE);
    d->serial = 0;
}

static void create(struct hand *d)
{
    say_what("a new domain");
    world_domain(&hands_world, &d->x, (domid_t)(d - doms + 1), HANDS_MOST);
    d->x.d.relinquish = upto(3) ? RELINQUISH_CUT : RELINQUISH_KEEP;
    d->serial = ++serials << 16 | 0xb10c;
    d->n = 0;
    d->supplied = MFN_NONE;
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        d->mapped[i] = MFN_NONE;
    if (!make_tree(d))
        destroy(d);
}

static void step(void)
{
    static void (*const deeds[])(struct hand *) = {
        get_frames, get_frames, get_frames, get_chunk,  get_chunk,
        get_chunk,  put_frames, put_frames, put_frames, put_chunk,
        put_chunk,  map,        map,        map,        unmap_some,
        touch,      touch,      trespass,   supply,     scrub,
    };
    struct hand *d = &doms[upto(DOMAINS)];
    void (*deed)(struct hand *) = deeds[upto(ARRAY_SIZE(deeds))];

    hands_world.mm.alloc.fail_in = upto(8) ? 0 : 1 + upto(3);
    if (!d->serial)
        create(d);
    else if (upto(60) == 0)
        destroy(d);
    else if (d->n || deed == get_frames || deed == get_chunk)
        deed(d);
    hands_world.mm.alloc.fail_in = 0;
    world_audit(&hands_world, hands_what);
    shared_most = MAX(shared_most, shared_stats(&hands_world.mm).blocks);
}

static void live(uint64_t seed, unsigned steps)
{
    dice = (struct dice){.s = seed * 2654435761u + 1};
    shared_most = hands_shared = 0;
    memset(doms, 0, sizeof(doms));
    memset(hands_owner, 0, sizeof(hands_owner));
    world_make(&hands_world, HANDS_BLOCKS);
    for (unsigned i = 0; i < steps; i++) {
        step();
        for (struct hand *d = doms; i % 16 == 0 && d < doms + DOMAINS; d++)
            if (d->serial)
                hands_check(d);
    }
    print_message("seed %lu: %lu lives, %lu times no memory, at most %lu "
                  "shared blocks, %lu frames handed over\n",
                  seed, serials, refused, shared_most, hands_shared);
    assert_true(shared_most > 3 && hands_shared > 1000);
    for (unsigned left = DOMAINS; left > 0;) { /* in any order */
        struct hand *d = &doms[upto(DOMAINS)];

        left = 0;
        if (d->serial)
            destroy(d);
        for (d = doms; d < doms + DOMAINS; d++)
            left += d->serial != 0;
    }
    assert_int_equal(shared_stats(&hands_world.mm).blocks, 0);
    world_end(&hands_world);
}

static unsigned setting(const char *name, unsigned otherwise)
{
    const char *s = getenv(name);

    return s ? (unsigned)atoi(s) : otherwise;
}

static void lives_at_random(void **state)
{
    unsigned seed = setting("SEED", 0), steps = setting("STEPS", 2000);

    (void)state;
    if (seed)
        live(seed, steps);
    for (unsigned s = 1; !seed && s <= setting("SEEDS", 6); s++)
        live(s, steps);
    assert_true(refused > 0 || seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lives_at_random)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
