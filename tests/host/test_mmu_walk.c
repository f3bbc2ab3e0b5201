/* SPDX-License-Identifier: MIT */
/*
 * test_mmu_walk.c: random walks over every operation a guest has on its
 * memory, good and bad, with interruptions at random places; after each step
 * the audit recomputes everything. At the end every block must be back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port.h"
#include "world.h"

#define POOL 40

struct walker {
    struct world w;
    struct world_domain us, them;
    struct dice dice;
    mfn_t pool[POOL];
    char what[120];
    uint64_t done, refused, restarted;
};

static uint64_t upto(struct walker *k, uint64_t n)
{
    return dice_upto(&k->dice, n);
}

/* Mostly our own frames, sometimes what we have no business with. */
static mfn_t any_mfn(struct walker *k)
{
    switch (upto(k, 40)) {
    case 0:
        return mfn_of(upto(k, k->w.mm.nr_frames * 2));
    case 1:
        return mfn_of(~UINT64_C(0) >> upto(k, 30));
    case 2:
        return mfn_of(k->w.mm.nr_frames - upto(k, 3) + 1);
    case 3: /* a whole block of ours, or near it */
        return mfn_of((k->pool[POOL - 1].v & ~511ull) + upto(k, 2));
    case 4:
        return mfn_of(upto(k, 64)); /* hypervisor frames */
    default:
        return k->pool[upto(k, POOL)];
    }
}

static unsigned any_index(struct walker *k)
{
    static const unsigned few[] = {0, 1, 2, 3, 255, 256, 271, 272, 510, 511};

    return few[upto(k, ARRAY_SIZE(few))];
}

static pte_t any_entry(struct walker *k)
{
    uint64_t flags = PTE_P | PTE_US;

    if (upto(k, 8) == 0)
        flags &= ~PTE_P;
    if (upto(k, 2))
        flags |= PTE_RW;
    if (upto(k, 6) == 0)
        flags |= PTE_PSE;
    if (upto(k, 12) == 0)
        flags ^= BIT(upto(k, 64));
    if (upto(k, 10) == 0)
        return pte_of(0);
    return pte_make(any_mfn(k), flags & ~PTE_ADDR);
}

static enum err random_change(struct walker *k, struct mm_op *op)
{
    mfn_t m = any_mfn(k);
    unsigned i = any_index(k), level;
    pte_t e = any_entry(k);

    switch (upto(k, 12)) {
    case 0:
    case 1:
    case 2:
        snprintf(k->what, sizeof(k->what), "mmu_update %lx[%u] = %lx", m.v, i,
                 e.v);
        return mmu_update(op, m.v << PAGE_SHIFT | i * 8 | upto(k, 3) / 2 * 2,
                          e.v);
    case 3:
        snprintf(k->what, sizeof(k->what), "machphys %lx", m.v);
        return mmu_update(op, m.v << PAGE_SHIFT | 1, e.v);
    case 4: {
        uint64_t va = (uint64_t)upto(k, 4) << 39 | upto(k, 4) << 30 |
                      upto(k, 4) << 21 | upto(k, 4) << 12;

        snprintf(k->what, sizeof(k->what), "update_va %lx = %lx", va, e.v);
        return mmu_update_va(op, va, e.v);
    }
    case 5:
    case 6:
    case 7:
        level = 1 + (unsigned)upto(k, 4);
        snprintf(k->what, sizeof(k->what), "pin L%u %lx", level, m.v);
        return mmu_pin(op, m, level);
    case 8:
    case 9:
        snprintf(k->what, sizeof(k->what), "unpin %lx", m.v);
        return mmu_unpin(op, m);
    case 10:
        snprintf(k->what, sizeof(k->what), "baseptr %lx", m.v);
        return upto(k, 2) ? mmu_new_baseptr(op, m)
                          : mmu_new_user_baseptr(op, m);
    default:
        snprintf(k->what, sizeof(k->what), "seg %lx", m.v);
        return mmu_seg_load(op, (unsigned)upto(k, MM_SEG_SLOTS),
                            upto(k, 2) ? m : MFN_NONE);
    }
}

static enum err random_memory(struct walker *k, struct mm_op *op)
{
    unsigned slot = (unsigned)upto(k, POOL);
    mfn_t m = k->pool[slot], got;
    enum err rc;

    switch (upto(k, 6)) {
    case 0:
        snprintf(k->what, sizeof(k->what), "decrease %lx", m.v);
        return reservation_decrease(op, m, 0);
    case 1:
        snprintf(k->what, sizeof(k->what), "increase");
        rc = reservation_increase(op, pfn_of(slot), (unsigned)upto(k, 3),
                                  &got);
        if (!rc)
            k->pool[slot] = got;
        return rc;
    case 2: {
        mfn_t in[2] = {m, any_mfn(k)}, out[2];
        pfn_t pfn[2] = {pfn_of(1), pfn_of(2)};
        struct reservation_exchange x = {
            .in = in, .out = out, .out_pfn = pfn, .n_in = 2, .n_out = 2};

        snprintf(k->what, sizeof(k->what), "exchange %lx %lx", in[0].v,
                 in[1].v);
        rc = reservation_exchange(op, &x);
        if (!rc)
            k->pool[slot] = out[0];
        return rc;
    }
    case 3:
        m = any_mfn(k);
        snprintf(k->what, sizeof(k->what), "mark %lx", m.v);
        return mmu_mark_super(op, upto(k, 2) ? m : mfn_of(m.v & ~511ull));
    case 4:
        m = any_mfn(k);
        snprintf(k->what, sizeof(k->what), "unmark %lx", m.v);
        return mmu_unmark_super(op, mfn_of(m.v & ~511ull));
    default:
        snprintf(k->what, sizeof(k->what), "clear %lx", m.v);
        return upto(k, 2) ? mmu_clear_page(op, m)
                          : mmu_copy_page(op, m, any_mfn(k));
    }
}

static void step(struct walker *k)
{
    struct mm_op op = mm_op_on(&k->us.d, &k->us.v);
    enum err rc;

    host_preempt_at(upto(k, 4) ? 0 : 1 + upto(k, 20));
    if (upto(k, 8))
        rc = random_change(k, &op);
    else
        rc = random_memory(k, &op);
    host_preempt_at(0);
    world_done(&op);
    if (rc == ERR_RESTART)
        k->restarted++;
    else if (rc)
        k->refused++;
    else
        k->done++;
    world_audit(&k->w, k->what);
}

static void fill_pool(struct walker *k)
{
    struct mm_op op = mm_op_on(&k->us.d, &k->us.v);
    blk_t b;

    for (unsigned i = 0; i < POOL; i++) {
        assert_int_equal(dmem_run_get(&op, 0, &k->pool[i]), ERR_NONE);
        memset(mm_frame_ptr(&k->w.mm, k->pool[i]), 0, PAGE_SIZE);
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(dmem_block_get(&op, &b), ERR_NONE);
        k->pool[POOL - 1 - i] = mfn_of_blk(b);
    }
    op = mm_op_on(&k->them.d, &k->them.v);
    assert_int_equal(dmem_block_get(&op, &b), ERR_NONE);
    k->pool[0] = mfn_of_blk(b); /* not ours */
    world_audit(&k->w, "filling the pool");
}

static void walk(uint64_t seed, unsigned steps)
{
    struct walker *k = calloc(1, sizeof(*k));

    k->dice.s = seed * 2654435761u + 1;
    world_make(&k->w, 24);
    world_domain(&k->w, &k->us, 1, 12 * BLOCK_FRAMES);
    world_domain(&k->w, &k->them, 2, 4 * BLOCK_FRAMES);
    fill_pool(k);
    for (unsigned i = 0; i < steps; i++)
        step(k);
    print_message("seed %lu: %lu done, %lu refused, %lu interrupted\n", seed,
                  k->done, k->refused, k->restarted);
    assert_true(k->done > steps / 20 && k->refused > steps / 20);
    world_destroy(&k->w, &k->us);
    world_destroy(&k->w, &k->them);
    world_end(&k->w);
    free(k);
}

static void random_walks_keep_every_count_exact(void **state)
{
    const char *seeds = getenv("SEEDS"), *steps = getenv("STEPS");
    unsigned n = seeds ? (unsigned)atoi(seeds) : 10;

    (void)state;
    for (unsigned s = 1; s <= n; s++)
        walk(s, steps ? (unsigned)atoi(steps) : 1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_walks_keep_every_count_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
