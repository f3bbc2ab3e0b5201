/* SPDX-License-Identifier: MIT */
/* bare.c: see bare.h. */
#include "bare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/pv/lapse.h"
#include "simtlb.h"

/*
 * Slots of the L1: one for each frame of the pool, read-only to begin with, one
 * more that is empty, and the tables above.
 */
#define FIRST  16u
#define OTHER  32u
#define UPPER  48u
#define BELOW  8u /* slots of the L2, and of the L3 from 1 on */
#define KREAD  (PTE_P | PTE_NX)
#define KWRITE (KREAD | PTE_RW)

#define say_what(b, ...) snprintf((b)->what, sizeof((b)->what), __VA_ARGS__)

static uint64_t upto(struct bare *b, uint64_t n)
{
    return dice_upto(&b->dice, n);
}

static mfn_t any_frame(struct bare *b)
{
    return b->pool[upto(b, BARE_POOL)];
}

static unsigned any_index(struct bare *b)
{
    static const uint16_t few[] = {0, 1, 2, 8, 9, 10, 511};

    return few[upto(b, ARRAY_SIZE(few))];
}

/* Of the slots above, by what is mapped there or may be. */
static uint64_t any_va(struct bare *b)
{
    const uint64_t n = upto(b, BARE_POOL + 3);
    const unsigned i = any_index(b);

    if (n < BARE_POOL)
        return ((upto(b, 3) ? FIRST : OTHER) + n) << PAGE_SHIFT | i * 8;
    /* Not what all of this hangs from. */
    return (UPPER + upto(b, 2)) << PAGE_SHIFT |
           (i ? i : BELOW + upto(b, BARE_POOL)) * 8;
}

static uint64_t any_entry(struct bare *b)
{
    static const uint64_t flags[] = {KREAD, KWRITE, KERNEL, READ, PTE_P};
    const uint64_t f = flags[upto(b, ARRAY_SIZE(flags))];

    switch (upto(b, 8)) {
    case 0:
        return pte_make(b->s->block, f | PTE_PSE).v;
    case 1:
        return (~pte_make(b->s->block, 0).v & PTE_ADDR) | PTE_PSE | PTE_RW;
    case 2:
        return pte_make(b->s->foreign, f).v;
    case 3:
        return PTE_NX | PTE_RW;
    default:
        return pte_make(upto(b, 3) ? any_frame(b) : b->s->data, f).v;
    }
}

static uint64_t any_value(struct bare *b)
{
    return upto(b, 2) ? 0 : any_entry(b);
}

/* --- stores --------------------------------------------------------------- */

static bool plain(struct bare *b, unsigned cpu, uint64_t va, uint64_t val)
{
    uint64_t *p = simtlb_access(&b->s->us.d, cpu, b->s->l4, va, true);

    if (!p)
        return false;
    *p = val;
    b->plain++;
    return true;
}

/* As hv/trap/ptwr.c does: an instruction that stores 8 bytes. */
static enum err emulate(struct bare *b, uint64_t va, uint64_t val)
{
    struct mm_op *op = &b->s->op;
    struct mmu_entry e;
    enum err rc = mmu_emulate_find(op, b->s->l4, va, &e);

    for (unsigned n = 0; !rc && n < 4; n++) {
        rc = mmu_emulate_write(op, e, mmu_emulate_read(op, e), val);
        if (rc != ERR_RESTART)
            break;
        rc = ERR_NONE;
    }
    b->emulated += !rc;
    return rc;
}

/*
 * What is writable by now is written to, on either CPU: nobody has another
 * translation left.
 */
static enum err store_any(struct bare *b)
{
    const uint64_t va = any_va(b), val = any_value(b);
    const unsigned cpu = (unsigned)upto(b, 2);

    say_what(b, "store %lx to %lx", val, va);
    if (plain(b, cpu, va, val))
        return ERR_NONE;
    if (!lapse_store(&b->s->op, b->s->l4, va))
        return emulate(b, va, val);
    world_done(&b->s->op);
    b->lapsed++;
    assert_true(plain(b, 1 - cpu, va, 0) && plain(b, cpu, va, val));
    return ERR_NONE;
}

/* By way of the tables that hang in the L2: they are cached then. */
static enum err touch_any(struct bare *b)
{
    const uint64_t va = (BELOW + upto(b, BARE_POOL)) << 21 |
                        (uint64_t)any_index(b) << PAGE_SHIFT;

    say_what(b, "touch %lx", va);
    (void)plain(b, (unsigned)upto(b, 2), va, any_value(b));
    return ERR_NONE;
}

/* --- hypercalls ----------------------------------------------------------- */

static enum err pin_any(struct bare *b)
{
    mfn_t m = any_frame(b);
    unsigned level = upto(b, 4) ? 1 : 1 + (unsigned)upto(b, 3);

    say_what(b, "pin %lx as %u", m.v, level);
    return mmu_pin(&b->s->op, m, level);
}

static enum err unpin_any(struct bare *b)
{
    mfn_t m = any_frame(b);

    say_what(b, "unpin %lx", m.v);
    return mmu_unpin(&b->s->op, m);
}

static enum err update_any(struct bare *b)
{
    mfn_t m = any_frame(b);
    const unsigned i = any_index(b);
    const uint64_t val = any_value(b);

    say_what(b, "%lx[%u] = %lx", m.v, i, val);
    return scene_update(b->s, m, i, val);
}

/* A frame of the pool into the L2 or L3, or out of it. */
static enum err hang_any(struct bare *b)
{
    const unsigned n = (unsigned)upto(b, BARE_POOL);
    const uint64_t val = upto(b, 3) ? pte_make(b->pool[n], KERNEL).v : 0;

    say_what(b, "hang %lx, or not", b->pool[n].v);
    if (upto(b, 3))
        return scene_update(b->s, b->s->l2, BELOW + n, val);
    return scene_update(b->s, b->s->l3, 1 + n, val);
}

static enum err map_any(struct bare *b)
{
    static const uint64_t flags[] = {KREAD, KREAD, KWRITE, KERNEL, READ};
    const uint64_t n = upto(b, BARE_POOL);
    const uint64_t slot = (upto(b, 3) ? FIRST : OTHER) + n;
    const uint64_t f = flags[upto(b, ARRAY_SIZE(flags))];
    enum err rc;

    say_what(b, "map %lx with %lx at slot %lu", b->pool[n].v, f, slot);
    rc = mmu_update_va(&b->s->op, slot << PAGE_SHIFT,
                       upto(b, 8) ? pte_make(b->pool[n], f).v : 0);
    b->wanted += !rc && (f & PTE_RW) &&
                 !(scene_entry(b->s, b->s->l1, (unsigned)slot)->v & PTE_RW);
    return rc;
}

static enum err clear_any(struct bare *b)
{
    mfn_t m = any_frame(b);

    say_what(b, "clear %lx", m.v);
    return mmu_clear_page(&b->s->op, m);
}

/* Another one in its place; what refers to it may do so for a while. */
static enum err exchange_any(struct bare *b)
{
    const uint64_t n = upto(b, BARE_POOL);
    enum err rc;

    say_what(b, "give back %lx", b->pool[n].v);
    rc = reservation_decrease(&b->s->op, b->pool[n], 0);
    world_done(&b->s->op);
    if (!rc)
        b->pool[n] = scene_frame(b->s);
    return rc;
}

/* A frame of no use, empty, that the kernel can read: from the beginning. */
static enum err again_any(struct bare *b)
{
    const unsigned n = (unsigned)upto(b, BARE_POOL);
    const pte_t e = pte_make(b->pool[n], KREAD);

    (void)scene_update(b->s, b->s->l1, OTHER + n, 0);
    (void)scene_update(b->s, b->s->l2, BELOW + n, 0);
    (void)scene_update(b->s, b->s->l3, 1 + n, 0);
    (void)mmu_unpin(&b->s->op, b->pool[n]);
    (void)mmu_clear_page(&b->s->op, b->pool[n]);
    say_what(b, "%lx from the beginning", b->pool[n].v);
    return scene_update(b->s, b->s->l1, FIRST + n, e.v);
}

/* --- steps ---------------------------------------------------------------- */

typedef enum err deed_fn(struct bare *b);

static deed_fn *const deeds[] = {
    store_any, store_any, store_any,    store_any, touch_any, pin_any,
    pin_any,   unpin_any, update_any,   hang_any,  hang_any,  map_any,
    map_any,   clear_any, exchange_any, again_any, again_any};

void bare_step(struct bare *b)
{
    enum err rc = deeds[upto(b, ARRAY_SIZE(deeds))](b);
    const char *wrong;

    b->refused += rc != ERR_NONE;
    world_done(&b->s->op);
    wrong = simtlb_check(&b->s->w.mm);
    if (wrong)
        fail_msg("after %s: %s", b->what, wrong);
    world_audit(&b->s->w, b->what);
}

static void map_at(struct bare *b, unsigned slot, mfn_t m)
{
    assert_int_equal(scene_update(b->s, b->s->l1, slot, pte_make(m, KREAD).v),
                     ERR_NONE);
}

void bare_make(struct bare *b)
{
    void *state;

    (void)scene_make(&state);
    b->s = state;
    b->s->us.d.large_shown = upto(b, 8);
    for (unsigned i = 0; i < BARE_POOL; i++) {
        b->pool[i] = scene_frame(b->s);
        map_at(b, FIRST + i, b->pool[i]);
    }
    map_at(b, UPPER, b->s->l2);
    map_at(b, UPPER + 1, b->s->l3);
    world_audit(&b->s->w, "a bare machine");
}

void bare_end(struct bare *b)
{
    void *state = b->s;

    (void)scene_end(&state);
}
