/* SPDX-License-Identifier: MIT */
/*
 * test_faults.c: memory runs out at the first, second, ... allocation of
 * every operation that allocates. Each time it must fail with ERR_NOMEM, with
 * nothing lost and nothing changed, and must succeed when asked again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc/range.h"
#include "mm/alloc/shared.h"
#include "mm/pv/supply.h"
#include "port.h"
#include "scene.h"

/* Frames of blocks that nobody has used at 4 KiB grain yet. */
struct fresh {
    mfn_t block[5];
};

static mfn_t member(struct scene *s, struct fresh *x, unsigned b, unsigned i)
{
    (void)s;
    return mfn_add(x->block[b], i);
}

static void prepare(struct scene *s, struct fresh *x)
{
    blk_t b;

    s->us.d.max_pages = 64 * BLOCK_FRAMES;
    for (unsigned i = 0; i < ARRAY_SIZE(x->block); i++) {
        assert_int_equal(dmem_block_get(&s->op, &b), ERR_NONE);
        x->block[i] = mfn_of_blk(b);
    }
    while (s->us.d.holes > 0) /* nothing at hand: a block has to be cut */
        (void)scene_frame(s);
}

/* --- the operations ------------------------------------------------------ */

typedef enum err op_fn(struct scene *s, struct fresh *x);

static enum err update(struct scene *s, mfn_t t, unsigned i, uint64_t val)
{
    return mmu_update(&s->op, t.v << PAGE_SHIFT | i * 8, val);
}

static enum err get_block(struct scene *s, struct fresh *x)
{
    blk_t b;

    (void)x;
    return dmem_block_get(&s->op, &b);
}

static enum err get_chunk(struct scene *s, struct fresh *x)
{
    mfn_t m;

    (void)x;
    return dmem_chunk_get(&s->op, 3, &m);
}

static enum err get_fixed(struct scene *s, struct fresh *x)
{
    mfn_t m;

    (void)x;
    return dmem_fixed_get(&s->op, &m);
}

static enum err map_read_only(struct scene *s, struct fresh *x)
{
    return update(s, s->l1, 7, pte_make(member(s, x, 0, 3), READ).v);
}

static enum err map_writable(struct scene *s, struct fresh *x)
{
    return update(s, s->l1, 7, pte_make(member(s, x, 0, 3), KERNEL).v);
}

static enum err map_by_va(struct scene *s, struct fresh *x)
{
    return mmu_update_va(&s->op, 0x7000,
                         pte_make(member(s, x, 0, 3), KERNEL).v);
}

static enum err map_by_emulation(struct scene *s, struct fresh *x)
{
    struct mmu_entry e = {.table = s->l1, .i = 7};

    return mmu_emulate_write(&s->op, e, 0,
                             pte_make(member(s, x, 0, 3), KERNEL).v);
}

static enum err map_a_list(struct scene *s, struct fresh *x)
{
    struct mmu_request r[3];
    unsigned done;

    for (unsigned i = 0; i < 3; i++)
        r[i] = (struct mmu_request){
            .ptr = s->l1.v << PAGE_SHIFT | (i + 5) * 8,
            .val = pte_make(member(s, x, i, 9), KERNEL).v,
        };
    return mmu_update_list(&s->op, r, 3, &done);
}

static enum err write_to_data(struct scene *s, struct fresh *x)
{
    return update(s, member(s, x, 0, 3), 7, 42);
}

static enum err hook_table(struct scene *s, struct fresh *x)
{
    return update(s, s->l2, 7, pte_make(member(s, x, 0, 3), KERNEL).v);
}

/* Each table in a block of its own, and the frame that is mapped. */
static void make_tree(struct scene *s, struct fresh *x)
{
    for (unsigned l = 0; l < 4; l++)
        *scene_entry(s, member(s, x, l, 0), 1) =
            pte_make(member(s, x, l + 1, 0), KERNEL);
}

static enum err pin_tree(struct scene *s, struct fresh *x)
{
    make_tree(s, x);
    return mmu_pin(&s->op, member(s, x, 0, 0), 4);
}

static enum err root_tree(struct scene *s, struct fresh *x)
{
    make_tree(s, x);
    return mmu_new_baseptr(&s->op, member(s, x, 0, 0));
}

static enum err user_root_tree(struct scene *s, struct fresh *x)
{
    make_tree(s, x);
    return mmu_new_user_baseptr(&s->op, member(s, x, 0, 0));
}

static enum err load_segment(struct scene *s, struct fresh *x)
{
    return mmu_seg_load(&s->op, 2, member(s, x, 0, 3));
}

static enum err load_info(struct scene *s, struct fresh *x)
{
    return mmu_info_load(&s->op, member(s, x, 0, 3));
}

static enum err clear_page(struct scene *s, struct fresh *x)
{
    return mmu_clear_page(&s->op, member(s, x, 0, 3));
}

static enum err copy_page(struct scene *s, struct fresh *x)
{
    return mmu_copy_page(&s->op, member(s, x, 0, 3), member(s, x, 1, 3));
}

static enum err update_descriptor(struct scene *s, struct fresh *x)
{
    return mmu_update_descriptor(&s->op, maddr_of_mfn(member(s, x, 0, 3)), 0);
}

static enum err increase_one(struct scene *s, struct fresh *x)
{
    mfn_t m;

    (void)x;
    return reservation_increase(&s->op, pfn_of(9), 0, &m);
}

static enum err increase_block(struct scene *s, struct fresh *x)
{
    mfn_t m;

    (void)x;
    return reservation_increase(&s->op, pfn_of(512), 9, &m);
}

static enum err increase_list(struct scene *s, struct fresh *x)
{
    static mfn_t m[BLOCK_FRAMES + 9];
    static pfn_t pfn[BLOCK_FRAMES + 9];
    unsigned done;
    enum err rc =
        reservation_increase_list(&s->op, pfn, m, ARRAY_SIZE(m), &done);

    (void)x;
    if (rc && done > 0) { /* a part is allowed: give it back */
        uint64_t fail_in = s->w.mm.alloc.fail_in;
        unsigned back;

        s->w.mm.alloc.fail_in = 0;
        assert_int_equal(reservation_decrease_list(&s->op, m, done, &back),
                         ERR_NONE);
        assert_int_equal(back, done);
        s->w.mm.alloc.fail_in = fail_in;
    }
    return rc;
}

static enum err decrease_list(struct scene *s, struct fresh *x)
{
    const mfn_t m[] = {member(s, x, 0, 3), member(s, x, 1, 3)};
    unsigned done;
    enum err rc = reservation_decrease_list(&s->op, m, 2, &done);

    if (rc && done > 0) /* the rest, when asked again */
        x->block[0] = x->block[2];
    return rc;
}

static enum err decrease_one(struct scene *s, struct fresh *x)
{
    return reservation_decrease(&s->op, member(s, x, 0, 3), 0);
}

static enum err decrease_some(struct scene *s, struct fresh *x)
{
    return reservation_decrease(&s->op, member(s, x, 0, 8), 3);
}

/* Half of one block and half of the next. */
static enum err decrease_across(struct scene *s, struct fresh *x)
{
    uint64_t first = x->block[0].v;

    for (unsigned i = 1; i < ARRAY_SIZE(x->block); i++)
        first = MIN(first, x->block[i].v);
    return reservation_decrease(&s->op, mfn_of(first + 256), 9);
}

static pfn_t pfns[BLOCK_FRAMES];
static mfn_t outs[BLOCK_FRAMES];

static enum err exchange(struct scene *s, struct reservation_exchange x)
{
    x.out = outs;
    x.out_pfn = pfns;
    return reservation_exchange(&s->op, &x);
}

static enum err exchange_ones(struct scene *s, struct fresh *x)
{
    const mfn_t in[] = {member(s, x, 0, 3), member(s, x, 1, 3)};

    return exchange(
        s, (struct reservation_exchange){.in = in, .n_in = 2, .n_out = 2});
}

static enum err exchange_blocks(struct scene *s, struct fresh *x)
{
    return exchange(s, (struct reservation_exchange){.in = x->block,
                                                     .n_in = 2,
                                                     .in_order = 9,
                                                     .n_out = 2,
                                                     .out_order = 9});
}

/* A few frames are at hand, for the rest a block has to be cut. */
static enum err exchange_block_for_ones(struct scene *s, struct fresh *x)
{
    uint64_t fail_in = s->w.mm.alloc.fail_in;

    s->w.mm.alloc.fail_in = 0;
    for (unsigned i = 0; i < 3; i++) /* gone already if we come again */
        (void)reservation_decrease(&s->op, member(s, x, 3, i), 0);
    world_done(&s->op);
    s->w.mm.alloc.fail_in = fail_in;
    return exchange(s, (struct reservation_exchange){.in = x->block,
                                                     .n_in = 1,
                                                     .in_order = 9,
                                                     .n_out = BLOCK_FRAMES});
}

static enum err supply_table(struct scene *s, struct fresh *x)
{
    mfn_t m;

    (void)x;
    return supply_get(&s->op, &m);
}

static enum err add_range(struct scene *s, struct fresh *x)
{
    (void)x;
    return range_add(&s->us.d, (struct range){pfn_of(512), RANGE_REMAP});
}

/* Under relinquish=cut: refused, the block is not shared. */
static enum err cut_one(struct scene *s, struct fresh *x)
{
    s->us.d.relinquish = RELINQUISH_CUT;
    return decrease_one(s, x);
}

static enum err cut_across(struct scene *s, struct fresh *x)
{
    s->us.d.relinquish = RELINQUISH_CUT;
    return decrease_across(s, x);
}

static enum err cut_exchange(struct scene *s, struct fresh *x)
{
    s->us.d.relinquish = RELINQUISH_CUT;
    return exchange_ones(s, x);
}

static enum err exchange_ones_for_block(struct scene *s, struct fresh *x)
{
    static mfn_t in[BLOCK_FRAMES];

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        in[i] = member(s, x, i % 2, i);
    return exchange(
        s, (struct reservation_exchange){
               .in = in, .n_in = BLOCK_FRAMES, .n_out = 1, .out_order = 9});
}

static const struct operation {
    const char *name;
    op_fn *run;
    unsigned allocations; /* at least */
} operations[] = {
#define OP(f, n)                                                               \
    {                                                                          \
#f, f, n                                                               \
    }
    OP(get_block, 1),
    OP(get_chunk, 2),
    OP(get_fixed, 2),
    OP(map_read_only, 1),
    OP(map_writable, 1),
    OP(map_by_va, 1),
    OP(map_by_emulation, 1),
    OP(map_a_list, 3),
    OP(write_to_data, 1),
    OP(hook_table, 1),
    OP(pin_tree, 5),
    OP(root_tree, 5),
    OP(user_root_tree, 5),
    OP(load_segment, 1),
    OP(load_info, 1),
    OP(clear_page, 1),
    OP(copy_page, 2),
    OP(update_descriptor, 1),
    OP(increase_one, 2),
    OP(increase_block, 1),
    OP(increase_list, 4),
    OP(decrease_list, 2),
    OP(decrease_one, 1),
    OP(decrease_some, 1),
    OP(decrease_across, 2),
    OP(exchange_ones, 4),
    OP(exchange_blocks, 4),
    OP(exchange_block_for_ones, 3),
    OP(exchange_ones_for_block, 3),
    OP(supply_table, 2),
    OP(add_range, 1),
    OP(cut_one, 1),
    OP(cut_across, 2),
    OP(cut_exchange, 4),
};

/* What must be as before when an operation was refused. */
struct before {
    uint64_t tot_pages, blocks, blocks_cut, super_maps, free, shared, supplied;
    uint64_t tables[PT_LEVELS + 1];
};

static struct before look(struct scene *s)
{
    struct before b = {
        .tot_pages = s->us.d.tot_pages,
        .blocks = s->us.d.blocks,
        .blocks_cut = s->us.d.blocks_cut,
        .super_maps = s->us.d.super_maps,
        .shared = shared_stats(&s->w.mm).blocks,
        .supplied = s->us.d.supplied,
        .free = alloc_stats(&s->w.mm).free + alloc_stats(&s->w.mm).hv_blocks,
    };

    memcpy(b.tables, s->us.d.tables, sizeof(b.tables));
    return b;
}

/* The nth allocation fails. False: there were not so many. */
static bool refuse(const struct operation *o, unsigned n)
{
    struct fresh x;
    struct before was, is;
    struct scene *s;
    void *state;
    enum err rc;

    scene_make(&state);
    s = state;
    prepare(s, &x);
    was = look(s);
    s->w.mm.alloc.fail_in = n;
    rc = o->run(s, &x);
    s->w.mm.alloc.fail_in = 0;
    world_done(&s->op);
    world_audit(&s->w, o->name);
    if (rc && rc != ERR_NOMEM)
        fail_msg("%s: allocation %u refused gives %u", o->name, n, rc);
    if (rc && o->run != exchange_block_for_ones && o->run != decrease_list) {
        is = look(s);
        if (memcmp(&was, &is, sizeof(was)) != 0)
            fail_msg("%s: refused, but not without effect", o->name);
    }
    if (rc) {
        assert_int_equal(o->run(s, &x), ERR_NONE);
        world_done(&s->op);
        world_audit(&s->w, o->name);
    }
    scene_end(&state);
    return rc != ERR_NONE;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(operations); i++) {
        unsigned n = 1;

        while (refuse(&operations[i], n))
            n++;
        if (n - 1 < operations[i].allocations)
            fail_msg("%s allocates only %u times", operations[i].name, n - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
