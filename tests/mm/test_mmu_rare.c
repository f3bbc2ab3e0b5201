/* SPDX-License-Identifier: MIT */
/*
 * test_mmu_rare.c: what random walks seldom or never come to: the processor
 * setting bits at the wrong moment, counts at their limits, vCPUs finishing
 * each other's tables, interruptions inside interruptions, claims, lists.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port.h"
#include "scene.h"

static void end(struct scene *s)
{
    world_done(&s->op);
    world_audit(&s->w, "the operation");
}

/* ...with its result, to be looked at. */
static enum err finish(struct scene *s, enum err rc)
{
    end(s);
    return rc;
}

static void set(struct scene *s, mfn_t table, unsigned i, uint64_t val)
{
    assert_int_equal(finish(s, scene_update(s, table, i, val)), ERR_NONE);
}

static struct frame accounting(struct scene *s, mfn_t m)
{
    return frame_held(&s->w.mm, m);
}

/* --- the processor is faster --------------------------------------------- */

/* A walk by another CPU sets the accessed bit of this entry just now. */
static pte_t *walked;

static void walk_elsewhere(struct mm_domain *d)
{
    (void)d;
    walked->v |= PTE_A;
}

static struct mmu_entry at(mfn_t table, unsigned i)
{
    return (struct mmu_entry){.table = table, .i = i};
}

/* A frame that is not writable yet but has been a table: that flushes. */
static mfn_t former_table(struct scene *s)
{
    mfn_t f = scene_frame(s);

    assert_int_equal(finish(s, mmu_pin(&s->op, f, 1)), ERR_NONE);
    assert_int_equal(finish(s, mmu_unpin(&s->op, f)), ERR_NONE);
    return f;
}

static void an_entry_that_changed_meanwhile_is_not_replaced(void **state)
{
    struct scene *s = *state;
    mfn_t f = former_table(s);
    struct frame fr = accounting(s, f);
    pte_t *e = scene_entry(s, s->l1, 0);
    uint64_t old = e->v;

    walked = e;
    host_before_flush = walk_elsewhere;
    assert_int_equal(
        mmu_emulate_write(&s->op, at(s->l1, 0), old, pte_make(f, KERNEL).v),
        ERR_RESTART);
    host_before_flush = NULL;
    end(s);
    assert_int_equal(e->v, old | PTE_A);
    assert_int_equal(frame_count(frame_word(&fr)), 0);
}

static void rights_are_not_granted_to_an_entry_that_changed(void **state)
{
    struct scene *s = *state;
    mfn_t f = former_table(s);
    pte_t *e = scene_entry(s, s->l1, 1);
    struct frame fr = accounting(s, f);
    uint64_t old;

    set(s, s->l1, 1, pte_make(f, READ).v);
    old = e->v;
    walked = e;
    host_before_flush = walk_elsewhere;
    assert_int_equal(mmu_emulate_write(&s->op, at(s->l1, 1), old, old | PTE_RW),
                     ERR_RESTART);
    host_before_flush = NULL;
    end(s);
    assert_int_equal(e->v, old | PTE_A);
    assert_int_equal(frame_count(frame_word(&fr)), 0);
    assert_int_equal(
        finish(s, mmu_emulate_write(&s->op, at(s->l1, 1), e->v, e->v | PTE_RW)),
        ERR_NONE);
    assert_int_equal(frame_count(frame_word(&fr)), 1);
    assert_int_equal(finish(s, mmu_emulate_write(&s->op, at(s->l1, 1), e->v,
                                                 e->v & ~PTE_RW)),
                     ERR_NONE);
    assert_int_equal(
        finish(s, mmu_emulate_write(&s->op, at(s->l1, 1), e->v, e->v | PTE_RW)),
        ERR_NONE);
}

/* MMU_PT_UPDATE_PRESERVE_AD. */
static void accessed_and_dirty_are_kept_where_asked(void **state)
{
    struct scene *s = *state;
    pte_t *e = scene_entry(s, s->l1, 0);
    uint64_t ptr = s->l1.v << PAGE_SHIFT;

    e->v |= PTE_A | PTE_D;
    assert_int_equal(
        finish(s, mmu_update(&s->op, ptr | 2, pte_make(s->data, READ).v)),
        ERR_NONE);
    assert_int_equal(e->v & (PTE_A | PTE_D | PTE_RW), PTE_A | PTE_D);
    assert_int_equal(finish(s, mmu_update(&s->op, ptr | 2, e->v | PTE_AVL)),
                     ERR_NONE);
    assert_int_equal(e->v & (PTE_A | PTE_D), PTE_A | PTE_D);
    set(s, s->l1, 0, pte_make(s->data, READ).v);
    assert_int_equal(e->v & (PTE_A | PTE_D), 0);
}

static void an_entry_of_what_is_no_table_any_more_is_not_written(void **state)
{
    struct scene *s = *state;
    mfn_t f = former_table(s);

    assert_int_equal(mmu_emulate_write(&s->op, at(f, 0), 0, 0), ERR_INVAL);
    assert_int_equal(mmu_emulate_write(&s->op, at(s->l4, 0), 0, 0), ERR_INVAL);
}

/* --- counts at their limits ---------------------------------------------- */

/* As if the frame were mapped two million times, for the time of one call. */
static enum err when_full(struct scene *s, mfn_t m, uint64_t full,
                          enum err (*call)(struct scene *, mfn_t))
{
    struct frame f = accounting(s, m);
    uint64_t was = frame_word(&f), is;
    enum err rc;

    assert_int_equal(was & full, 0);
    atomic_store(frame_word_ptr(&f), was | full);
    rc = call(s, m);
    is = frame_word(&f);
    if (is != (was | full))
        fail_msg("refused, but %lx became %lx", was | full, is);
    atomic_store(frame_word_ptr(&f), was);
    end(s);
    return rc;
}

static enum err pin_l1(struct scene *s, mfn_t m)
{
    return mmu_pin(&s->op, m, 1);
}
static enum err map_read_only(struct scene *s, mfn_t m)
{
    return scene_update(s, s->l1, 3, pte_make(m, READ).v);
}
static enum err map_writable(struct scene *s, mfn_t m)
{
    return scene_update(s, s->l1, 3, pte_make(m, KERNEL).v);
}
static enum err make_writable(struct scene *s, mfn_t m)
{
    return scene_update(s, s->l1, 4, pte_make(m, KERNEL).v);
}
static enum err hook_linear(struct scene *s, mfn_t m)
{
    return scene_update(s, s->l4, 3, pte_make(m, READ).v);
}
static enum err hook_l1(struct scene *s, mfn_t m)
{
    return scene_update(s, s->l2, 3, pte_make(m, KERNEL).v);
}
static enum err copy_from(struct scene *s, mfn_t m)
{
    return mmu_copy_page(&s->op, s->data, m);
}

static void no_count_overflows(void **state)
{
    static const uint64_t full[] = {BIT(21), BIT(41)};
    struct scene *s = *state;
    mfn_t f = scene_frame(s), w = scene_frame(s), other = scene_frame(s);

    set(s, s->l1, 4, pte_make(w, KERNEL).v);
    set(s, s->l1, 4, pte_make(w, READ).v);
    assert_int_equal(finish(s, mmu_pin(&s->op, other, 4)), ERR_NONE);
    assert_int_equal(when_full(s, f, BIT(21), pin_l1), ERR_INVAL);
    for (unsigned i = 0; i < ARRAY_SIZE(full); i++) {
        assert_int_equal(when_full(s, s->data, full[i], map_read_only),
                         ERR_BUSY);
        assert_int_equal(when_full(s, s->data, full[i], map_writable),
                         ERR_BUSY);
        assert_int_equal(when_full(s, other, full[i], hook_linear), ERR_INVAL);
        assert_int_equal(when_full(s, s->l1, full[i], hook_l1), ERR_INVAL);
        assert_int_equal(when_full(s, s->l2, full[i], copy_from), ERR_INVAL);
    }
    assert_int_equal(when_full(s, w, BIT(21), make_writable), ERR_BUSY);
}

static void superpage_mappings_are_counted_to_the_limit(void **state)
{
    struct scene *s = *state;
    struct block *b = mm_block(&s->w.mm, blk_of_mfn(s->block));
    uint64_t super = pte_make(s->block, KERNEL | PTE_PSE).v;

    b->word += BLOCK_SUPER_MAX;
    assert_int_equal(scene_update(s, s->l2, 1, super), ERR_INVAL);
    b->word -= BLOCK_SUPER_MAX;
    for (unsigned i = 1; i < PT_ENTRIES; i++)
        set(s, s->l2, i, super);
    assert_int_equal(block_super(b->word), PT_ENTRIES - 1);
    for (unsigned i = 1; i < PT_ENTRIES; i++)
        set(s, s->l2, i, 0);
}

/* --- interruptions ------------------------------------------------------- */

/* A tree of `level` levels with `fan` tables in each. */
static mfn_t tree(struct scene *s, unsigned level, unsigned fan)
{
    mfn_t t = scene_frame(s);

    for (unsigned i = 0; i < fan; i++)
        *scene_entry(s, t, i * 3) =
            level > 1 ? pte_make(tree(s, level - 1, fan), KERNEL)
                      : pte_make(s->data, READ);
    return t;
}

/* Interrupt at every place there is, as often as it takes. */
static unsigned with_interruptions(struct scene *s, unsigned every,
                                   enum err (*call)(struct scene *, mfn_t),
                                   mfn_t m)
{
    unsigned again = 0;
    enum err rc;

    do {
        host_preempt_every(every);
        rc = call(s, m);
        host_preempt_at(0);
        end(s);
        again += rc == ERR_RESTART;
    } while (rc == ERR_RESTART);
    assert_int_equal(rc, ERR_NONE);
    return again;
}

static enum err pin_l4(struct scene *s, mfn_t m)
{
    return mmu_pin(&s->op, m, 4);
}
static enum err unpin(struct scene *s, mfn_t m)
{
    return mmu_unpin(&s->op, m);
}
static enum err drain(struct scene *s, mfn_t m)
{
    (void)m;
    return type_finish_deferred(&s->op);
}

static void deep_trees_go_up_and_down_in_small_steps(void **state)
{
    static const unsigned up_every[] = {1, 2, 3, 5, 7, 8, 9};
    struct scene *s = *state;
    unsigned up = 0, down = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(up_every); i++) {
        mfn_t top = tree(s, 4, 3);

        up += with_interruptions(s, up_every[i], pin_l4, top);
        host_preempt_every(i + 1);
        assert_int_equal(finish(s, unpin(s, top)), ERR_NONE);
        host_preempt_at(0);
        down += with_interruptions(s, i + 1, drain, top);
        assert_false(type_has_deferred(&s->op));
    }

    assert_true(up > 30 && down > 20);
}

/* Bad at the very end, at each level: what was done is undone in steps. */
static void refused_trees_go_down_in_small_steps(void **state)
{
    struct scene *s = *state;

    for (unsigned level = 1; level <= 4; level++)
        for (unsigned every = 1; every < 40; every = every * 2 + 1) {
            mfn_t t = tree(s, level, 2), top = t;
            enum err rc;

            *scene_entry(s, t, 511) =
                pte_make(s->foreign, level > 1 ? KERNEL : READ);
            for (unsigned l = level + 1; l <= 4; l++) {
                top = scene_frame(s);
                *scene_entry(s, top, 9) = pte_make(t, KERNEL);
                t = top;
            }
            do {
                host_preempt_every(every);
                rc = pin_l4(s, top);
                host_preempt_at(0);
                end(s);
            } while (rc == ERR_RESTART);
            assert_int_equal(rc, level > 1 ? ERR_INVAL : ERR_BUSY);
            (void)with_interruptions(s, every, drain, top);
            assert_int_equal(finish(s, reservation_decrease(&s->op, top, 0)),
                             ERR_NONE);
        }
}

/* One vCPU's half-done table is finished, in either direction, by another. */
static void vcpus_finish_each_others_tables(void **state)
{
    struct scene *s = *state;
    struct mm_op mine = s->op, its;
    struct mm_vcpu second;

    dmem_vcpu_init(&s->us.d, &second);
    its = mm_op_on(&s->us.d, &second);
    for (unsigned every = 1; every < 8; every++) {
        mfn_t top = tree(s, 3, 3);
        enum err rc;

        host_preempt_at(every);
        rc = mmu_pin(&mine, top, 3);
        host_preempt_at(0);
        assert_int_equal(finish(s, rc), ERR_RESTART);
        assert_int_equal(finish(s, mmu_pin(&its, top, 3)), ERR_NONE);
        assert_int_equal(finish(s, mmu_pin(&mine, top, 3)), ERR_INVAL);
        host_preempt_at(every);
        assert_int_equal(finish(s, mmu_unpin(&mine, top)), ERR_NONE);
        host_preempt_at(0);
        assert_true(type_has_deferred(&s->op));
        assert_int_equal(finish(s, mmu_pin(&its, top, 3)), ERR_NONE);
        assert_int_equal(finish(s, type_finish_deferred(&mine)), ERR_NONE);
        assert_int_equal(finish(s, mmu_unpin(&its, top)), ERR_NONE);
        assert_int_equal(finish(s, reservation_decrease(&s->op, top, 0)),
                         ERR_NONE);
    }
    s->us.d.vcpus = second.next;
}

/* Each operation a guest may ask for next; m is a frame of its own. */
static enum err next_update(struct scene *s, mfn_t m)
{
    (void)m;
    return mmu_update(&s->op, s->l1.v << PAGE_SHIFT, 0);
}
static enum err next_list(struct scene *s, mfn_t m)
{
    struct mmu_request r = {.ptr = s->l1.v << PAGE_SHIFT, .val = 0};
    unsigned done;

    (void)m;
    return mmu_update_list(&s->op, &r, 1, &done);
}
static enum err next_update_va(struct scene *s, mfn_t m)
{
    (void)m;
    return mmu_update_va(&s->op, 0, 0);
}
static enum err next_pin(struct scene *s, mfn_t m)
{
    return mmu_pin(&s->op, m, 1);
}
static enum err next_unpin(struct scene *s, mfn_t m)
{
    (void)m;
    return mmu_unpin(&s->op, s->l4);
}
static enum err next_root(struct scene *s, mfn_t m)
{
    return mmu_new_baseptr(&s->op, m);
}
static enum err next_clear(struct scene *s, mfn_t m)
{
    return mmu_clear_page(&s->op, m);
}
static enum err next_copy(struct scene *s, mfn_t m)
{
    return mmu_copy_page(&s->op, m, s->data);
}
static enum err next_gdt(struct scene *s, mfn_t m)
{
    return mmu_gdt_load(&s->op, &m.v, 1);
}
static enum err next_info(struct scene *s, mfn_t m)
{
    return mmu_info_load(&s->op, m);
}
static enum err next_descriptor(struct scene *s, mfn_t m)
{
    return mmu_update_descriptor(&s->op, maddr_of_mfn(m), 0);
}
static enum err next_increase(struct scene *s, mfn_t m)
{
    return reservation_increase(&s->op, pfn_of(3), 0, &m);
}
static enum err next_decrease(struct scene *s, mfn_t m)
{
    return reservation_decrease(&s->op, m, 0);
}
static enum err next_exchange(struct scene *s, mfn_t m)
{
    const mfn_t in[1] = {m};
    const pfn_t pfn[1] = {pfn_of(3)};
    mfn_t out[1];
    struct reservation_exchange x = {
        .in = in, .out = out, .out_pfn = pfn, .n_in = 1, .n_out = 1};

    return reservation_exchange(&s->op, &x);
}

/*
 * Whatever comes next has to wait until the last operation is finished; but for
 * mmu_seg_load(), for which the processor may wait.
 */
static void nothing_is_done_before_the_old_is_finished(void **state)
{
    static enum err (*const next[])(struct scene *, mfn_t) = {
        next_update,   next_list,     next_update_va,  next_pin,
        next_unpin,    next_root,     next_clear,      next_copy,
        next_gdt,      next_info,     next_descriptor, next_increase,
        next_decrease, next_exchange,
    };
    struct scene *s = *state;
    const mfn_t m = scene_frame(s);
    struct mm_op *op = &s->op;

    for (unsigned i = 0; i < ARRAY_SIZE(next); i++) {
        mfn_t top = tree(s, 4, 3);
        enum err rc;

        assert_int_equal(finish(s, mmu_pin(op, top, 4)), ERR_NONE);
        host_preempt_at(1);
        assert_int_equal(finish(s, mmu_unpin(op, top)), ERR_NONE);
        assert_true(type_has_deferred(op));
        host_preempt_at(1);
        rc = next[i](s, m);
        host_preempt_at(0);
        assert_int_equal(finish(s, rc), ERR_RESTART);
        assert_int_equal(finish(s, type_finish_deferred(op)), ERR_NONE);
        assert_int_equal(finish(s, reservation_decrease(op, top, 0)), ERR_NONE);
    }
}

/* --- domains ------------------------------------------------------------- */

static void lists_of_requests_stop_at_the_first_refused(void **state)
{
    struct scene *s = *state;
    mfn_t f = scene_frame(s);
    uint64_t ptr = s->l1.v << PAGE_SHIFT;
    const struct mmu_request r[] = {
        {ptr | 8, pte_make(s->data, KERNEL).v},
        {ptr | 16, pte_make(f, KERNEL).v},
        {s->l2.v << PAGE_SHIFT | 8, 0},
        {ptr | 16, pte_make(f, READ).v},
        {f.v << PAGE_SHIFT | 1, 77},
        {ptr | 8, 0},
        {ptr | 24, pte_make(s->l1, KERNEL).v},
        {ptr | 32, pte_make(f, READ).v},
    };
    unsigned done;

    assert_int_equal(
        finish(s, mmu_update_list(&s->op, r, ARRAY_SIZE(r), &done)), ERR_BUSY);
    assert_int_equal(done, 6);
    assert_int_equal(s->w.mm.m2p[f.v], 77);
    assert_int_equal(scene_entry(s, s->l1, 1)->v, 0);
    assert_int_equal(scene_entry(s, s->l1, 4)->v, 0);
    assert_false(scene_entry(s, s->l1, 2)->v & PTE_RW);
}

/* The last frame of a block goes in the middle of a list. */
static void lists_do_not_use_words_that_are_gone(void **state)
{
    struct scene *s = *state;
    mfn_t f = mfn_add(s->block, 9);
    uint64_t ptr = s->l1.v << PAGE_SHIFT;
    const struct mmu_request r[] = {
        {ptr | 8, pte_make(f, READ).v},
        {ptr | 16, 0},
        {ptr | 8, 0},
        {ptr | 16, pte_make(f, READ).v},
    };
    unsigned done;

    set(s, s->l1, 2, pte_make(f, READ).v);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        assert_int_equal(reservation_decrease(&s->op, mfn_add(s->block, i), 0),
                         ERR_NONE);
    end(s);
    assert_int_equal(finish(s, mmu_update_list(&s->op, r, 4, &done)), ERR_BUSY);
    assert_int_equal(done, 3);
    assert_int_equal(block_class(mm_block(&s->w.mm, blk_of_mfn(f))->word),
                     BLOCK_FREE);
}

/* The words of each frame are those of its own block. */
static void lists_go_from_block_to_block(void **state)
{
    struct scene *s = *state;
    mfn_t f[8];
    struct mmu_request r[16];
    unsigned done;
    blk_t b;

    for (unsigned i = 0; i < ARRAY_SIZE(f); i += 2) {
        assert_int_equal(dmem_block_get(&s->op, &b), ERR_NONE);
        f[i] = mfn_add(mfn_of_blk(b), 100);
        f[i + 1] = mfn_add(mfn_of_blk(b), 200);
        assert_int_equal(finish(s, mmu_clear_page(&s->op, f[i])), ERR_NONE);
    }
    for (unsigned i = 0; i < 16; i++)
        r[i] = (struct mmu_request){s->l1.v << PAGE_SHIFT | (i + 1) * 8,
                                    pte_make(f[i * 5 % 8], KERNEL).v};
    for (unsigned round = 0; round < 4; round++) {
        assert_int_equal(finish(s, mmu_update_list(&s->op, r, 16, &done)),
                         ERR_NONE);
        assert_int_equal(done, 16);
        for (unsigned i = 0; i < 16; i++)
            r[i].val = round % 2 ? pte_make(f[i * 3 % 8], KERNEL).v : 0;
    }
}

static void tables_read_back_adjusted_when_promoted(void **state)
{
    static const uint64_t flags[] = {PTE_P | PTE_RW, PTE_P | PTE_RW | PTE_US,
                                     PTE_P, READ | PTE_GUEST_KERNEL};
    struct scene *s = *state;
    mfn_t t[5] = {scene_frame(s)};

    for (unsigned l = 1; l <= PT_LEVELS; l++) {
        t[l] = scene_frame(s);
        for (unsigned i = 0; i < ARRAY_SIZE(flags); i++)
            *scene_entry(s, t[l], i) = pte_make(
                t[l - 1], l == 1 ? flags[i] : flags[i] & ~PTE_GUEST_KERNEL);
    }
    assert_int_equal(finish(s, mmu_pin(&s->op, t[4], 4)), ERR_NONE);
    for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
        uint64_t mark = flags[i] & PTE_US ? PTE_G : PTE_GUEST_KERNEL;

        if (flags[i] & PTE_GUEST_KERNEL)
            mark = 0;
        assert_int_equal(scene_entry(s, t[1], i)->v,
                         pte_make(t[0], flags[i] | PTE_US | mark).v);
        for (unsigned l = 2; l <= PT_LEVELS; l++)
            assert_int_equal(pte_flags(*scene_entry(s, t[l], i)),
                             (flags[i] & ~PTE_GUEST_KERNEL) | PTE_US |
                                 (l == 4 ? PTE_A : 0));
    }
}

static void claims_are_used_first_and_given_back(void **state)
{
    struct scene *s = *state;
    blk_t b;

    assert_int_equal(alloc_claim(&s->w.mm, 5), ERR_NONE);
    s->us.d.claim = 5;
    assert_int_equal(dmem_block_get(&s->op, &b), ERR_NONE);
    assert_int_equal(s->us.d.claim, 4);
    assert_int_equal(alloc_stats(&s->w.mm).claimed, 4);
    s->w.mm.alloc.fail_in = 1; /* refuses nobody who has a claim */
    assert_int_equal(dmem_block_get(&s->op, &b), ERR_NONE);
    s->w.mm.alloc.fail_in = 0;
    world_audit(&s->w, "claims");
    s->us.d.claim -= 3;
    alloc_unclaim(&s->w.mm, 3);
    world_audit(&s->w, "unclaiming");
}

static void blocks_that_are_not_there_are_not_given_back(void **state)
{
    struct scene *s = *state;

    assert_int_equal(dmem_block_put(&s->op, blk_of(s->w.mm.nr_blocks)),
                     ERR_INVAL);
    assert_int_equal(dmem_block_put(&s->op, blk_of(0)), ERR_INVAL);
    assert_int_equal(dmem_block_put(&s->op, blk_of_mfn(s->foreign)), ERR_INVAL);
    assert_int_equal(dmem_block_put(&s->op, blk_of_mfn(s->l1)), ERR_BUSY);
}

static void superpages_off_means_no_marks_either(void **state)
{
    struct scene *s = *state;

    assert_int_equal(mmu_mark_super(&s->op, s->block), ERR_NONE);
    s->us.d.superpages = SUPERPAGES_OFF;
    assert_int_equal(mmu_unmark_super(&s->op, s->block), ERR_NOTSUPP);
    s->us.d.superpages = SUPERPAGES_PREFER;
    assert_int_equal(mmu_unmark_super(&s->op, s->block), ERR_NONE);
}

/* A cut block whose last frame goes is whole again. */
static void a_cut_block_comes_back_with_its_last_frame(void **state)
{
    struct scene *s = *state;
    uint64_t cut = s->us.d.blocks_cut, free = alloc_stats(&s->w.mm).free;
    mfn_t f[BLOCK_FRAMES + 8];
    unsigned n = 0;

    while (s->us.d.blocks_cut == cut)
        f[n++] = scene_frame(s);
    while (n > 0)
        assert_int_equal(finish(s, reservation_decrease(&s->op, f[--n], 0)),
                         ERR_NONE);
    assert_int_equal(s->us.d.blocks_cut, cut);
    assert_int_equal(alloc_stats(&s->w.mm).free, free);
}

/* Cut blocks come and go in the middle of the list of those with holes. */
static void cut_blocks_go_in_any_order(void **state)
{
    static mfn_t f[8 * BLOCK_FRAMES];
    struct scene *s = *state;
    unsigned n = 0;
    uint64_t cut;

    while (s->us.d.blocks_cut < 6)
        f[n++] = scene_frame(s);
    for (unsigned b = 0; b < 3; b++) { /* a hole in each */
        unsigned i = b * BLOCK_FRAMES + 40;

        assert_int_equal(finish(s, reservation_decrease(&s->op, f[i], 0)),
                         ERR_NONE);
    }
    cut = s->us.d.blocks_cut;
    for (unsigned i = 0; i < n; i++)
        if (f[i].v / BLOCK_FRAMES == f[BLOCK_FRAMES + 40].v / BLOCK_FRAMES &&
            i != BLOCK_FRAMES + 40)
            assert_int_equal(reservation_decrease(&s->op, f[i], 0), ERR_NONE);
    end(s);
    assert_int_equal(s->us.d.blocks_cut, cut - 1);
}

/* Its own holes keep a domain's content, but this is not for it to see. */
static void fixed_frames_are_zeroed(void **state)
{
    struct scene *s = *state;
    mfn_t f = scene_frame(s), got;

    memset(mm_frame_ptr(&s->w.mm, f), 0x5a, PAGE_SIZE);
    assert_int_equal(finish(s, reservation_decrease(&s->op, f, 0)), ERR_NONE);
    do {
        assert_int_equal(finish(s, dmem_fixed_get(&s->op, &got)), ERR_NONE);
        for (unsigned i = 0; i < PAGE_SIZE; i++)
            assert_int_equal(((uint8_t *)mm_frame_ptr(&s->w.mm, got))[i], 0);
    } while (got.v != f.v);
}

/* Frame words nobody needs any more are given back while nothing runs. */
static void idle_time_gives_frame_words_back(void **state)
{
    struct scene *s = *state;
    mfn_t f = mfn_add(s->block, 99);
    uint64_t tables = s->us.d.frame_tables;

    set(s, s->l1, 1, pte_make(f, KERNEL).v);
    assert_int_equal(s->us.d.frame_tables, tables + 1);
    assert_int_equal(frame_trim(&s->w.mm, s->w.mm.nr_blocks), 0);
    set(s, s->l1, 1, 0);
    /* A translation may still be cached. */
    assert_int_equal(frame_trim(&s->w.mm, s->w.mm.nr_blocks), 0);
    port_tlb_discharge(&s->us.d, &(struct tlb){.what = TLB_FULL});
    assert_int_equal(frame_trim(&s->w.mm, s->w.mm.nr_blocks), 1);
    assert_int_equal(s->us.d.frame_tables, tables);
    end(s);
}

/* On a machine that is large enough, destruction rests between blocks too. */
static void destruction_rests_on_large_machines(void **state)
{
    struct world w;
    struct world_domain x;
    struct mm_op op;
    unsigned again = 0;
    enum err rc;
    blk_t b;

    (void)state;
    world_make(&w, 300);
    world_domain(&w, &x, 3, 20 * BLOCK_FRAMES);
    op = mm_op_on(&x.d, &x.v);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(dmem_block_get(&op, &b), ERR_NONE);
    do {
        host_preempt_at(1);
        rc = dmem_domain_destroy(&op);
        host_preempt_at(0);
        world_done(&op);
        world_audit(&w, "part of a destruction");
        again += rc == ERR_RESTART;
    } while (rc == ERR_RESTART);
    assert_int_equal(rc, ERR_NONE);
    /* Two walks: after each block of its own, and on the way to it. */
    assert_int_equal(again, 2 * 10 + 2 * 300 / 64);
    world_end(&w);
}

/* Roots, pins and half-done tables, each too large for one step. */
static void destruction_rests_inside_trees(void **state)
{
    struct scene *s = *state;
    mfn_t half = tree(s, 4, 3);
    unsigned again = 0;
    enum err rc;

    (void)mmu_seg_load(&s->op, 0, scene_frame(s));
    assert_int_equal(finish(s, mmu_pin(&s->op, tree(s, 3, 3), 3)), ERR_NONE);
    assert_int_equal(finish(s, mmu_new_baseptr(&s->op, tree(s, 4, 3))),
                     ERR_NONE);
    assert_int_equal(finish(s, mmu_new_user_baseptr(&s->op, tree(s, 4, 3))),
                     ERR_NONE);
    host_preempt_at(9);
    assert_int_equal(finish(s, mmu_pin(&s->op, half, 4)), ERR_RESTART);
    do {
        host_preempt_every(1);
        rc = dmem_domain_destroy(&s->op);
        host_preempt_at(0);
        end(s);
        again += rc == ERR_RESTART;
    } while (rc == ERR_RESTART);
    assert_int_equal(rc, ERR_NONE);
    assert_true(again > 30);
    world_domain(&s->w, &s->us, 1, BLOCK_FRAMES); /* for scene_end() */
}

static void bad_descriptors_are_refused_with_the_frame(void **state)
{
    static const uint64_t bad[] = {
        UINT64_C(0x0000890000000000), /* a TSS */
        UINT64_C(0x0000e20000000000), /* an LDT, whatever its DPL */
        UINT64_C(0x00008e0000000000), /* an interrupt gate */
        UINT64_C(0x0000850000000000), /* a task gate */
    };
    struct scene *s = *state;
    mfn_t f = scene_frame(s);
    uint64_t *d = mm_frame_ptr(&s->w.mm, f);

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        d[511] = bad[i];
        assert_int_equal(finish(s, mmu_seg_load(&s->op, 1, f)), ERR_INVAL);
        d[511] &= ~BIT(47); /* not present: anything */
        assert_int_equal(finish(s, mmu_seg_load(&s->op, 1, f)), ERR_NONE);
        assert_int_equal(finish(s, mmu_seg_load(&s->op, 1, MFN_NONE)),
                         ERR_NONE);
    }
    d[511] = UINT64_C(0x0000ec0000000000); /* a call gate: made unusable */
    assert_int_equal(finish(s, mmu_seg_load(&s->op, 1, f)), ERR_NONE);
    assert_int_equal(d[511], UINT64_C(0x00008c0000000000));
}

static void descriptors_in_use_are_changed_one_by_one(void **state)
{
    struct scene *s = *state;
    mfn_t f = scene_frame(s), plain = scene_frame(s);
    const uint64_t code = UINT64_C(0x00af9a000000ffff), dpl3 = BITS(46, 45);
    struct frame fr = accounting(s, f);

    assert_int_equal(finish(s, mmu_seg_load(&s->op, 1, f)), ERR_NONE);
    assert_int_equal(finish(s, mmu_update_descriptor(
                                   &s->op, maddr_of(f.v << 12 | 24), code)),
                     ERR_NONE);
    assert_int_equal(((uint64_t *)mm_frame_ptr(&s->w.mm, f))[3], code | dpl3);
    assert_int_equal(frame_type(frame_word(&fr)), FRAME_SEG);
    assert_int_equal(frame_count(frame_word(&fr)), 1);
    assert_int_equal(
        finish(s, mmu_update_descriptor(&s->op, maddr_of_mfn(plain), code)),
        ERR_NONE);
    assert_int_equal(
        finish(s, mmu_update_descriptor(&s->op, maddr_of_mfn(s->l1), code)),
        ERR_INVAL);
}

static void pages_are_cleared_and_copied(void **state)
{
    struct scene *s = *state;
    mfn_t from = scene_frame(s), to = scene_frame(s);
    uint8_t *a = mm_frame_ptr(&s->w.mm, from), *b = mm_frame_ptr(&s->w.mm, to);

    for (unsigned i = 0; i < PAGE_SIZE; i++)
        a[i] = (uint8_t)(i * 7);
    assert_int_equal(finish(s, mmu_copy_page(&s->op, to, from)), ERR_NONE);
    assert_memory_equal(a, b, PAGE_SIZE);
    assert_int_equal(finish(s, mmu_clear_page(&s->op, from)), ERR_NONE);
    memset(b, 0, PAGE_SIZE);
    assert_memory_equal(a, b, PAGE_SIZE);
    assert_int_equal(finish(s, mmu_clear_page(&s->op, s->l2)), ERR_INVAL);
    assert_int_equal(finish(s, mmu_copy_page(&s->op, s->l2, to)), ERR_INVAL);
    assert_int_equal(finish(s, mmu_copy_page(&s->op, to, s->l2)), ERR_NONE);
}

static void no_frame_is_a_root_that_was_not_given(void **state)
{
    struct scene *s = *state;

    assert_int_equal(mmu_new_user_baseptr(&s->op, MFN_NONE), ERR_INVAL);
    assert_int_equal(mmu_new_user_baseptr(&s->op, mfn_of(0)), ERR_NONE);
    assert_int_equal(mmu_new_baseptr(&s->op, mfn_of(0)), ERR_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(an_entry_that_changed_meanwhile_is_not_replaced),
        scene_test(rights_are_not_granted_to_an_entry_that_changed),
        scene_test(accessed_and_dirty_are_kept_where_asked),
        scene_test(an_entry_of_what_is_no_table_any_more_is_not_written),
        scene_test(no_count_overflows),
        scene_test(superpage_mappings_are_counted_to_the_limit),
        scene_test(deep_trees_go_up_and_down_in_small_steps),
        scene_test(refused_trees_go_down_in_small_steps),
        scene_test(vcpus_finish_each_others_tables),
        scene_test(nothing_is_done_before_the_old_is_finished),
        scene_test(lists_of_requests_stop_at_the_first_refused),
        scene_test(lists_do_not_use_words_that_are_gone),
        scene_test(lists_go_from_block_to_block),
        scene_test(tables_read_back_adjusted_when_promoted),
        scene_test(claims_are_used_first_and_given_back),
        scene_test(blocks_that_are_not_there_are_not_given_back),
        scene_test(superpages_off_means_no_marks_either),
        scene_test(a_cut_block_comes_back_with_its_last_frame),
        scene_test(cut_blocks_go_in_any_order),
        scene_test(fixed_frames_are_zeroed),
        scene_test(idle_time_gives_frame_words_back),
        scene_test(destruction_rests_inside_trees),
        scene_test(bad_descriptors_are_refused_with_the_frame),
        scene_test(descriptors_in_use_are_changed_one_by_one),
        scene_test(pages_are_cleared_and_copied),
        scene_test(no_frame_is_a_root_that_was_not_given),
        cmocka_unit_test(destruction_rests_on_large_machines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
