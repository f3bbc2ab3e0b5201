/* SPDX-License-Identifier: MIT */
/* scene.c: see scene.h. */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

mfn_t scene_frame(struct scene *s)
{
    mfn_t m;

    assert_int_equal(dmem_chunk_get(&s->op, 0, &m), ERR_NONE);
    memset(mm_frame_ptr(&s->w.mm, m), 0, PAGE_SIZE);
    return m;
}

enum err scene_update(struct scene *s, mfn_t table, unsigned i, uint64_t val)
{
    enum err rc = mmu_update(&s->op, table.v << PAGE_SHIFT | i * 8, val);

    world_done(&s->op);
    return rc;
}

int scene_map(struct scene *s, struct grant_request *r)
{
    struct mm_op theirs = mm_op_on(&s->them.d, NULL);

    return grant_map(&s->op, &theirs, r);
}

void scene_share(struct scene *s)
{
    s->us.d.relinquish = RELINQUISH_CUT;
    memset(mm_frame_ptr(&s->w.mm, s->block), 0x5a, BLOCK_SIZE);
    for (unsigned i = 3; i < 6; i++)
        assert_int_equal(reservation_decrease(&s->op, scene_member(s, i), 0),
                         ERR_NONE);
    world_done(&s->op);
    world_audit(&s->w, "sharing");
}

mfn_t scene_they_get(struct scene *s)
{
    struct mm_op op = mm_op_on(&s->them.d, &s->them.v);
    mfn_t m;

    assert_int_equal(dmem_chunk_get(&op, 0, &m), ERR_NONE);
    return m;
}

int scene_make(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    struct mm_op op;
    blk_t b;

    world_make(&s->w, 24);
    world_domain(&s->w, &s->us, 1, 8 * BLOCK_FRAMES);
    world_domain(&s->w, &s->them, 2, 8 * BLOCK_FRAMES);
    s->op = mm_op_on(&s->us.d, &s->us.v);
    s->l4 = scene_frame(s);
    s->l3 = scene_frame(s);
    s->l2 = scene_frame(s);
    s->l1 = scene_frame(s);
    s->data = scene_frame(s);
    *scene_entry(s, s->l4, 0) = pte_make(s->l3, KERNEL);
    *scene_entry(s, s->l3, 0) = pte_make(s->l2, KERNEL);
    *scene_entry(s, s->l2, 0) = pte_make(s->l1, KERNEL);
    *scene_entry(s, s->l1, 0) = pte_make(s->data, KERNEL);
    assert_int_equal(dmem_block_get(&s->op, &b), ERR_NONE);
    s->block = mfn_of_blk(b);
    op = mm_op_on(&s->them.d, &s->them.v);
    assert_int_equal(dmem_block_get(&op, &b), ERR_NONE);
    s->foreign = mfn_of_blk(b);
    assert_int_equal(mmu_pin(&s->op, s->l4, 4), ERR_NONE);
    assert_int_equal(mmu_new_baseptr(&s->op, s->l4), ERR_NONE);
    *state = s;
    return 0;
}

int scene_end(void **state)
{
    struct scene *s = *state;

    world_done(&s->op);
    world_audit(&s->w, "the test");
    world_destroy(&s->w, &s->us);
    world_destroy(&s->w, &s->them);
    world_end(&s->w);
    free(s);
    return 0;
}
