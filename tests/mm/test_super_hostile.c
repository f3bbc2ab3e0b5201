/* SPDX-License-Identifier: MIT */
/*
 * test_super_hostile.c: superpages as a hostile guest would have them (facts
 * 3.6): of frames that are nobody's, somebody else's in each state, or have a
 * member that is something else; marks that are held on to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/pv/grant_table.h"
#include "port.h"
#include "scene.h"
#include "simtlb.h"

#define AT    5 /* of the L2 table */
#define VA    (UINT64_C(5) << BLOCK_SHIFT)
#define LARGE (KERNEL | PTE_PSE)

static struct mm_op their_op(struct scene *s)
{
    return mm_op_on(&s->them.d, &s->them.v);
}

static enum err map(struct scene *s, mfn_t m, uint64_t flags)
{
    return scene_update(s, s->l2, AT, pte_make(m, flags).v);
}

static void unmap(struct scene *s)
{
    assert_int_equal(scene_update(s, s->l2, AT, 0), ERR_NONE);
}

static void check(struct scene *s, const char *what)
{
    world_done(&s->op);
    world_audit(&s->w, what);
}

/* Neither mapped nor marked nor unmarked, and nothing has changed. */
static void refused(struct scene *s, mfn_t m, const char *what)
{
    const bool exists = mm_mfn_valid(&s->w.mm, m);
    struct block *b = exists ? mm_block(&s->w.mm, blk_of_mfn(m)) : NULL;
    const uint64_t was = b ? b->word : 0;

    if (!map(s, m, LARGE) || !map(s, m, LARGE & ~PTE_RW) ||
        !mmu_mark_super(&s->op, m) || !mmu_unmark_super(&s->op, m))
        fail_msg("%s: not refused", what);
    assert_int_equal(scene_entry(s, s->l2, AT)->v, 0);
    if (b && b->word != was)
        fail_msg("%s: %lx became %lx", what, was, b->word);
    check(s, what);
}

static void numbers_that_are_no_block_of_ones_own(void **state)
{
    struct scene *s = *state;
    const uint64_t end = s->w.mm.nr_frames;
    const uint64_t numbers[] = {
        s->block.v + 1,
        s->block.v + 511,
        ~UINT64_C(0x1ff) & (PTE_ADDR >> PAGE_SHIFT),
        end,
        end - 511,
        end - 512, /* free */
        0,         /* what the first frame lies in is not memory */
        UINT64_C(1) << 39,
        mm_block(&s->w.mm, blk_of_mfn(s->l1))->table & ~511u, /* our own */
    };

    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++)
        refused(s, mfn_of(numbers[i]), "no block of one's own");
}

/* Mapped, marked, or simply there: it is theirs (facts 3.3, flaw 4). */
static void theirs_in_each_state(void **state)
{
    struct scene *s = *state;
    struct mm_op op = their_op(s);
    mfn_t t;

    refused(s, s->foreign, "theirs, unused");
    assert_int_equal(dmem_chunk_get(&op, 0, &t), ERR_NONE);
    memset(mm_frame_ptr(&s->w.mm, t), 0, PAGE_SIZE);
    *scene_entry(s, t, 3) = pte_make(s->foreign, LARGE);
    assert_int_equal(mmu_pin(&op, t, 2), ERR_NONE);
    refused(s, s->foreign, "theirs, mapped");
    assert_int_equal(mmu_mark_super(&op, s->foreign), ERR_NONE);
    refused(s, s->foreign, "theirs, mapped and marked");
    assert_int_equal(mmu_unpin(&op, t), ERR_NONE);
    world_done(&op);
    refused(s, s->foreign, "theirs, marked");
    assert_int_equal(mmu_unmark_super(&op, s->foreign), ERR_NONE);
    refused(s, s->foreign, "theirs again, unused");
}

/* What one member may be, made and unmade: then the block is no superpage. */
static void make_pinned(struct scene *s, mfn_t m, unsigned level)
{
    memset(mm_frame_ptr(&s->w.mm, m), 0, PAGE_SIZE);
    assert_int_equal(mmu_pin(&s->op, m, level), ERR_NONE);
}

static void a_member_that_is_something_else(void **state)
{
    struct scene *s = *state;
    const mfn_t m = scene_member(s, 300);
    uint64_t gdt = m.v;
    unsigned flushes;

    for (unsigned level = 1; level <= PT_LEVELS; level++) {
        make_pinned(s, m, level);
        refused(s, s->block, "a member is a table");
        assert_int_equal(mmu_unpin(&s->op, m), ERR_NONE);
    }
    memset(mm_frame_ptr(&s->w.mm, m), 0, PAGE_SIZE);
    assert_int_equal(mmu_gdt_load(&s->op, &gdt, 1), ERR_NONE);
    refused(s, s->block, "a member has descriptors");
    assert_int_equal(mmu_gdt_load(&s->op, NULL, 0), ERR_NONE);
    world_done(&s->op);
    flushes = (unsigned)host_flushes();
    assert_int_equal(map(s, s->block, LARGE), ERR_NONE);
    assert_true(host_flushes() > flushes); /* it was a table just now */
    for (unsigned level = 1; level <= PT_LEVELS; level++)
        assert_int_equal(mmu_pin(&s->op, m, level), ERR_INVAL);
    assert_int_equal(mmu_gdt_load(&s->op, &gdt, 1), ERR_INVAL);
    unmap(s);
    assert_int_equal(mmu_mark_super(&s->op, s->block), ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, m, 1), ERR_INVAL);
    assert_int_equal(mmu_unmark_super(&s->op, s->block), ERR_NONE);
    make_pinned(s, m, 1);
    assert_int_equal(mmu_unpin(&s->op, m), ERR_NONE);
    assert_int_equal(reservation_decrease(&s->op, m, 0), ERR_NONE);
    refused(s, s->block, "a member is ballooned out");
}

/* Granted to somebody who has it mapped: large for its owner, or given up. */
static void a_member_that_is_granted(void **state)
{
    static const uint32_t how[] = {GNTMAP_host_map,
                                   GNTMAP_host_map | GNTMAP_readonly};
    struct scene *s = *state;
    struct mm_op op = their_op(s);
    mfn_t t;

    assert_int_equal(grant_setup(&op, 1), ERR_NONE);
    atomic_store(grant_word(&s->them.d, 1), s->foreign.v << 32 |
                                                (uint64_t)s->us.d.id << 16 |
                                                GTF_permit_access);
    assert_int_equal(dmem_chunk_get(&op, 0, &t), ERR_NONE);
    for (unsigned i = 0; i < ARRAY_SIZE(how); i++) {
        struct grant_request r = {
            .host_addr = 9 << PAGE_SHIFT, .flags = how[i], .ref = 1};

        assert_int_equal(scene_map(s, &r), GNTST_okay);
        memset(mm_frame_ptr(&s->w.mm, t), 0, PAGE_SIZE);
        *scene_entry(s, t, 3) = pte_make(s->foreign, LARGE);
        assert_int_equal(mmu_pin(&op, t, 2), ERR_NONE); /* both are data */
        refused(s, s->foreign, "what we have mapped of theirs");
        assert_int_equal(dmem_frame_put(&op, s->foreign), ERR_BUSY);
        assert_int_equal(mmu_unpin(&op, t), ERR_NONE);
        world_done(&op);
        assert_int_equal(world_unmap(&s->op, r.handle, r.host_addr, 0),
                         GNTST_okay);
        check(s, "a granted member");
    }
}

/* RO, RW, and no bit of the entry that is not the guest's to choose. */
static void flags_of_a_large_entry(void **state)
{
    static const uint64_t bad[] = {PTE_G,   PTE_PWT, PTE_PCD,
                                   BIT(12), BIT(13), BIT(20)};
    struct scene *s = *state;
    struct block *b = mm_block(&s->w.mm, blk_of_mfn(s->block));

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(map(s, s->block, LARGE | bad[i]), ERR_INVAL);
        assert_int_equal(map(s, s->block, LARGE & ~PTE_RW), ERR_NONE);
        assert_int_equal(map(s, s->block, LARGE | bad[i]), ERR_INVAL);
        assert_int_equal(map(s, s->block, LARGE), ERR_NONE);
        assert_int_equal(block_super(b->word), 1);
        unmap(s);
    }
    /* An entry that is not present keeps no address (XSA-273). */
    assert_int_equal(map(s, s->block, LARGE & ~PTE_P), ERR_INVAL);
    for (unsigned level = 3; level <= PT_LEVELS; level++)
        assert_int_equal(scene_update(s, level == 3 ? s->l3 : s->l4, 1,
                                      pte_make(s->block, LARGE).v),
                         ERR_INVAL);
    check(s, "flags");
}

/* Each that is refused is counted, and all vCPUs look at their next fault. */
static void refused_ones_are_counted(void **state)
{
    struct scene *s = *state;
    const uint32_t absent = s->us.d.absent;

    assert_int_equal(map(s, s->block, LARGE), ERR_NONE);
    unmap(s);
    assert_int_equal(s->us.v.super_refused, 0);
    assert_int_equal(s->us.d.absent, absent);
    for (unsigned i = 1; i <= 5; i++) {
        assert_int_equal(map(s, mfn_add(s->block, i), LARGE), ERR_INVAL);
        assert_int_equal(s->us.v.super_refused, i);
        assert_int_equal(s->us.d.absent, absent + 2 * i);
    }
    check(s, "refused ones");
}

/* There is no L1 entry below a large one, for whatever walks for a guest. */
static void nothing_is_below(void **state)
{
    struct scene *s = *state;
    uint64_t *data = mm_frame_ptr(&s->w.mm, s->block);
    struct mmu_entry e;
    struct walk w;

    assert_int_equal(map(s, s->block, LARGE), ERR_NONE);
    data[0] = pte_make(s->l1, KERNEL).v; /* what would be read as an entry */
    assert_int_equal(mmu_update_va(&s->op, VA, pte_make(s->data, READ).v),
                     ERR_INVAL);
    assert_int_equal(mmu_emulate_find(&s->op, s->l4, VA, &e), ERR_INVAL);
    assert_int_equal(walk_l1(&s->w.mm, s->l4, VA, &w), ERR_INVAL); /* LDT */
    assert_int_equal(data[0], pte_make(s->l1, KERNEL).v);
    unmap(s);
}

/* Written to, unmapped, not flushed: the next table is not to be written. */
static void a_translation_left_over(void **state)
{
    struct scene *s = *state;
    const mfn_t m = scene_member(s, 17);

    assert_int_equal(map(s, s->block, LARGE), ERR_NONE);
    assert_non_null(
        simtlb_access(&s->us.d, 0, s->l4, VA + 17 * PAGE_SIZE, true));
    memset(mm_frame_ptr(&s->w.mm, m), 0, PAGE_SIZE);
    assert_int_equal(mmu_update(&s->op, s->l2.v << PAGE_SHIFT | AT * 8, 0),
                     ERR_NONE);
    assert_int_equal(mmu_pin(&s->op, m, 1), ERR_NONE);
    assert_null(simtlb_access(&s->us.d, 0, s->l4, VA + 17 * PAGE_SIZE, true));
    check(s, "a table where a superpage was");
    assert_int_equal(mmu_unpin(&s->op, m), ERR_NONE);
}

/* A mark keeps what it marks; it goes with its domain, and not before. */
static void marks(void **state)
{
    struct scene *s = *state;
    uint64_t pages = s->us.d.tot_pages;

    assert_int_equal(mmu_unmark_super(&s->op, s->block), ERR_INVAL);
    assert_int_equal(mmu_mark_super(&s->op, s->block), ERR_NONE);
    assert_int_equal(mmu_mark_super(&s->op, s->block), ERR_INVAL);
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        assert_int_equal(reservation_decrease(&s->op, scene_member(s, i), 0),
                         ERR_BUSY);
    assert_int_equal(reservation_decrease(&s->op, s->block, 9), ERR_BUSY);
    assert_int_equal(map(s, s->block, LARGE), ERR_NONE);
    assert_int_equal(mmu_unmark_super(&s->op, s->block), ERR_NONE);
    assert_int_equal(map(s, s->block, LARGE & ~PTE_RW), ERR_NONE);
    assert_int_equal(mmu_unmark_super(&s->op, s->block), ERR_INVAL);
    unmap(s);
    assert_int_equal(s->us.d.tot_pages, pages);
    assert_int_equal(mmu_mark_super(&s->op, s->block), ERR_NONE);
    check(s, "marks"); /* scene_end(): it dies with the mark */
}

static void without_superpages(void **state)
{
    struct scene *s = *state;

    s->us.d.superpages = SUPERPAGES_OFF;
    assert_int_equal(map(s, s->block, LARGE), ERR_INVAL);
    assert_int_equal(mmu_mark_super(&s->op, s->block), ERR_NOTSUPP);
    assert_int_equal(mmu_unmark_super(&s->op, s->foreign), ERR_NOTSUPP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(numbers_that_are_no_block_of_ones_own),
        scene_test(theirs_in_each_state),
        scene_test(a_member_that_is_something_else),
        scene_test(a_member_that_is_granted),
        scene_test(flags_of_a_large_entry),
        scene_test(refused_ones_are_counted),
        scene_test(nothing_is_below),
        scene_test(a_translation_left_over),
        scene_test(marks),
        scene_test(without_superpages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
