/* SPDX-License-Identifier: MIT */
/*
 * test_lapse.c: tables that a kernel lets go without a word, and those it wants
 * back while they are in use (mm/pv/lapse.h): each rule, and each thing that
 * looks like it and is something else. The audit after every step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bare.h"
#include "mm/pv/grant_table.h"
#include "mm/pv/lapse.h"
#include "mm/resize/move.h"
#include "mm/save/normalise.h"
#include "mm/save/relocate.h"
#include "port.h"
#include "saving.h"
#include "simtlb.h"

/* As a kernel maps data of its own: without US, and not to be executed. */
#define KREAD  (PTE_P | PTE_NX)
#define KWRITE (KREAD | PTE_RW)
#define AT     5 /* the slot of l1 by which a table is stored to */
#define VA     ((uint64_t)AT << PAGE_SHIFT)

static void end(struct scene *s, const char *what)
{
    world_done(&s->op);
    world_audit(&s->w, what);
}

static enum err update(struct scene *s, mfn_t table, unsigned i, uint64_t val)
{
    enum err rc = scene_update(s, table, i, val);

    end(s, "mmu_update");
    return rc;
}

static void set(struct scene *s, mfn_t table, unsigned i, uint64_t val)
{
    assert_int_equal(update(s, table, i, val), ERR_NONE);
}

static bool stores(struct scene *s, uint64_t va)
{
    bool yes = lapse_store(&s->op, s->l4, va);

    end(s, "a store that faults");
    return yes;
}

static enum err unpin(struct scene *s, mfn_t m)
{
    enum err rc = mmu_unpin(&s->op, m);

    end(s, "unpinning");
    return rc;
}

/* The store that the hypervisor carries out. */
static enum err emulate(struct scene *s, uint64_t va, uint64_t val)
{
    struct mmu_entry e;
    enum err rc = mmu_emulate_find(&s->op, s->l4, va, &e);

    if (!rc)
        rc = mmu_emulate_write(&s->op, e, mmu_emulate_read(&s->op, e), val);
    end(s, "an emulated store");
    return rc;
}

static bool is_table(struct scene *s, mfn_t m)
{
    const uint64_t w = frame_word_of(&s->w.mm, m, s->us.d.id);

    return frame_count(w) > 0 && frame_is_table(frame_type(w));
}

static bool is_writable_at(struct scene *s, unsigned i)
{
    return scene_entry(s, s->l1, i)->v & PTE_RW;
}

/* An L1 table, pinned, mapped read-only at VA. */
static mfn_t pinned(struct scene *s)
{
    mfn_t m = scene_frame(s);

    set(s, s->l1, AT, pte_make(m, KREAD).v);
    assert_int_equal(mmu_pin(&s->op, m, 1), ERR_NONE);
    end(s, "pinning");
    return m;
}

/* --- empty ones ----------------------------------------------------------- */

static void an_empty_table_lapses_at_the_first_store(void **state)
{
    struct scene *s = *state;
    mfn_t m = pinned(s);
    uint64_t *p;

    assert_false(stores(s, VA)); /* as on Xen */
    s->us.d.large_shown = true;
    assert_true(stores(s, VA + 8 * 77));
    assert_false(is_table(s, m));
    assert_true(is_writable_at(s, AT));
    p = simtlb_access(&s->us.d, 0, s->l4, VA, true);
    assert_non_null(p);
    *p = UINT64_C(0x12345067); /* as an entry would read */
    world_audit(&s->w, "what is written there");
    assert_false(stores(s, VA)); /* it is writable, so this is another fault */
    assert_int_equal(unpin(s, m), ERR_NONE);  /* the pin it knows of, */
    assert_int_equal(unpin(s, m), ERR_INVAL); /* once */
}

static void nor_does_it_wait_for_who_has_it_cached(void **state)
{
    struct scene *s = *state;
    mfn_t m = pinned(s);

    s->us.d.large_shown = true;
    set(s, m, 0, pte_make(s->data, KWRITE).v);
    set(s, s->l2, 1, pte_make(m, KERNEL).v);
    assert_non_null(simtlb_access(&s->us.d, 1, s->l4, BIT(21), true));
    set(s, m, 0, 0);
    set(s, s->l2, 1, 0);
    assert_true(stores(s, VA));
    assert_null(simtlb_check(&s->w.mm));
    assert_non_null(simtlb_access(&s->us.d, 0, s->l4, VA, true));
    assert_null(simtlb_check(&s->w.mm));
}

static void one_that_is_in_use_does_not(void **state)
{
    struct scene *s = *state;
    mfn_t m = pinned(s);

    s->us.d.large_shown = true;
    set(s, s->l2, 1, pte_make(m, KERNEL).v); /* hangs in a tree */
    assert_false(stores(s, VA));
    assert_int_equal(emulate(s, VA, pte_make(s->data, KERNEL).v), ERR_NONE);
    set(s, s->l2, 1, 0);
    assert_false(stores(s, VA)); /* maps */
    set(s, m, 0, PTE_NX | PTE_RW);
    assert_false(stores(s, VA)); /* is absent, but says something */
    set(s, m, 0, 0);
    set(s, m, 511, PTE_NX);
    assert_false(stores(s, VA));
    assert_true(is_table(s, m));
    set(s, m, 511, 0);
    assert_true(stores(s, VA));
}

static void nor_by_an_entry_that_is_not_the_kernels(void **state)
{
    struct scene *s = *state;
    mfn_t m = pinned(s);

    s->us.d.large_shown = true;
    set(s, s->l1, AT, pte_make(m, READ | PTE_NX).v); /* a program's */
    assert_false(stores(s, VA));
    set(s, s->l1, AT, pte_make(m, PTE_P).v); /* text */
    assert_false(stores(s, VA));
    set(s, s->l1, AT, 0);
    assert_false(stores(s, VA));
    assert_false(stores(s, HV_VA_START));
    assert_false(stores(s, BIT(39)));
    assert_true(is_table(s, m));
    set(s, s->l1, AT, pte_make(m, KREAD | PTE_US | PTE_GUEST_KERNEL).v);
    assert_true(stores(s, VA)); /* it says so itself */
}

/* Made read-only again it is meant to be: a fault, and the guest's. */
static void nor_twice(void **state)
{
    struct scene *s = *state;
    mfn_t m = pinned(s);

    s->us.d.large_shown = true;
    set(s, s->l1, 6, pte_make(m, KREAD).v);
    assert_true(stores(s, VA));
    assert_false(stores(s, VA + PAGE_SIZE)); /* nor by another entry */
    set(s, s->l1, AT, pte_make(m, KREAD).v);
    assert_false(stores(s, VA));
    assert_false(is_writable_at(s, AT) || is_writable_at(s, 6));
    assert_int_equal(lapse_marks(&s->op, m), LAPSE_LAPSED);
}

static void nor_another_kind(void **state)
{
    struct scene *s = *state;

    s->us.d.large_shown = true;
    for (unsigned level = 2; level <= PT_LEVELS; level++) {
        mfn_t m = scene_frame(s);

        set(s, s->l1, AT, pte_make(m, KREAD).v);
        assert_int_equal(mmu_pin(&s->op, m, level), ERR_NONE);
        assert_false(stores(s, VA));
        assert_true(is_table(s, m));
        assert_int_equal(unpin(s, m), ERR_NONE);
        assert_false(stores(s, VA)); /* the guest has taken its pin */
        assert_int_equal(unpin(s, m), ERR_INVAL);
    }
}

static void what_is_not_its_own_stays(void **state)
{
    struct scene *s = *state;
    mfn_t seg = scene_frame(s);

    s->us.d.large_shown = true;
    set(s, s->l1, AT, pte_make(seg, KREAD).v);
    assert_int_equal(mmu_seg_load(&s->op, 0, seg), ERR_NONE);
    assert_false(stores(s, VA));
    assert_int_equal(update(s, s->l1, AT, pte_make(seg, KWRITE).v), ERR_BUSY);
    assert_int_equal(mmu_seg_load(&s->op, 0, MFN_NONE), ERR_NONE);
    assert_false(stores(s, VA));
    assert_int_equal(update(s, s->l1, 6, pte_make(s->foreign, KWRITE).v),
                     ERR_BUSY);
    set(s, s->l1, AT, pte_make(s->l1, KREAD).v);
    assert_false(stores(s, VA));
}

static void it_lapses_where_it_is_mapped_writable(void **state)
{
    struct scene *s = *state;
    mfn_t m = pinned(s);
    const uint64_t rw = pte_make(m, KERNEL).v;

    assert_int_equal(update(s, s->l1, 6, rw), ERR_BUSY);
    assert_int_equal(update(s, s->l1, AT, pte_make(m, KWRITE).v), ERR_BUSY);
    s->us.d.large_shown = true;
    set(s, m, 9, pte_make(s->data, KERNEL).v);
    assert_int_equal(update(s, s->l1, 6, rw), ERR_BUSY);
    assert_int_equal(update(s, s->l1, AT, pte_make(m, KWRITE).v), ERR_BUSY);
    set(s, m, 9, 0);
    set(s, s->l1, 6, rw);
    assert_false(is_table(s, m));
    assert_false(is_writable_at(s, AT));
    set(s, s->l1, 6, 0);
    assert_true(stores(s, VA)); /* by the other address, then */
    assert_true(is_writable_at(s, AT));
    m = pinned(s);
    set(s, s->l1, AT, pte_make(m, KWRITE).v);
    assert_false(is_table(s, m));
}

/* An entry that is to be in it would be in no table. */
static void but_not_by_its_own_entry(void **state)
{
    struct scene *s = *state;
    mfn_t m = pinned(s);

    s->us.d.large_shown = true;
    assert_int_equal(update(s, m, 3, pte_make(m, KERNEL).v), ERR_BUSY);
    assert_true(is_table(s, m));
    set(s, m, 3, pte_make(m, KREAD).v);
    assert_int_equal(update(s, m, 3, pte_make(m, KWRITE).v), ERR_BUSY);
}

/* A table of 512 such entries would take as many flushes. */
static void but_not_while_a_table_is_validated(void **state)
{
    struct scene *s = *state;
    mfn_t m = pinned(s), t = scene_frame(s);

    s->us.d.large_shown = true;
    *scene_entry(s, t, 3) = pte_make(m, KERNEL);
    assert_int_equal(mmu_pin(&s->op, t, 1), ERR_BUSY);
    end(s, "a refused pin");
    assert_true(is_table(s, m));
}

static void a_count_that_is_full_lets_nothing_through(void **state)
{
    struct scene *s = *state;
    mfn_t m = pinned(s);
    struct frame f = frame_held(&s->w.mm, m);
    const uint64_t many = BIT(FRAME_REF_BITS - 1);

    s->us.d.large_shown = true;
    atomic_fetch_add(frame_word_ptr(&f), many);
    assert_false(lapse_store(&s->op, s->l4, VA));
    world_done(&s->op);
    assert_false(is_writable_at(s, AT));
    atomic_fetch_sub(frame_word_ptr(&f), many);
    world_audit(&s->w, "a count that was full");
    assert_true(stores(s, VA));
}

/* --- taken out by a store ------------------------------------------------- */

#define SLOT   9
#define L2_VA  (6ull << PAGE_SHIFT) /* where the L2 is mapped read-only */
#define OUT_VA (L2_VA + 8 * SLOT)

/* Pinned, full of one frame, and hung in the L2. */
static mfn_t hung(struct scene *s)
{
    mfn_t m = pinned(s);

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        set(s, m, i, pte_make(s->data, i % 2 ? KERNEL : READ).v);
    set(s, s->l2, SLOT, pte_make(m, KERNEL).v);
    set(s, s->l1, 6, pte_make(s->l2, KREAD).v);
    s->us.d.large_shown = true;
    return m;
}

/* What it mapped is free of it at once, or it could become no table. */
static void a_full_table_lapses_when_a_store_takes_it_out(void **state)
{
    struct scene *s = *state;
    mfn_t m = hung(s);

    set(s, s->l1, 0, 0);
    assert_non_null(
        simtlb_access(&s->us.d, 1, s->l4, SLOT * BIT(21) + PAGE_SIZE, true));
    assert_int_equal(emulate(s, OUT_VA, 0), ERR_NONE);
    assert_false(is_table(s, m));
    memset(mm_frame_ptr(&s->w.mm, s->data), 0, PAGE_SIZE);
    assert_int_equal(mmu_pin(&s->op, s->data, 1), ERR_NONE);
    end(s, "pinning what it had mapped");
    assert_int_equal(unpin(s, s->data), ERR_NONE);
    assert_true(stores(s, VA));
    assert_non_null(simtlb_access(&s->us.d, 0, s->l4, VA, true));
    assert_null(simtlb_check(&s->w.mm));
    assert_int_equal(unpin(s, m), ERR_NONE);
    assert_int_equal(unpin(s, m), ERR_INVAL);
}

static void but_not_while_it_hangs_elsewhere(void **state)
{
    struct scene *s = *state;
    mfn_t m = hung(s);

    set(s, s->l2, SLOT + 1, pte_make(m, KERNEL).v);
    assert_int_equal(emulate(s, OUT_VA, 0), ERR_NONE);
    assert_true(is_table(s, m));
    assert_false(stores(s, VA));
    assert_int_equal(unpin(s, m), ERR_NONE); /* the real one */
    assert_int_equal(unpin(s, m), ERR_INVAL);
    assert_int_equal(emulate(s, OUT_VA + 8, PTE_NX), ERR_NONE);
    assert_false(is_table(s, m));
    assert_true(stores(s, VA)); /* it was not pinned, and the store wants it */
}

/* A hypercall that takes it out is a kernel that knows what it does. */
static void nor_when_a_hypercall_does(void **state)
{
    struct scene *s = *state;
    mfn_t m = hung(s);

    set(s, s->l2, SLOT, 0);
    assert_true(is_table(s, m));
    assert_false(stores(s, VA));
    assert_int_equal(unpin(s, m), ERR_NONE);
    assert_false(stores(s, VA));
}

static void what_may_not_be_stored_takes_nothing_out(void **state)
{
    struct scene *s = *state;
    mfn_t m = hung(s), l = scene_frame(s);
    const uint64_t bad[] = {
        pte_make(s->data, 0).v, /* absent, names memory */
        pte_make(s->data, PTE_PSE).v,
        pte_make(s->block, KERNEL | PTE_PSE).v, /* in the place of a table */
        pte_make(m, READ).v,
        pte_make(s->l1, KERNEL).v,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(emulate(s, OUT_VA, bad[i]), ERR_INVAL);
    assert_true(is_table(s, m));
    assert_int_equal(mmu_pin(&s->op, l, 2), ERR_NONE);
    set(s, s->l2, SLOT + 1, pte_make(l, READ).v); /* linear */
    assert_int_equal(emulate(s, OUT_VA + 8, 0), ERR_INVAL);
    s->us.d.large_shown = false;
    assert_int_equal(emulate(s, OUT_VA, 0), ERR_INVAL);
    s->us.d.large_shown = true;
    assert_int_equal(
        emulate(s, OUT_VA, (~pte_make(m, 0).v & PTE_ADDR) | PTE_PSE), ERR_NONE);
    assert_false(is_table(s, m));
}

/* As a collapse that comes to nothing: it is there again, as it was. */
static void it_may_be_put_back(void **state)
{
    struct scene *s = *state;
    mfn_t m = hung(s);

    assert_int_equal(emulate(s, OUT_VA, 0), ERR_NONE);
    set(s, s->l2, SLOT, pte_make(m, KERNEL).v);
    assert_true(is_table(s, m));
    assert_false(stores(s, VA));
    assert_int_equal(emulate(s, VA, 0), ERR_NONE);
    assert_int_equal(emulate(s, OUT_VA, 0), ERR_NONE);
    assert_true(stores(s, VA)); /* written to now: not as it is, */
    assert_int_equal(update(s, s->l2, SLOT, pte_make(m, KERNEL).v), ERR_INVAL);
    set(s, s->l1, AT, pte_make(m, KREAD).v); /* but as any page */
    set(s, s->l2, SLOT, pte_make(m, KERNEL).v);
    assert_int_equal(unpin(s, m), ERR_NONE); /* of the pin that went */
    assert_true(is_table(s, m));
    set(s, s->l2, SLOT, 0);
    assert_false(is_table(s, m));
}

/* It was given back before: nothing is left to be said of it. */
static void it_may_be_gone_with_its_entry(void **state)
{
    struct scene *s = *state;
    mfn_t m = hung(s), again;

    assert_int_equal(unpin(s, m), ERR_NONE);
    set(s, s->l1, AT, 0);
    assert_int_equal(reservation_decrease(&s->op, m, 0), ERR_NONE);
    end(s, "giving it back");
    assert_int_equal(emulate(s, OUT_VA, 0), ERR_NONE);
    assert_int_equal(unpin(s, m), ERR_INVAL);
    again = scene_frame(s);
    assert_int_equal(again.v, m.v);
    set(s, s->l1, AT, pte_make(again, KREAD).v);
    assert_false(stores(s, VA));
    assert_int_equal(unpin(s, again), ERR_INVAL);
}

/* And who has it next knows nothing of it. */
static void its_marks_go_with_the_frame(void **state)
{
    struct scene *s = *state;
    mfn_t m = hung(s), again;

    assert_int_equal(emulate(s, OUT_VA, 0), ERR_NONE);
    set(s, s->l1, AT, 0);
    assert_int_equal(reservation_decrease(&s->op, m, 0), ERR_NONE);
    end(s, "giving it back");
    again = scene_frame(s);
    assert_int_equal(again.v, m.v);
    set(s, s->l1, AT, pte_make(again, KREAD).v);
    assert_false(stores(s, VA));
    assert_int_equal(unpin(s, again), ERR_INVAL);
}

/* --- shared --------------------------------------------------------------- */

/* An L2 in two places of the L3, mapped read-only at VA. */
static mfn_t shared(struct scene *s)
{
    mfn_t m = scene_frame(s);

    set(s, s->l1, AT, pte_make(m, KREAD).v);
    set(s, s->l3, 1, pte_make(m, KERNEL).v);
    set(s, s->l3, 2, pte_make(m, KERNEL).v);
    set(s, m, 3, pte_make(s->block, KERNEL | PTE_PSE).v);
    return m;
}

static enum err update_va(struct scene *s, uint64_t val)
{
    enum err rc = mmu_update_va(&s->op, VA, val);

    end(s, "update_va_mapping");
    return rc;
}

static void a_shared_table_is_wanted_until_it_is_free(void **state)
{
    struct scene *s = *state;
    mfn_t m = shared(s);
    const uint64_t rw = pte_make(m, KWRITE).v;

    assert_int_equal(update_va(s, rw), ERR_BUSY); /* as on Xen */
    assert_false(stores(s, VA));
    s->us.d.large_shown = true;
    assert_int_equal(update_va(s, rw | PTE_NX), ERR_NONE);
    assert_int_equal(scene_entry(s, s->l1, AT)->v,
                     (rw & ~PTE_RW) | PTE_NX | PTE_US | PTE_GUEST_KERNEL);
    for (unsigned i = 1; i <= 2; i++) {
        assert_false(stores(s, VA));
        assert_int_equal(emulate(s, VA + 8 * 4, PTE_NX), ERR_NONE);
        set(s, s->l3, i, 0);
    }
    assert_false(is_table(s, m));
    assert_true(stores(s, VA));
    assert_true(is_writable_at(s, AT));
    assert_non_null(simtlb_access(&s->us.d, 0, s->l4, VA, true));
    assert_int_equal(unpin(s, m), ERR_INVAL); /* it never was pinned */
}

static void other_tables_are_refused_as_ever(void **state)
{
    struct scene *s = *state;
    mfn_t m = shared(s);
    const mfn_t other[] = {s->l1, s->l3, s->l4};

    s->us.d.large_shown = true;
    for (unsigned i = 0; i < ARRAY_SIZE(other); i++) {
        set(s, s->l1, AT, pte_make(other[i], KREAD).v);
        assert_int_equal(update_va(s, pte_make(other[i], KWRITE).v), ERR_BUSY);
    }
    set(s, s->l1, AT, pte_make(m, READ).v); /* a program's */
    assert_int_equal(update_va(s, pte_make(m, KERNEL).v), ERR_BUSY);
    assert_int_equal(update_va(s, pte_make(m, PTE_P | PTE_RW).v), ERR_BUSY);
    set(s, s->l1, AT, 0);
    assert_int_equal(update_va(s, pte_make(m, KWRITE).v), ERR_BUSY);
    set(s, s->l1, AT, pte_make(m, KREAD).v);
    assert_int_equal(update_va(s, pte_make(m, KWRITE | PTE_PCD).v), ERR_INVAL);
    assert_int_equal(mmu_pin(&s->op, m, 2), ERR_NONE);
    assert_int_equal(update_va(s, pte_make(m, KWRITE).v), ERR_BUSY);
    set(s, s->l3, 1, 0);
    set(s, s->l3, 2, 0);
    assert_false(stores(s, VA));
    assert_int_equal(unpin(s, m), ERR_NONE);
    assert_false(stores(s, VA));
}

/* Wanted, and then in use as something else: not before that ends. */
static void what_is_wanted_is_not_had_while_in_use(void **state)
{
    struct scene *s = *state;
    mfn_t m = shared(s);

    s->us.d.large_shown = true;
    assert_int_equal(update_va(s, pte_make(m, KWRITE).v), ERR_NONE);
    set(s, m, 3, 0);
    set(s, s->l3, 1, 0);
    set(s, s->l3, 2, 0);
    for (unsigned level = 2; level <= PT_LEVELS; level++) {
        memset(mm_frame_ptr(&s->w.mm, m), 0, PAGE_SIZE);
        assert_int_equal(mmu_pin(&s->op, m, level), ERR_NONE);
        assert_false(stores(s, VA));
        assert_int_equal(unpin(s, m), ERR_NONE);
    }
    memset(mm_frame_ptr(&s->w.mm, m), 0, PAGE_SIZE);
    assert_int_equal(mmu_seg_load(&s->op, 0, m), ERR_NONE);
    assert_false(stores(s, VA));
    assert_int_equal(mmu_seg_load(&s->op, 0, MFN_NONE), ERR_NONE);
    assert_true(stores(s, VA));
}

/* --- images --------------------------------------------------------------- */

static void take(struct scene *s, struct snapshot *c)
{
    struct dice dice = {.s = 77};

    saving_number(&s->w, &s->us.d, &dice);
    if (saving_snapshot(c, &s->op, no_p2m, NULL))
        fail_msg("%s", c->job.why);
}

static const struct snapshot_table *listed(const struct snapshot *c, mfn_t m)
{
    for (uint64_t n = 0; n < c->tables.nr; n++) {
        const struct snapshot_table *t = snapshot_at(&c->tables, n);

        if (t->pfn == snapshot_pfn(c, m).v)
            return t;
    }
    return NULL;
}

static uint64_t flags_in_image(const struct snapshot *c, struct scene *s,
                               unsigned i)
{
    pte_t e;

    assert_int_equal(normalise_entry(c, 1, *scene_entry(s, s->l1, i), &e),
                     ERR_NONE);
    return pte_flags(e);
}

#define SHARED_AT 7u
#define BACK_AT   8u
#define DATA_AT   9u

/* One that lapsed at AT, one that hangs again, and a shared one. */
static mfn_t make_all(struct scene *s, mfn_t *back)
{
    mfn_t m = shared(s);

    s->us.d.large_shown = true;
    assert_int_equal(update_va(s, pte_make(m, KWRITE).v), ERR_NONE);
    set(s, s->l1, SHARED_AT, pte_make(m, KREAD).v);
    *back = hung(s);
    assert_int_equal(emulate(s, OUT_VA, 0), ERR_NONE);
    set(s, s->l2, SLOT, pte_make(*back, KERNEL).v);
    set(s, s->l1, BACK_AT, pte_make(*back, KREAD).v);
    (void)pinned(s);
    set(s, s->l1, 6, pte_make(scene_frame(s), KWRITE).v);
    set(s, s->l1, DATA_AT, pte_make(scene_frame(s), KREAD).v);
    assert_int_equal(update(s, s->l1, 6, scene_entry(s, s->l1, AT)->v | PTE_RW),
                     ERR_NONE); /* it lapses */
    set(s, s->l1, 6,
        scene_entry(s, s->l1, AT)->v & ~PTE_RW & ~PTE_GUEST_KERNEL);
    return m;
}

/* What a store would make writable is, as nothing else is; tables have marks.
 */
static void an_image_says_so(void **state)
{
    struct scene *s = *state;
    struct snapshot c;
    mfn_t back, m = make_all(s, &back);

    take(s, &c);
    assert_int_equal(listed(&c, m)->marks, LAPSE_WANTED);
    assert_int_equal(listed(&c, back)->marks, LAPSE_MARKS);
    assert_false(listed(&c, back)->pinned);
    assert_int_equal(listed(&c, s->l1)->marks, 0);
    assert_true(flags_in_image(&c, s, AT) & PTE_RW);
    assert_false(flags_in_image(&c, s, SHARED_AT) & PTE_RW);
    assert_false(flags_in_image(&c, s, BACK_AT) & PTE_RW);
    assert_false(flags_in_image(&c, s, DATA_AT) & PTE_RW);
    assert_false(flags_in_image(&c, s, 6) & PTE_RW); /* a program's */
    HOST_END(snapshot_end(&c));
}

/* They are loaded again, which cannot be if they are writable. */
static void but_not_of_descriptors(void **state)
{
    struct scene *s = *state;
    struct snapshot c;
    mfn_t m = pinned(s);

    s->us.d.large_shown = true;
    set(s, s->l1, 6, pte_make(m, KWRITE).v); /* it lapses */
    set(s, s->l1, 6, 0);
    assert_int_equal(lapse_marks(&s->op, m), LAPSE_MARKS);
    assert_int_equal(mmu_seg_load(&s->op, 0, m), ERR_NONE);
    take(s, &c);
    assert_false(flags_in_image(&c, s, AT) & PTE_RW);
    HOST_END(snapshot_end(&c));
}

static void relocate_all(struct scene *s, struct snapshot *c)
{
    struct relocate r;
    enum err rc;

    relocate_begin(&r, c);
    do
        rc = relocate_step(&r);
    while (rc == ERR_RESTART);
    world_done(&s->op);
    if (rc)
        fail_msg("it is lost: %s", r.job.why);
}

static void relocation_keeps_it(void **state)
{
    struct scene *s = *state;
    struct snapshot c;
    mfn_t back, m = make_all(s, &back);
    pfn_t at[4];

    take(s, &c);
    at[0] = snapshot_pfn(&c, m);
    at[1] = snapshot_pfn(&c, back);
    at[2] = snapshot_pfn(&c, s->l1);
    at[3] = snapshot_pfn(&c, s->l4);
    lapse_set_marks(&s->op, m, 0); /* what an image has no frames for */
    lapse_set_marks(&s->op, back, 0);
    relocate_all(s, &c);
    m = snapshot_mfn(&c, at[0]);
    back = snapshot_mfn(&c, at[1]);
    s->l1 = snapshot_mfn(&c, at[2]);
    s->l4 = snapshot_mfn(&c, at[3]);
    HOST_END(snapshot_end(&c));
    assert_int_equal(mmu_new_baseptr(&s->op, s->l4), ERR_NONE);
    world_audit(&s->w, "relocation");
    assert_true(is_writable_at(s, AT));
    assert_false(is_writable_at(s, SHARED_AT) || is_writable_at(s, BACK_AT));
    assert_int_equal(lapse_marks(&s->op, m), LAPSE_WANTED);
    assert_int_equal(lapse_marks(&s->op, back), LAPSE_MARKS);
    assert_int_equal(unpin(s, back), ERR_NONE);
    assert_true(is_table(s, back) && is_table(s, m));
}

/* Its marks move with it. */
static void so_does_compaction(void **state)
{
    struct scene *s = *state;
    mfn_t m = pinned(s), to = scene_frame(s);

    s->us.d.large_shown = true;
    set(s, s->l1, 6, pte_make(m, KWRITE).v); /* it lapses */
    set(s, s->l1, 6, 0);
    assert_int_equal(lapse_marks(&s->op, to), 0);
    move_frame(&s->op, m, scene_entry(s, s->l1, AT), 0, to);
    end(s, "moving it");
    assert_int_equal(lapse_marks(&s->op, to), LAPSE_MARKS);
    assert_true(stores(s, VA));
}

/* --- grants --------------------------------------------------------------- */

/* Ours, granted and mapped by them, and theirs, mapped by us: neither moves. */
static void grants_are_as_ever(void **state)
{
    struct scene *s = *state;
    mfn_t m = scene_they_get(s), own = pinned(s);

    s->us.d.large_shown = s->them.d.large_shown = true;
    assert_int_equal(update(s, s->l1, 6, pte_make(m, KREAD).v), ERR_BUSY);
    lapse_set_marks(&(struct mm_op){.mm = &s->w.mm, .d = &s->them.d}, m,
                    LAPSE_MARKS);
    *scene_entry(s, s->l1, 6) = pte_make(m, KREAD | PTE_US | PTE_GUEST_KERNEL);
    assert_false(lapse_store(&s->op, s->l4, L2_VA)); /* as a grant would be */
    assert_false(lapse_mapped(&s->op, pte_make(m, KWRITE)));
    assert_false(lapse_wanted(&s->op, pte_make(m, KWRITE)));
    *scene_entry(s, s->l1, 6) = pte_of(0);
    assert_true(is_table(s, own));
}

/* --- all at once ---------------------------------------------------------- */

static unsigned setting(const char *name, unsigned otherwise)
{
    const char *s = getenv(name);

    return s ? (unsigned)atoi(s) : otherwise;
}

static void whatever_the_guest_does(void **state)
{
    struct bare b;
    uint64_t lapsed = 0, wanted = 0;

    (void)state;
    for (unsigned seed = 1; seed <= setting("SEEDS", 6); seed++) {
        b = (struct bare){.dice.s = seed * UINT64_C(2654435761) + 1};
        bare_make(&b);
        for (unsigned i = 0; i < setting("STEPS", 3000); i++)
            bare_step(&b);
        print_message("seed %u: %lu lapsed, %lu emulated, %lu plain, %lu "
                      "wanted, %lu refused\n",
                      seed, b.lapsed, b.emulated, b.plain, b.wanted, b.refused);
        lapsed += b.lapsed;
        wanted += b.wanted;
        bare_end(&b);
    }
    assert_true(lapsed > 100 && wanted > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(an_empty_table_lapses_at_the_first_store),
        scene_test(nor_does_it_wait_for_who_has_it_cached),
        scene_test(one_that_is_in_use_does_not),
        scene_test(nor_by_an_entry_that_is_not_the_kernels),
        scene_test(nor_twice),
        scene_test(nor_another_kind),
        scene_test(what_is_not_its_own_stays),
        scene_test(it_lapses_where_it_is_mapped_writable),
        scene_test(but_not_by_its_own_entry),
        scene_test(but_not_while_a_table_is_validated),
        scene_test(a_count_that_is_full_lets_nothing_through),
        scene_test(a_full_table_lapses_when_a_store_takes_it_out),
        scene_test(but_not_while_it_hangs_elsewhere),
        scene_test(nor_when_a_hypercall_does),
        scene_test(what_may_not_be_stored_takes_nothing_out),
        scene_test(it_may_be_put_back),
        scene_test(it_may_be_gone_with_its_entry),
        scene_test(its_marks_go_with_the_frame),
        scene_test(a_shared_table_is_wanted_until_it_is_free),
        scene_test(other_tables_are_refused_as_ever),
        scene_test(what_is_wanted_is_not_had_while_in_use),
        scene_test(an_image_says_so),
        scene_test(but_not_of_descriptors),
        scene_test(relocation_keeps_it),
        scene_test(so_does_compaction),
        scene_test(grants_are_as_ever),
        cmocka_unit_test(whatever_the_guest_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
