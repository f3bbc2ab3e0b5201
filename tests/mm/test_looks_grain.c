/* SPDX-License-Identifier: MIT */
/*
 * test_looks_grain.c: how long the hypervisor works between two looks at the
 * clock. mm/ is compiled so that each of its basic blocks calls us here; a
 * cleared or copied cache line counts as one more. That is the same on every
 * machine, and mm/ need not know of it. Each walk meets a domain made to keep
 * it busy: all its frames are full tables, or holes. BOUND is in these units,
 * each of which is a few instructions. tests/mm/walks fails if a function
 * that can look at the clock is not measured here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc/m2p.h"
#include "mm/pv/lapse.h"
#include "mm/pv/split.h"
#include "mm/pv/type.h"
#include "mm/resize/compact.h"
#include "mm/resize/report.h"
#include "mm/save/relocate.h"
#include "mm/save/restore.h"
#include "port.h"
#include "saving.h"
#include "scene.h"

/* A block is copied: 65,536 lines. */
#define BOUND       48000u
#define BOUND_BLOCK (4 * BOUND)

#define LINE   64u
#define TABLES 2500u /* all of them full, and pinned */
#define LOOSE  1600u /* frames of which every other one is given back */
#define BLOCKS 40u

static bool metered;
static uint64_t units, most;

void __sanitizer_cov_trace_pc(void);
void *__real_memset(void *p, int c, size_t n);
void *__wrap_memset(void *p, int c, size_t n);
void *__real_memcpy(void *restrict to, const void *restrict from, size_t n);
void *__wrap_memcpy(void *restrict to, const void *restrict from, size_t n);

void __sanitizer_cov_trace_pc(void)
{
    units += metered;
}

void *__wrap_memset(void *p, int c, size_t n)
{
    units += metered ? n / LINE : 0;
    return __real_memset(p, c, n);
}

void *__wrap_memcpy(void *restrict to, const void *restrict from, size_t n)
{
    units += metered ? n / LINE : 0;
    return __real_memcpy(to, from, n);
}

static void looked(void)
{
    most = MAX(most, units);
    units = 0;
}

static enum err measured(const char *name, enum err rc, uint64_t bound)
{
    metered = false;
    looked();
    if (getenv("GRAIN"))
        print_message("%-28s %8lu\n", name, most);
    if (most > bound)
        fail_msg("%s: %lu units between two looks, %lu at most", name, most,
                 bound);
    return rc;
}

static void begin(void)
{
    host_at_look = looked;
    units = most = 0;
    metered = true;
}

/* One call; and calls until it does not say that it wants another. */
#define ONE(fn, bound, ...)  (begin(), measured(#fn, fn(__VA_ARGS__), bound))
#define WALK(fn, bound, ...) assert_int_equal(ONE(fn, bound, __VA_ARGS__), 0)

/* --- a domain that keeps everybody busy ----------------------------------- */

struct busy {
    struct world w;
    struct world_domain x;
    struct mm_op op;
    mfn_t root, l3, l2, data, loose[LOOSE];
    uint64_t pfns;
};

static mfn_t frame(struct busy *b)
{
    mfn_t m;

    assert_int_equal(dmem_chunk_get(&b->op, 0, &m), ERR_NONE);
    memset(mm_frame_ptr(&b->w.mm, m), 0, PAGE_SIZE);
    m2p_set(&b->w.mm, m, pfn_of(b->pfns++), 1);
    return m;
}

static mfn_t full(struct busy *b, mfn_t of, uint64_t flags)
{
    mfn_t m = frame(b);
    pte_t *e = mm_frame_ptr(&b->w.mm, m);

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        e[i] = pte_make(of, flags);
    return m;
}

/* An L2 whose entries are all different, full tables. */
static void make_root(struct busy *b)
{
    pte_t *e;

    b->l2 = frame(b);
    e = mm_frame_ptr(&b->w.mm, b->l2);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        e[i] = pte_make(full(b, b->data, READ), KERNEL);
    b->l3 = full(b, b->l2, KERNEL);
    b->root = frame(b);
    *(pte_t *)mm_frame_ptr(&b->w.mm, b->root) = pte_make(b->l3, KERNEL);
}

static void make(struct busy *b)
{
    memset(b, 0, sizeof(*b));
    world_make(&b->w, BLOCKS);
    world_domain(&b->w, &b->x, 1, 16 * BLOCK_FRAMES);
    b->op = mm_op_on(&b->x.d, &b->x.v);
    b->data = frame(b);
    make_root(b);
    for (unsigned i = 0; i < TABLES; i++)
        assert_int_equal(mmu_pin(&b->op, full(b, b->data, READ), 1), 0);
    for (unsigned i = 0; i < LOOSE; i++)
        b->loose[i] = frame(b);
    for (unsigned i = 0; i < LOOSE; i += 2)
        assert_int_equal(reservation_decrease(&b->op, b->loose[i], 0), 0);
    world_done(&b->op);
}

static void end(struct busy *b)
{
    world_done(&b->op);
    world_audit(&b->w, "the walks");
    while (dmem_domain_destroy(&b->op) == ERR_RESTART)
        ;
    world_done(&b->op);
    world_end(&b->w);
}

/* --- the walks ------------------------------------------------------------ */

static void tables_go_up_and_down(void **state)
{
    static struct busy b;

    (void)state;
    make(&b);
    WALK(mmu_pin, BOUND, &b.op, b.root, 4);
    WALK(mmu_new_baseptr, BOUND, &b.op, b.root);
    WALK(mmu_new_user_baseptr, BOUND, &b.op, b.root);
    WALK(mmu_new_user_baseptr, BOUND, &b.op, mfn_of(0));
    WALK(mmu_unpin, BOUND, &b.op, b.root);
    WALK(mmu_update, BOUND, &b.op, b.root.v << PAGE_SHIFT, 0);
    WALK(type_get, BOUND, &b.op, b.l3, FRAME_L3);
    begin();
    type_put_deferred(&b.op, b.l3); /* WALK(type_put_deferred */
    (void)measured("type_put_deferred", ERR_NONE, BOUND);
    assert_int_equal(ONE(type_finish_deferred, BOUND, &b.op), 0);
    end(&b);
}

static void a_domain_ends(void **state)
{
    static struct busy b;

    (void)state;
    make(&b);
    assert_int_equal(mmu_pin(&b.op, b.root, 4), ERR_NONE);
    assert_int_equal(mmu_new_baseptr(&b.op, b.root), ERR_NONE);
    world_done(&b.op);
    WALK(dmem_domain_destroy, BOUND, &b.op);
    world_end(&b.w);
}

static void pack(struct busy *b, struct image *i, struct snapshot *c)
{
    static struct image_check k;
    static struct save s;

    snapshot_begin(c, &b->op, no_p2m);
    WALK(snapshot_step, BOUND, c);
    assert_int_equal(image_init(i, &b->w.mm, IMAGE_OWNER, 20000), ERR_NONE);
    save_begin(&s, c, i, "hv", 2);
    WALK(save_step, BOUND, &s);
    image_check_begin(&k, i);
    WALK(image_check_step, BOUND, &k);
    image_check_begin(&k, i);
    WALK(job_run, BOUND, &k.job);
}

/* A page for each of 1,000 blocks, as there is for those in pieces. */
static void a_map_goes(struct busy *b)
{
    struct pfnmap m;

    assert_int_equal(pfnmap_init(&m, &b->w.mm, 1000), ERR_NONE);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(pfnmap_set(&m, pfn_of(i * BLOCK_FRAMES), b->data),
                         ERR_NONE);
    WALK(pfnmap_free, BOUND, &m);
}

static void a_domain_migrates(void **state)
{
    static struct busy b;
    static struct snapshot c;
    static struct restore r;
    static struct relocate l;
    static struct world_domain y;
    struct mm_op op;
    struct image i;

    (void)state;
    make(&b);
    assert_int_equal(mmu_pin(&b.op, b.root, 4), ERR_NONE);
    pack(&b, &i, &c);
    relocate_begin(&l, &c);
    a_map_goes(&b);
    WALK(relocate_step, BOUND, &l);
    WALK(snapshot_end, BOUND, &c);
    world_done(&b.op);
    world_audit(&b.w, "relocating");
    world_domain(&b.w, &y, 2, 16 * BLOCK_FRAMES);
    op = mm_op_on(&y.d, &y.v);
    restore_begin(&r, &op, &i, RESTORE_SHATTER);
    WALK(restore_step, BOUND, &r);
    WALK(layout_free, BOUND, &r.layout);
    WALK(restore_end, BOUND, &r);
    WALK(image_free, BOUND, &i);
    world_destroy(&b.w, &y);
    end(&b);
}

/* A full table is taken out by a store, and an empty one stored to. */
static void let_go(struct scene *s, mfn_t data)
{
    mfn_t m = scene_frame(s);
    const mfn_t l2 = s->l2;

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        *scene_entry(s, m, i) = pte_make(data, i % 2 ? KERNEL : READ);
    s->us.d.large_shown = true;
    assert_int_equal(mmu_pin(&s->op, m, 1), ERR_NONE);
    assert_int_equal(scene_update(s, l2, 7, pte_make(m, KERNEL).v), ERR_NONE);
    WALK(mmu_emulate_write, BOUND, &s->op,
         ((struct mmu_entry){.table = l2, .i = 7}), pte_make(m, KERNEL).v, 0);
    memset(mm_frame_ptr(&s->w.mm, m), 0, PAGE_SIZE);
    assert_int_equal(mmu_pin(&s->op, m, 1), ERR_NONE);
    assert_int_equal(scene_update(s, s->l1, 3, pte_make(m, PTE_P | PTE_NX).v),
                     ERR_NONE);
    assert_int_equal(scene_update(s, m, PT_ENTRIES - 1, PTE_NX), ERR_NONE);
    WALK(lapse_store, BOUND, &s->op, s->l4, 3 * PAGE_SIZE); /* no, not empty */
    assert_int_equal(scene_update(s, m, PT_ENTRIES - 1, 0), ERR_NONE);
    assert_true(ONE(lapse_store, BOUND, &s->op, s->l4, 3 * PAGE_SIZE));
    world_done(&s->op);
}

/*
 * Those that only finish what was begun, and then do one thing with an entry,
 * a frame, or at most a block.
 */
static void requests(void **state)
{
    struct scene *s = *state;
    const maddr_t at = {s->l2.v << PAGE_SHIFT | 5 * 8};
    const uint64_t l1_1 = s->l1.v << PAGE_SHIFT | 8;
    mfn_t a = scene_frame(s), b = scene_frame(s), seg = scene_frame(s), first;
    struct mmu_request req = {l1_1, 0};
    unsigned done;

    WALK(mmu_clear_page, BOUND, &s->op, a);
    WALK(mmu_copy_page, BOUND, &s->op, a, b);
    WALK(mmu_update_list, BOUND, &s->op, &req, 1, &done);
    WALK(mmu_update_rest, BOUND, &s->op, l1_1, pte_make(a, KERNEL).v, MFN_NONE);
    WALK(mmu_update_va_rest, BOUND, &s->op, PAGE_SIZE, 0, MFN_NONE);
    WALK(mmu_emulate_write, BOUND, &s->op,
         ((struct mmu_entry){.table = s->l1, .i = 2}), 0,
         pte_make(a, KERNEL).v);
    let_go(s, mfn_add(s->block, 1));
    WALK(mmu_seg_load, BOUND, &s->op, 0, seg);
    WALK(mmu_gdt_load, BOUND, &s->op, &seg.v, 1);
    WALK(mmu_update_descriptor, BOUND, &s->op, ((maddr_t){seg.v << PAGE_SHIFT}),
         0);
    WALK(mmu_info_load, BOUND, &s->op, b);
    WALK(mmu_update, BOUND, &s->op, at.v,
         pte_make(s->block, KERNEL | PTE_PSE).v);
    WALK(split, BOUND, &s->op, at, a = scene_frame(s));
    WALK(join, BOUND, &s->op, at, &first);
    WALK(split, BOUND, &s->op, at, a);
    WALK(heal, BOUND_BLOCK, &s->op, at, &first, &a);
    world_done(&s->op);
}

/* A block as 512 frames, given back and got; frames singly and exchanged. */
static void reservations(void **state)
{
    struct scene *s = *state;
    mfn_t m[4], to[4];
    const pfn_t pfn[4] = {PFN_NONE, PFN_NONE, PFN_NONE, PFN_NONE};
    const struct reservation_exchange x = {
        .in = m, .out = to, .out_pfn = pfn, .n_in = 4, .n_out = 4};
    unsigned done;

    assert_int_equal(type_get(&s->op, scene_member(s, 7), FRAME_WRITABLE), 0);
    type_put_deferred(&s->op, scene_member(s, 7));
    WALK(reservation_decrease, BOUND, &s->op, s->block, 9);
    WALK(reservation_increase, BOUND_BLOCK, &s->op, PFN_NONE, 9, &s->block);
    WALK(report_free, BOUND, &s->op, s->block);
    world_done(&s->op);
    WALK(report_take_back, BOUND_BLOCK, &s->op, PFN_NONE, &s->block);
    WALK(reservation_increase_list, BOUND, &s->op, pfn, m, 4, &done);
    WALK(reservation_exchange, BOUND, &s->op, &x);
    WALK(compact_move, BOUND, &s->op, &to[0], ((maddr_t){0}));
    WALK(reservation_decrease_list, BOUND, &s->op, to, 4, &done);
    world_done(&s->op);
}

/* Each of four pages wants a block of its own: one is cleared at a time. */
static void places(void **state)
{
    const pfn_t pfn[4] = {{5 * 512}, {4 * 512 + 7}, {6 * 512}, {3 * 512}};
    struct scene *s = *state;
    unsigned done;
    mfn_t m[4];

    s->us.d.large_shown = true;
    WALK(reservation_increase_list, BOUND, &s->op, pfn, m, 4, &done);
    assert_int_equal(done, 1);
    WALK(reservation_decrease_list, BOUND, &s->op, m, 1, &done);
    world_done(&s->op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_go_up_and_down),
        cmocka_unit_test(a_domain_ends),
        cmocka_unit_test(a_domain_migrates),
        scene_test(requests),
        scene_test(reservations),
        scene_test(places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
