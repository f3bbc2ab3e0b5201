/* SPDX-License-Identifier: MIT */
/*
 * test_grant.c: grants between the two guests of a scene: `them` grants, `us`
 * maps. What is counted is recomputed after each step; an entry that goes, in
 * whatever way, leaves everything with its owner as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/pv/grant_table.h"
#include "mm/pv/split.h"
#include "port.h"
#include "scene.h"
#include "simtlb.h"

#define AT  9 /* of the L1 table: virtual address 0x9000 */
#define VA  UINT64_C(0x9000)
#define REF 11u
#define RW  GNTMAP_host_map
#define RO  (GNTMAP_host_map | GNTMAP_readonly)

static struct grant_request last;

static mfn_t theirs(const struct scene *s, unsigned i)
{
    return mfn_add(s->foreign, i);
}

static void entry_is(struct mm_domain *d, uint32_t ref, domid_t who,
                     unsigned flags, mfn_t m)
{
    atomic_store(grant_word(d, ref), m.v << 32 | (uint64_t)who << 16 | flags);
}

static unsigned flags_of(struct scene *s, uint32_t ref)
{
    return GRANT_WORD_FLAGS(atomic_load(grant_word(&s->them.d, ref)));
}

static void they_grant(struct scene *s, uint32_t ref, mfn_t m)
{
    struct mm_op op = mm_op_on(&s->them.d, &s->them.v);

    assert_int_equal(grant_setup(&op, 1), ERR_NONE);
    entry_is(&s->them.d, ref, s->us.d.id, GTF_permit_access, m);
}

static int map_at(struct scene *s, uint32_t flags, uint32_t ref,
                  uint64_t host_addr)
{
    int status;

    last = (struct grant_request){
        .host_addr = host_addr, .flags = flags, .ref = ref};
    status = scene_map(s, &last);
    world_done(&s->op);
    world_audit(&s->w, "map");
    return status;
}

static int map(struct scene *s, uint32_t flags, uint32_t ref)
{
    return map_at(s, flags, ref, VA);
}

static int unmap(struct scene *s)
{
    int status = world_unmap(&s->op, last.handle, last.host_addr, 0);

    world_done(&s->op);
    world_audit(&s->w, "unmap");
    return status;
}

static uint64_t word_of(struct scene *s, mfn_t m)
{
    struct frame f = frame_held(&s->w.mm, m);

    return frame_word(&f);
}

/* Ours for theirs: what neither of us can be saved or relocated with. */
static void handles_are(struct scene *s, uint32_t n)
{
    assert_int_equal(grant_mapped(&s->us.d), n);
    assert_int_equal(grant_lent(&s->them.d), n);
    assert_int_equal(grant_mapped(&s->them.d), 0);
    assert_int_equal(grant_lent(&s->us.d), 0);
}

static void *touch(struct scene *s, bool write)
{
    return simtlb_access(&s->us.d, 0, s->l4, VA, write);
}

static void check_free(struct scene *s, mfn_t m)
{
    assert_int_equal(frame_refs(word_of(s, m)), 1);
    assert_int_equal(frame_count(word_of(s, m)), 0);
    assert_int_equal(flags_of(s, REF), GTF_permit_access);
    assert_null(touch(s, false));
}

/* --- for a device --------------------------------------------------------- */

#define DEVICE GNTMAP_device_map

static int unmap_these(struct scene *s, uint64_t host_addr, uint64_t dev_addr)
{
    int status = world_unmap(&s->op, last.handle, host_addr, dev_addr);

    world_done(&s->op);
    world_audit(&s->w, "unmap these");
    return status;
}

static void refs_are(struct scene *s, mfn_t m, unsigned refs, unsigned writable)
{
    assert_int_equal(frame_refs(word_of(s, m)), 1 + refs);
    assert_int_equal(frame_count(word_of(s, m)), writable);
}

/*
 * XSA-224: the entry has references of its own, and the handle those of one
 * more until both mappings have gone, whichever goes first.
 */
static void a_device_has_references_of_its_own(void **state)
{
    struct scene *s = *state;
    mfn_t m = theirs(s, 3);
    uint64_t at = m.v << PAGE_SHIFT;

    they_grant(s, REF, m);
    for (unsigned first = 0; first < 2; first++) {
        assert_int_equal(map(s, RW | DEVICE, REF), GNTST_okay);
        refs_are(s, m, 2, 2);
        handles_are(s, 1);
        assert_int_equal(unmap_these(s, VA, at + 8), GNTST_general_error);
        assert_int_equal(unmap_these(s, VA + 8, at), GNTST_general_error);
        refs_are(s, m, 2, 2);
        assert_int_equal(unmap_these(s, first ? 0 : VA, first ? at : 0),
                         GNTST_okay);
        refs_are(s, m, 1 + first, 1 + first);
        assert_int_equal(touch(s, true) != NULL, first);
        handles_are(s, 1); /* it pins the grant still */
        assert_int_equal(flags_of(s, REF),
                         GTF_permit_access | GTF_reading | GTF_writing);
        assert_int_equal(unmap_these(s, first ? VA : 0, first ? 0 : at),
                         GNTST_okay);
        check_free(s, m);
        handles_are(s, 0);
        assert_int_equal(unmap_these(s, VA, at), GNTST_bad_handle);
    }
    assert_int_equal(map(s, RO | DEVICE, REF), GNTST_okay);
    refs_are(s, m, 2, 0);
    assert_int_equal(unmap_these(s, VA, at), GNTST_okay);
    check_free(s, m);
}

/* No entry, so no address of one; it is as good a reason not to be freed. */
static void a_device_may_have_it_alone(void **state)
{
    struct scene *s = *state;
    mfn_t m = theirs(s, 3);
    struct mm_op op = mm_op_on(&s->them.d, &s->them.v);

    they_grant(s, REF, m);
    assert_int_equal(map(s, DEVICE, REF), GNTST_okay);
    refs_are(s, m, 1, 1);
    assert_null(touch(s, false));
    assert_int_equal(type_get(&op, m, FRAME_SEG), ERR_INVAL);
    world_done(&op);
    assert_int_equal(world_replace(&s->op, last.handle, VA, VA + PAGE_SIZE),
                     GNTST_general_error);
    assert_int_equal(unmap_these(s, 0, m.v << PAGE_SHIFT), GNTST_okay);
    check_free(s, m);
    handles_are(s, 0);
}

/* Both go, with whoever is first of the two domains. */
static void a_device_does_not_outlive_a_domain(void **state)
{
    struct scene *s = *state;
    mfn_t m = theirs(s, 3);
    struct mm_op op = mm_op_on(&s->us.d, &s->us.v);

    they_grant(s, REF, m);
    assert_int_equal(map(s, RW | DEVICE, REF), GNTST_okay);
    assert_int_equal(grant_leave(&op), ERR_NONE);
    world_done(&op);
    world_audit(&s->w, "leave");
    assert_int_equal(frame_refs(word_of(s, m)), 1);
    assert_int_equal(frame_count(word_of(s, m)), 0);
    assert_int_equal(flags_of(s, REF), GTF_permit_access);
}

/* --- an entry, and how it goes -------------------------------------------- */

static void an_entry_refers_to_the_granters_frame(void **state)
{
    struct scene *s = *state;
    mfn_t m = theirs(s, 3);

    they_grant(s, REF, m);
    assert_int_equal(map(s, RW, REF), GNTST_okay);
    assert_int_equal(last.mfn.v, m.v);
    refs_are(s, m, 2, 2); /* the entry's and the handle's */
    assert_int_equal(frame_type(word_of(s, m)), FRAME_WRITABLE);
    assert_int_equal(flags_of(s, REF),
                     GTF_permit_access | GTF_reading | GTF_writing);
    assert_non_null(touch(s, true));
    handles_are(s, 1);
    assert_int_equal(unmap(s), GNTST_okay);
    check_free(s, m);
    handles_are(s, 0);
}

static void it_may_go_by_an_update(void **state)
{
    struct scene *s = *state;

    they_grant(s, REF, theirs(s, 3));
    assert_int_equal(map(s, RW, REF), GNTST_okay);
    assert_int_equal(scene_update(s, s->l1, AT, 0), ERR_NONE);
    world_audit(&s->w, "update");
    handles_are(s, 1); /* it pins the grant still, and keeps the frame */
    refs_are(s, theirs(s, 3), 1, 1);
    assert_int_equal(unmap(s), GNTST_general_error);
    handles_are(s, 0);
    assert_int_equal(unmap(s), GNTST_bad_handle);
    check_free(s, theirs(s, 3));
}

static void it_may_go_with_its_table(void **state)
{
    struct scene *s = *state;

    they_grant(s, REF, theirs(s, 3));
    assert_int_equal(map(s, RO, REF), GNTST_okay);
    assert_int_equal(scene_update(s, s->l2, 0, 0), ERR_NONE);
    world_audit(&s->w, "the table gone");
    refs_are(s, theirs(s, 3), 1, 0);
    /* And it does not come back: nobody grants it to the table. */
    assert_true(scene_update(s, s->l2, 0, pte_make(s->l1, KERNEL).v) != 0);
    assert_int_equal(unmap(s), GNTST_general_error);
    check_free(s, theirs(s, 3));
}

static void what_was_given_up_goes_back_to_its_owner(void **state)
{
    struct scene *s = *state;
    struct mm_op op = mm_op_on(&s->them.d, &s->them.v);
    uint64_t had = s->them.d.tot_pages, have = s->us.d.tot_pages;
    mfn_t m = theirs(s, 3);

    they_grant(s, REF, m);
    assert_int_equal(map(s, RW, REF), GNTST_okay);
    assert_non_null(touch(s, true));
    assert_int_equal(dmem_frame_put(&op, m), ERR_NONE);
    world_done(&op);
    world_audit(&s->w, "giving up what is mapped");
    assert_int_equal(s->them.d.tot_pages, had);
    assert_int_equal(scene_update(s, s->l1, AT, 0), ERR_NONE);
    world_audit(&s->w, "the entry gone");
    assert_int_equal(s->them.d.tot_pages, had);
    assert_int_equal(unmap(s), GNTST_general_error);
    assert_int_equal(s->them.d.tot_pages, had - 1);
    assert_int_equal(s->us.d.tot_pages, have);
    assert_int_equal(frame_owner(word_of(s, m)), OWNER_NONE);
    assert_int_equal(map(s, RW, REF), GNTST_bad_page);
}

/* --- rights --------------------------------------------------------------- */

static void read_only_stays_so(void **state)
{
    struct scene *s = *state;
    uint64_t e;

    they_grant(s, REF, theirs(s, 3));
    assert_int_equal(map(s, RO, REF), GNTST_okay);
    e = scene_entry(s, s->l1, AT)->v;
    assert_true(scene_update(s, s->l1, AT, e | PTE_RW) != ERR_NONE);
    assert_true(mmu_update_va(&s->op, VA, e | PTE_RW) != ERR_NONE);
    assert_int_equal(scene_entry(s, s->l1, AT)->v, e);
    assert_true(scene_update(s, s->l1, AT + 1, e) != ERR_NONE);
    assert_int_equal(scene_update(s, s->l1, AT, e & ~PTE_A), ERR_NONE);
    assert_null(touch(s, true));
    assert_non_null(touch(s, false));
    assert_int_equal(unmap(s), GNTST_okay);
    /* Not even while it is mapped writable elsewhere. */
    assert_int_equal(map(s, RW, REF), GNTST_okay);
    e = scene_entry(s, s->l1, AT)->v;
    assert_int_equal(scene_update(s, s->l1, AT, e & ~PTE_RW), ERR_NONE);
    assert_true(scene_update(s, s->l1, AT, e) != ERR_NONE);
    world_audit(&s->w, "less rights");
    assert_int_equal(unmap(s), GNTST_okay);
    check_free(s, theirs(s, 3));
}

static void types_exclude_each_other(void **state)
{
    struct scene *s = *state;
    struct mm_op op = mm_op_on(&s->them.d, &s->them.v);
    mfn_t m = theirs(s, 3);

    they_grant(s, REF, m);
    assert_int_equal(mmu_pin(&op, m, 1), ERR_NONE);
    assert_int_equal(map(s, RW, REF), GNTST_general_error);
    assert_int_equal(map(s, RO, REF), GNTST_okay);
    assert_int_equal(unmap(s), GNTST_okay);
    assert_int_equal(mmu_unpin(&op, m), ERR_NONE);
    assert_int_equal(map(s, RW, REF), GNTST_okay);
    assert_int_equal(mmu_pin(&op, m, 1), ERR_INVAL);
    world_done(&op);
    assert_int_equal(unmap(s), GNTST_okay);
    check_free(s, m);
}

/* 512 of them in order are no block of one's own. */
static void they_are_not_joined(void **state)
{
    struct scene *s = *state;
    mfn_t t = scene_frame(s), left;

    assert_int_equal(scene_update(s, s->l2, 5, pte_make(t, KERNEL).v),
                     ERR_NONE);
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        they_grant(s, i, theirs(s, i));
        last = (struct grant_request){.host_addr = t.v << PAGE_SHIFT | i * 8,
                                      .flags = RW | GNTMAP_contains_pte,
                                      .ref = i};
        assert_int_equal(scene_map(s, &last), GNTST_okay);
    }
    world_audit(&s->w, "512 grants");
    assert_true(join(&s->op, maddr_of(s->l2.v << PAGE_SHIFT | 5 * 8), &left) !=
                ERR_NONE);
    assert_true(split_in_order(scene_entry(s, t, 0), 2));
    world_audit(&s->w, "join");
}

/*
 * XSA-500, -501: what is in the table is changed between one use of an entry
 * and the next. As long as it is in use, what it said first is what counts.
 */
static void an_entry_changes_while_it_is_in_use(void **state)
{
    struct scene *s = *state;
    const struct grant_end own = {.d = &s->us.d, .mfn = s->data};
    const struct grant_end from = {
        .d = &s->them.d, .granted = true, .ref = REF};
    mfn_t m = theirs(s, 3), other = theirs(s, 4);

    they_grant(s, REF, m);
    memset(mm_frame_ptr(&s->w.mm, m), 1, PAGE_SIZE);
    memset(mm_frame_ptr(&s->w.mm, other), 2, PAGE_SIZE);
    assert_int_equal(map(s, RO, REF), GNTST_okay);
    entry_is(&s->them.d, REF, s->us.d.id, GTF_permit_access, other);
    assert_int_equal(grant_copy(&s->us.d, &from, &own, 64), GNTST_okay);
    assert_int_equal(*(uint8_t *)mm_frame_ptr(&s->w.mm, s->data), 1);
    /* Somebody else's by now, or nobody's: who had it has it still. */
    entry_is(&s->them.d, REF, 77, GTF_permit_access, other);
    assert_int_equal(grant_copy(&s->us.d, &from, &own, 64), GNTST_okay);
    assert_int_equal(grant_copy(&s->us.d, &own, &from, 64),
                     GNTST_general_error);
    entry_is(&s->them.d, REF, 0, GTF_invalid, mfn_of(0));
    assert_int_equal(grant_copy(&s->us.d, &own, &from, 64),
                     GNTST_general_error);
    world_audit(&s->w, "copying");
    assert_int_equal(unmap(s), GNTST_okay);
    assert_int_equal(frame_refs(word_of(s, m)), 1);
    assert_int_equal(frame_refs(word_of(s, other)), 1);
    assert_int_equal(map(s, RO, REF), GNTST_general_error);
    handles_are(s, 0);
}

/* XSA-226: readers and writers of one entry come and go in any order. */
static void uses_of_an_entry_are_counted_apart(void **state)
{
    static const uint8_t order[][4] = {
        {0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}};
    struct scene *s = *state;
    mfn_t m = theirs(s, 3);

    they_grant(s, REF, m);
    for (unsigned o = 0; o < ARRAY_SIZE(order); o++) {
        struct grant_request r[4];

        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(
                map_at(s, i % 2 ? RO : RW, REF, VA + i * PAGE_SIZE),
                GNTST_okay);
            r[i] = last;
        }
        for (unsigned i = 0; i < 4; i++) {
            unsigned n = order[o][i], writers = 0, left = 0;

            last = r[n];
            r[n].handle = ~0u;
            assert_int_equal(unmap(s), GNTST_okay);
            assert_int_equal(unmap(s), GNTST_bad_handle); /* XSA-218 */
            for (unsigned k = 0; k < 4; k++) {
                left += r[k].handle != ~0u;
                writers += r[k].handle != ~0u && k % 2 == 0;
            }
            assert_int_equal(flags_of(s, REF),
                             GTF_permit_access | (left ? GTF_reading : 0u) |
                                 (writers ? GTF_writing : 0u));
            refs_are(s, m, 2 * left, 2 * writers);
        }
        handles_are(s, 0);
    }
}

/* --- ends ----------------------------------------------------------------- */

/* n handles, the last of them stale. */
static void map_many(struct scene *s, unsigned n)
{
    mfn_t t = scene_frame(s);

    assert_int_equal(scene_update(s, s->l2, 5, pte_make(t, KERNEL).v),
                     ERR_NONE);
    for (unsigned i = 0; i < n; i++) {
        they_grant(s, i, theirs(s, i));
        last = (struct grant_request){.host_addr = t.v << PAGE_SHIFT | i * 8,
                                      .flags = (i % 2 ? RO : RW) |
                                               GNTMAP_contains_pte,
                                      .ref = i};
        assert_int_equal(scene_map(s, &last), GNTST_okay);
    }
    assert_int_equal(scene_update(s, t, n - 1, 0), ERR_NONE);
    world_audit(&s->w, "many grants");
}

/* Interrupted as often as can be; each state in between is sound. */
static void destroy(struct scene *s, struct world_domain *x, domid_t id)
{
    struct mm_op op = mm_op_on(&x->d, &x->v);
    enum err rc;

    host_preempt_every(1);
    while ((rc = dmem_domain_destroy(&op)) == ERR_RESTART) {
        if (x->d.grants)
            world_audit(&s->w, "a part of it");
        world_done(&op);
    }
    host_preempt_every(0);
    assert_int_equal(rc, ERR_NONE);
    world_done(&op);
    world_audit(&s->w, "destroying");
    assert_null(x->d.grants);
    memset(x, 0, sizeof(*x));
    world_domain(&s->w, x, id, 8 * BLOCK_FRAMES);
}

static void the_granter_dies(void **state)
{
    struct scene *s = *state;

    map_many(s, 400);
    assert_non_null(
        simtlb_access(&s->us.d, 0, s->l4, UINT64_C(5) << BLOCK_SHIFT, true));
    destroy(s, &s->them, 2);
    assert_int_equal(grant_mapped(&s->us.d), 0);
    assert_null(
        simtlb_access(&s->us.d, 0, s->l4, UINT64_C(5) << BLOCK_SHIFT, false));
    assert_int_equal(unmap(s), GNTST_bad_handle);
}

static void the_mapper_dies(void **state)
{
    struct scene *s = *state;

    map_many(s, 400);
    destroy(s, &s->us, 1);
    assert_int_equal(grant_lent(&s->them.d), 0);
    for (unsigned i = 0; i < 400; i++) {
        assert_int_equal(flags_of(s, i), GTF_permit_access);
        assert_int_equal(frame_refs(word_of(s, theirs(s, i))), 1);
    }
}

/* --- requests that are refused -------------------------------------------- */

static void no_memory_no_change(void **state)
{
    struct scene *s = *state;
    struct mm_op op = mm_op_on(&s->them.d, &s->them.v);
    int status;

    for (unsigned n = 1;; n++) {
        enum err rc;

        s->w.mm.alloc.fail_in = n;
        rc = grant_setup(&op, GRANT_FRAMES);
        if (!s->w.mm.alloc.fail_in)
            assert_int_equal(rc, ERR_NOMEM);
        world_audit(&s->w, "set-up");
        if (!rc)
            break;
    }
    s->w.mm.alloc.fail_in = 0;
    assert_int_equal(grant_setup(&op, GRANT_FRAMES + 1), ERR_INVAL);
    they_grant(s, REF, theirs(s, 3));
    for (unsigned n = 1;; n++) {
        s->w.mm.alloc.fail_in = n;
        status = map(s, RW, REF);
        if (!status)
            break;
        assert_int_equal(flags_of(s, REF), GTF_permit_access);
        assert_int_equal(scene_entry(s, s->l1, AT)->v, 0);
    }
    s->w.mm.alloc.fail_in = 0;
    assert_int_equal(unmap(s), GNTST_okay);
}

static void only_entries_are_mapped(void **state)
{
    struct scene *s = *state;
    const mfn_t not [] = {s->l2,          s->l4,
                          s->data,        s->block,
                          theirs(s, 1),   mfn_of(s->w.mm.nr_frames),
                          mfn_of(BIT(40))};

    they_grant(s, REF, theirs(s, 3));
    for (unsigned i = 0; i < ARRAY_SIZE(not ); i++)
        assert_int_equal(map_at(s, RW | GNTMAP_contains_pte, REF,
                                not [i].v << PAGE_SHIFT | 8),
                         GNTST_general_error);
    for (unsigned i = 1; i < 8; i++)
        assert_int_equal(map_at(s, RW | GNTMAP_contains_pte, REF,
                                s->l1.v << PAGE_SHIFT | AT * 8 | i),
                         GNTST_general_error);
    assert_int_equal(flags_of(s, REF), GTF_permit_access);
    assert_int_equal(scene_entry(s, s->l1, AT)->v, 0);
}

/* --- whatever comes ------------------------------------------------------- */

static void random_step(struct scene *s, struct dice *d, uint32_t *handle,
                        uint64_t *entry_maddr)
{
    unsigned k = (unsigned)dice_upto(d, 8), at = AT + (unsigned)dice_upto(d, 8);
    uint32_t ref = (uint32_t)dice_upto(d, 8);
    struct mm_op op = mm_op_on(&s->them.d, &s->them.v);
    bool write = dice_upto(d, 2);

    switch (dice_upto(d, 6)) {
    case 0:
    case 1:
        last = (struct grant_request){
            .host_addr = at * PAGE_SIZE, .flags = write ? RW : RO, .ref = ref};
        if (scene_map(s, &last))
            break;
        if (entry_maddr[k])
            (void)world_unmap(&s->op, handle[k], entry_maddr[k], 0);
        handle[k] = last.handle;
        entry_maddr[k] = last.host_addr;
        break;
    case 2:
        (void)world_unmap(&s->op, handle[k], entry_maddr[k], 0);
        break;
    case 3:
        (void)world_replace(&s->op, handle[k], entry_maddr[k], at * PAGE_SIZE);
        break;
    case 4:
        (void)mmu_update(&s->op, s->l1.v << PAGE_SHIFT | at * 8,
                         scene_entry(s, s->l1, at)->v ^
                             (write ? PTE_RW : scene_entry(s, s->l1, at)->v));
        break;
    default:
        if (mmu_pin(&op, theirs(s, ref), 1))
            (void)mmu_unpin(&op, theirs(s, ref));
    }
    world_done(&op);
    world_done(&s->op);
    (void)simtlb_access(&s->us.d, 0, s->l4, at * PAGE_SIZE, write);
}

static void ten_thousand_steps(void **state)
{
    struct scene *s = *state;
    struct dice d = {.s = 20261124};
    uint32_t handle[8] = {0};
    uint64_t entry_maddr[8] = {0};

    for (uint32_t ref = 0; ref < 8; ref++)
        they_grant(s, ref, theirs(s, ref / 2)); /* a frame has two grants */
    for (unsigned i = 0; i < 10000; i++) {
        random_step(s, &d, handle, entry_maddr);
        if (i % 8 == 0)
            world_audit(&s->w, "a step");
    }
}

/* --- transfer ------------------------------------------------------------- */

static int transfer(struct scene *s, uint32_t ref, mfn_t m)
{
    struct mm_op to = mm_op_on(&s->them.d, NULL);

    return grant_transfer(&s->op, &to, ref, m);
}

static void a_frame_changes_hands(void **state)
{
    struct scene *s = *state;
    struct mm_op op = mm_op_on(&s->them.d, &s->them.v);
    uint64_t had = s->them.d.tot_pages, have = s->us.d.tot_pages;
    mfn_t m = scene_frame(s), got;

    memset(mm_frame_ptr(&s->w.mm, m), 0x5a, PAGE_SIZE);
    assert_int_equal(transfer(s, 1, m), GNTST_bad_gntref);
    assert_int_equal(grant_setup(&op, 1), ERR_NONE);
    assert_int_equal(transfer(s, 1, m), GNTST_bad_gntref);
    entry_is(&s->them.d, 1, s->us.d.id, GTF_accept_transfer, mfn_of(0));
    assert_int_equal(transfer(s, 1, s->data),
                     GNTST_bad_page); /* it is mapped */
    assert_int_equal(transfer(s, 1, theirs(s, 0)), GNTST_bad_page);
    s->them.d.max_pages = s->them.d.tot_pages;
    assert_int_equal(transfer(s, 1, m), GNTST_general_error);
    s->them.d.max_pages = 8 * BLOCK_FRAMES;
    world_audit(&s->w, "refusals");
    assert_int_equal(s->us.d.tot_pages, have + 1);
    assert_int_equal(transfer(s, 1, m), GNTST_okay);
    world_done(&s->op);
    world_audit(&s->w, "a transfer");
    assert_int_equal(s->us.d.tot_pages, have);
    assert_int_equal(s->them.d.tot_pages, had + 1);
    got = mfn_of(GRANT_WORD_FRAME(atomic_load(grant_word(&s->them.d, 1))));
    assert_int_equal(frame_owner(word_of(s, got)), s->them.d.id);
    assert_int_equal(*(uint8_t *)mm_frame_ptr(&s->w.mm, got), 0x5a);
}

/* --- of one that others leave alone ----------------------------------------
 */

static void nothing_is_used_anew(struct scene *s, int status)
{
    const mfn_t m = scene_frame(s);
    const uint64_t was = atomic_load(grant_word(&s->them.d, REF));
    const struct grant_end own = {.d = &s->us.d, .mfn = m};
    const struct grant_end granted = {
        .d = &s->them.d, .granted = true, .ref = REF};

    assert_int_equal(map_at(s, RW, REF, VA + PAGE_SIZE), status);
    assert_int_equal(grant_copy(&s->us.d, &granted, &own, 8), status);
    assert_int_equal(grant_copy(&s->us.d, &own, &granted, 8), status);
    assert_int_equal(transfer(s, 1, m), status);
    world_audit(&s->w, "refusals");
    assert_int_equal(atomic_load(grant_word(&s->them.d, REF)), was);
}

/* What is mapped can be given up all the same: relocation waits for that. */
static void leave_alone(struct scene *s, bool *how, int status)
{
    struct grant_request mapped;

    they_grant(s, REF, theirs(s, 3));
    entry_is(&s->them.d, 1, s->us.d.id, GTF_accept_transfer, mfn_of(0));
    assert_int_equal(map(s, RW, REF), GNTST_okay);
    mapped = last;
    *how = true;
    nothing_is_used_anew(s, status);
    last = mapped;
    assert_int_equal(unmap(s), GNTST_okay);
    check_free(s, theirs(s, 3));
    *how = false;
}

static void one_that_is_suspended_is_left_alone(void **state)
{
    struct scene *s = *state;

    leave_alone(s, &s->them.d.quiet, GNTST_eagain);
    leave_alone(s, &s->them.d.dying, GNTST_bad_domain);
}

/* Between a look at a handle and having both locks it may be another's. */
static void a_handle_is_of_its_granter(void **state)
{
    struct scene *s = *state;
    struct mm_op another = mm_op_on(&s->us.d, NULL);

    they_grant(s, REF, theirs(s, 3));
    assert_int_equal(map(s, RW, REF), GNTST_okay);
    assert_int_equal(grant_granter(&s->op, last.handle), s->them.d.id);
    assert_int_equal(grant_granter(&s->op, last.handle + 1), OWNER_NONE);
    assert_int_equal(grant_granter(&s->op, UINT32_MAX), OWNER_NONE);
    assert_int_equal(grant_unmap(&s->op, &another, last.handle, VA, 0),
                     GNTST_bad_handle);
    assert_int_equal(
        grant_replace(&s->op, &another, last.handle, VA, VA + PAGE_SIZE),
        GNTST_bad_handle);
    world_audit(&s->w, "a handle of another's");
    assert_int_equal(unmap(s), GNTST_okay);
}

/* XSA-380: as many handles as there can be, and then either of them dies. */
static void map_all_there_are(struct scene *s)
{
    const uint64_t most = GRANT_TRACK * GRANT_TRACK_EACH;
    mfn_t t = MFN_NONE;

    they_grant(s, REF, theirs(s, 3));
    for (uint64_t n = 0; n <= most; n++) {
        if (n % PT_ENTRIES == 0) {
            t = scene_frame(s);
            assert_int_equal(scene_update(s, s->l2,
                                          5 + (unsigned)(n / PT_ENTRIES),
                                          pte_make(t, KERNEL).v),
                             ERR_NONE);
        }
        last = (struct grant_request){.host_addr = t.v << PAGE_SHIFT |
                                                   n % PT_ENTRIES * 8,
                                      .flags = RO | GNTMAP_contains_pte,
                                      .ref = REF};
        assert_int_equal(scene_map(s, &last),
                         n < most ? GNTST_okay : GNTST_no_space);
    }
    world_done(&s->op);
    world_audit(&s->w, "all handles");
    handles_are(s, (uint32_t)most);
}

static void dies_with_all_there_are(struct scene *s, struct world_domain *x)
{
    const domid_t id = x->d.id;

    host_preempt_at(0);
    world_destroy(&s->w, x);
    /* It can stop all along: at least every 128 of them. */
    assert_true(host_preempts() >= GRANT_TRACK * GRANT_TRACK_EACH / 128);
    memset(x, 0, sizeof(*x));
    world_domain(&s->w, x, id, 8 * BLOCK_FRAMES);
}

static void the_mapper_dies_with_all_handles(void **state)
{
    map_all_there_are(*state);
    dies_with_all_there_are(*state, &((struct scene *)*state)->us);
}

static void the_granter_dies_with_all_handles(void **state)
{
    map_all_there_are(*state);
    dies_with_all_there_are(*state, &((struct scene *)*state)->them);
    handles_are(*state, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(an_entry_refers_to_the_granters_frame),
        scene_test(it_may_go_by_an_update),
        scene_test(it_may_go_with_its_table),
        scene_test(what_was_given_up_goes_back_to_its_owner),
        scene_test(read_only_stays_so),
        scene_test(types_exclude_each_other),
        scene_test(they_are_not_joined),
        scene_test(a_device_has_references_of_its_own),
        scene_test(a_device_may_have_it_alone),
        scene_test(a_device_does_not_outlive_a_domain),
        scene_test(the_granter_dies),
        scene_test(the_mapper_dies),
        scene_test(the_mapper_dies_with_all_handles),
        scene_test(the_granter_dies_with_all_handles),
        scene_test(an_entry_changes_while_it_is_in_use),
        scene_test(uses_of_an_entry_are_counted_apart),
        scene_test(no_memory_no_change),
        scene_test(only_entries_are_mapped),
        scene_test(ten_thousand_steps),
        scene_test(a_frame_changes_hands),
        scene_test(one_that_is_suspended_is_left_alone),
        scene_test(a_handle_is_of_its_granter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
