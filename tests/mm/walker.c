/* SPDX-License-Identifier: MIT */
/* walker.c: see walker.h. */
#include "walker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc/quota.h"
#include "mm/pv/lapse.h"
#include "mm/pv/split.h"
#include "mm/pv/supply.h"
#include "mm/resize/compact.h"
#include "mm/resize/report.h"
#include "port.h"
#include "reach.h"
#include "simtlb.h"

#define say_what(k, ...) snprintf((k)->what, sizeof((k)->what), __VA_ARGS__)

static uint64_t upto(struct walker *k, uint64_t n)
{
    return dice_upto(&k->dice, n);
}

/* --- what to operate on -------------------------------------------------- */

/* Mostly our own frames, sometimes what we have no business with. */
static mfn_t any_mfn(struct walker *k)
{
    switch (upto(k, 48)) {
    case 0:
        return mfn_of(upto(k, k->w.mm.nr_frames * 2));
    case 1:
        return mfn_of(~UINT64_C(0) >> upto(k, 30));
    case 2:
        return mfn_of(k->w.mm.nr_frames - upto(k, 3) + 1);
    case 3: /* a whole block of ours, or near it */
        return mfn_of((k->pool[WALKER_POOL - 1].v & ~511ull) + upto(k, 2));
    case 4:
        return mfn_of(upto(k, 64)); /* hypervisor frames */
    default:
        return k->pool[upto(k, WALKER_POOL)];
    }
}

static unsigned any_index(struct walker *k)
{
    static const uint16_t few[] = {0,   1,   511, 0,   1,   511, 0,
                                   1,   511, 0,   1,   511, 2,   255,
                                   256, 257, 270, 271, 272, 510};

    return few[upto(k, ARRAY_SIZE(few))];
}

/* An index of the table, mostly one where something is mapped. */
static unsigned mapped_index(struct walker *k, const pte_t *table)
{
    unsigned i = any_index(k);

    for (unsigned n = 0; table && n < 6 && !pte_present(table[i]); n++)
        i = any_index(k);
    return i;
}

/* Mostly what is mapped under root. */
static uint64_t any_va(struct walker *k, mfn_t root)
{
    const struct mm *mm = &k->w.mm;
    const pte_t *table = mfn_eq(root, MFN_NONE) ? NULL : mm_frame_ptr(mm, root);
    uint64_t va = 0;

    for (unsigned level = PT_LEVELS; level > 0; level--) {
        unsigned i = mapped_index(k, table);

        va |= (uint64_t)i << (PAGE_SHIFT + 9 * (level - 1));
        if (table)
            table = pte_has(table[i], PTE_P | PTE_US) &&
                            mm_mfn_valid(mm, pte_mfn(table[i]))
                        ? mm_frame_ptr(mm, pte_mfn(table[i]))
                        : NULL;
    }
    va |= upto(k, PT_ENTRIES) * sizeof(pte_t);
    return (uint64_t)((int64_t)(va << 16) >> 16);
}

static pte_t any_entry(struct walker *k)
{
    uint64_t flags = PTE_P | PTE_US;

    if (upto(k, 8) == 0)
        flags &= ~PTE_P;
    if (upto(k, 2))
        flags |= PTE_RW;
    if (upto(k, 4) == 0)
        flags &= ~PTE_US; /* the guest's kernel's */
    if (upto(k, 6) == 0)
        flags |= PTE_PSE;
    if (upto(k, 12) == 0)
        flags ^= BIT(upto(k, 64));
    if (upto(k, 10) == 0)
        return pte_of(0);
    return pte_make(any_mfn(k), flags & ~PTE_ADDR);
}

/* The frame's word, or 0 if we have no such frame. */
static uint64_t word_of(struct walker *k, mfn_t m)
{
    struct mm_op op = mm_op_on(&k->us.d, &k->us.v);
    struct frame f;

    if (!frame_owned(&op, m) || !mm_block(op.mm, blk_of_mfn(m))->table)
        return 0;
    f = frame_held(op.mm, m);
    return frame_word(&f);
}

/* A validated table of ours, or whatever. */
static mfn_t any_table(struct walker *k)
{
    mfn_t m = any_mfn(k);

    for (unsigned i = 0; i < 16 && !(word_of(k, m) & FRAME_VALIDATED); i++)
        m = any_mfn(k);
    return m;
}

/* A frame of ours with no use so far, or whatever. */
static mfn_t any_idle(struct walker *k)
{
    mfn_t m = any_mfn(k);

    for (unsigned i = 0; i < 16; i++) {
        uint64_t w = word_of(k, m);

        if ((w & FRAME_ALLOCATED) && frame_count(w) == 0)
            break;
        m = any_mfn(k);
    }
    return m;
}

static enum err update(struct mm_op *op, mfn_t m, unsigned i, pte_t e)
{
    return mmu_update(op, m.v << PAGE_SHIFT | i * sizeof(pte_t), e.v);
}

/* Let the operation be interrupted, maybe. */
static void interrupt(struct walker *k)
{
    switch (upto(k, 6)) {
    case 0:
        host_preempt_every(1 + upto(k, 4));
        break;
    case 1:
        host_preempt_at(1 + upto(k, 4));
        break;
    case 2:
        host_preempt_at(1 + upto(k, 12));
        break;
    default:
        host_preempt_at(0);
    }
}

/* --- operations on page tables ------------------------------------------- */

static enum err update_any(struct walker *k, struct mm_op *op)
{
    mfn_t m = any_mfn(k);
    unsigned i = any_index(k);
    pte_t e = any_entry(k);
    uint64_t cmd = upto(k, 4) ? 0 : upto(k, 5);

    say_what(k, "mmu_update %lx[%u] = %lx, %lu", m.v, i, e.v, cmd);
    return mmu_update(op, m.v << PAGE_SHIFT | i * sizeof(pte_t) | cmd, e.v);
}

/* An entry of a table as it is, but for one bit. */
static enum err flip_any(struct walker *k, struct mm_op *op)
{
    mfn_t m = any_table(k);
    unsigned i = any_index(k), bit = (unsigned)upto(k, 64);
    pte_t e = pte_of(0);

    if (word_of(k, m) & FRAME_VALIDATED)
        e = *((pte_t *)mm_frame_ptr(op->mm, m) + i);
    say_what(k, "flip bit %u of %lx[%u], %lx", bit, m.v, i, e.v);
    return mmu_update(op,
                      m.v << PAGE_SHIFT | i * sizeof(pte_t) |
                          upto(k, 2) * 2, /* MMU_PT_UPDATE_PRESERVE_AD */
                      e.v ^ BIT(bit));
}

static enum err update_list_any(struct walker *k, struct mm_op *op)
{
    struct mmu_request r[6];
    unsigned n = (unsigned)upto(k, 7), done;

    for (unsigned i = 0; i < n; i++) {
        mfn_t m = upto(k, 4) ? any_table(k) : any_mfn(k);

        r[i].ptr = m.v << PAGE_SHIFT | any_index(k) * sizeof(pte_t) |
                   (upto(k, 8) ? 0 : upto(k, 4));
        r[i].val = any_entry(k).v;
    }
    say_what(k, "list of %u updates", n);
    return mmu_update_list(op, r, n, &done);
}

/* An entry that maps, or would map, a table of the same level. */
static enum err linear_any(struct walker *k, struct mm_op *op)
{
    mfn_t m = any_table(k), target = upto(k, 2) ? m : any_table(k);
    uint64_t flags = PTE_P | PTE_US | (upto(k, 8) ? 0 : PTE_RW);

    say_what(k, "linear %lx -> %lx", m.v, target.v);
    return update(op, m, any_index(k), pte_make(target, flags));
}

static enum err update_va_any(struct walker *k, struct mm_op *op)
{
    uint64_t va = any_va(k, op->v->root_kernel);
    pte_t e = any_entry(k);

    say_what(k, "update_va %lx = %lx", va, e.v);
    return mmu_update_va(op, va, e.v);
}

/* The guest may now do it itself, and does. */
static enum err store_again(struct walker *k, struct mm_op *op, uint64_t va)
{
    say_what(k, "store %lx, where a table was let go", va);
    world_done(op);
    (void)simtlb_access(op->d, 0, op->v->root_kernel, va, true);
    k->lapsed++;
    return ERR_NONE;
}

/* As a kernel has a large page invalid for a moment, or a table taken out. */
static uint64_t any_absent(struct walker *k, uint64_t old)
{
    switch (upto(k, 3)) {
    case 0:
        return (~old & PTE_ADDR) | PTE_PSE | PTE_RW;
    case 1:
        return old & ~PTE_P;
    default:
        return 0;
    }
}

/*
 * A store to a page table that the hypervisor carries out; unless it was let
 * go, where the guest knows large pages.
 */
static enum err emulate_at(struct walker *k, struct mm_op *op, uint64_t va)
{
    uint64_t old, val = any_entry(k).v;
    struct mmu_entry e;
    enum err rc = type_finish_deferred(op);

    if (!rc && lapse_store(op, op->v->root_kernel, va))
        return store_again(k, op, va);
    if (!rc)
        rc = mmu_emulate_find(op, op->v->root_kernel, va, &e);
    if (rc)
        return rc;
    old = mmu_emulate_read(op, e);
    if (upto(k, 4) == 0)
        val = upto(k, 2) ? old ^ BIT(upto(k, 64)) : any_absent(k, old);
    if (upto(k, 8) == 0)
        old ^= PTE_A; /* the processor was faster */
    say_what(k, "emulate %lx: %lx[%u] = %lx", va, e.table.v, e.i, val);
    return mmu_emulate_write(op, e, old, val);
}

static enum err emulate_any(struct walker *k, struct mm_op *op)
{
    return emulate_at(k, op, any_va(k, op->v->root_kernel));
}

/* A new L1, empty or not, pinned, and hung in some L2 or not. */
static enum err pin_new(struct walker *k, struct mm_op *op, mfn_t m)
{
    enum err rc = mmu_clear_page(op, m);

    if (!rc)
        rc = mmu_pin(op, m, 1);
    if (!rc && upto(k, 2))
        rc = update(op, m, any_index(k), any_entry(k));
    if (!rc && upto(k, 3) == 0)
        rc = update(op, any_table(k), any_index(k),
                    pte_make(m, PTE_P | PTE_RW | PTE_US));
    return rc;
}

/* A table that the guest's kernel can store to, and does. */
static enum err let_go_any(struct walker *k, struct mm_op *op)
{
    uint64_t va = any_va(k, op->v->root_kernel);
    const bool fresh = upto(k, 2);
    mfn_t m = fresh ? any_idle(k) : any_table(k);
    enum err rc = type_finish_deferred(op);

    say_what(k, "table %lx at %lx", m.v, va);
    if (!rc && fresh)
        rc = pin_new(k, op, m);
    if (!rc)
        rc = mmu_update_va(op, va, pte_make(m, PTE_P).v);
    if (!rc && upto(k, 4) == 0) /* wanted before its time */
        rc = mmu_update_va(op, va, pte_make(m, PTE_P | PTE_RW).v);
    return rc ? rc : emulate_at(k, op, va);
}

/* What is written is whatever makes trouble as an entry. */
static void touch(struct walker *k, struct mm_op *op, mfn_t root)
{
    uint64_t va = any_va(k, root);
    bool write = upto(k, 2);
    uint64_t *p =
        simtlb_access(op->d, (unsigned)upto(k, SIMTLB_CPUS), root, va, write);

    say_what(k, "%s %lx on root %lx", write ? "write" : "read", va, root.v);
    if (p && write)
        *p = any_entry(k).v;
    k->touched += p != NULL;
    k->faulted += p == NULL;
}

static enum err touch_any(struct walker *k, struct mm_op *op)
{
    mfn_t root = upto(k, 8) ? op->v->root_kernel : op->v->root_user;

    for (unsigned n = 1 + (unsigned)upto(k, 8); n > 0; n--)
        touch(k, op, root);
    return ERR_NONE;
}

/*
 * The hypervisor itself, in the middle of an operation, reads lists at all
 * that is cached, whether it is still mapped or not, and writes a result.
 */
static void hypervisor_touches(struct walker *k, struct mm_op *op)
{
    mfn_t root = op->v->root_kernel;
    uint64_t *p;

    for (unsigned n = 0; n < SIMTLB_LEAVES; n++)
        k->reached += reach(op->d, root, simtlb_cached_va(n), false) != NULL;
    p = reach(op->d, root, any_va(k, root), true);
    if (p)
        *p = any_entry(k).v;
    k->reached += p != NULL;
}

/* A tree of tables, put together in unused frames as a guest does it. */
static void build(struct walker *k, struct mm_op *op, mfn_t *top,
                  unsigned level)
{
    for (unsigned l = 1; l <= level; l++) {
        mfn_t below = *top, t = any_idle(k);
        unsigned n = (unsigned)upto(k, 4);

        if (upto(k, 8))
            (void)mmu_clear_page(op, t);
        for (unsigned i = 0; i <= n; i++) {
            uint64_t flags =
                PTE_P | PTE_US | (l > 1 || !upto(k, 3) ? PTE_RW : 0);
            mfn_t to = l == 1 ? any_idle(k) : below;

            if (upto(k, 64) == 0)
                to = any_mfn(k);
            (void)update(op, t, any_index(k), pte_make(to, flags));
            world_done(op);
        }
        *top = t;
    }
}

/* Where a new tree goes: pinned, hooked into another table, or made a root. */
static enum err plant(struct walker *k, struct mm_op *op, mfn_t top,
                      unsigned level)
{
    if (level == 4)
        return upto(k, 3) ? mmu_new_baseptr(op, top)
                          : mmu_new_user_baseptr(op, top);
    return upto(k, 2) ? mmu_pin(op, top, level)
                      : update(op, any_table(k), any_index(k),
                               pte_make(top, PTE_P | PTE_RW | PTE_US));
}

static enum err tree_any(struct walker *k, struct mm_op *op)
{
    unsigned level = upto(k, 2) ? 4 : 1 + (unsigned)upto(k, 3);
    mfn_t top = any_mfn(k);
    enum err rc;

    build(k, op, &top, level);
    say_what(k, "tree of %u levels at %lx", level, top.v);
    do { /* most guests go on, as they should */
        interrupt(k);
        rc = plant(k, op, top, level);
        world_done(op);
        k->restarted += rc == ERR_RESTART;
    } while (rc == ERR_RESTART && upto(k, 8));
    return rc;
}

static enum err pin_any(struct walker *k, struct mm_op *op)
{
    mfn_t m = any_mfn(k);
    unsigned level = 1 + (unsigned)upto(k, 4);

    if (upto(k, 2)) {
        say_what(k, "unpin %lx", m.v);
        return mmu_unpin(op, m);
    }
    say_what(k, "pin L%u %lx", level, m.v);
    return mmu_pin(op, m, level);
}

static enum err base_any(struct walker *k, struct mm_op *op)
{
    mfn_t m = upto(k, 16) ? any_table(k) : any_mfn(k);

    say_what(k, "baseptr %lx", m.v);
    if (upto(k, 3) == 0)
        return mmu_new_user_baseptr(op, upto(k, 3) ? m : mfn_of(0));
    return mmu_new_baseptr(op, m);
}

/* --- operations on memory ------------------------------------------------ */

static enum err segment_any(struct walker *k, struct mm_op *op)
{
    mfn_t m = any_mfn(k);
    uint64_t offset = upto(k, 8) * 8 + (upto(k, 16) == 0);

    say_what(k, "descriptors %lx", m.v);
    switch (upto(k, 4)) {
    case 0:
        return mmu_update_descriptor(op, maddr_of(m.v << PAGE_SHIFT | offset),
                                     upto(k, 2) ? BIT(47) | upto(k, 32) << 40
                                                : 0);
    case 1:
        return mmu_info_load(op, m);
    case 2:
        return mmu_seg_load(op, (unsigned)upto(k, MM_SEG_SLOTS), MFN_NONE);
    default:
        return mmu_seg_load(op, (unsigned)upto(k, MM_SEG_SLOTS), m);
    }
}

static enum err balloon_any(struct walker *k, struct mm_op *op)
{
    static const uint8_t orders[] = {0, 0, 0, 0, 1, 2, 3, 8, 9, 9, 9, 10};
    unsigned slot = (unsigned)upto(k, WALKER_POOL);
    unsigned order = orders[upto(k, ARRAY_SIZE(orders))];
    mfn_t m = any_mfn(k);
    enum err rc;

    if (upto(k, 2)) {
        if (order == 9 && upto(k, 4))
            m.v &= ~UINT64_C(511);
        say_what(k, "decrease %lx, order %u", m.v, order);
        return reservation_decrease(op, m, order);
    }
    say_what(k, "increase, order %u", order);
    rc = reservation_increase(op, upto(k, 2) ? pfn_of(slot) : PFN_NONE, order,
                              &m);
    if (!rc)
        k->pool[order == 9 ? WALKER_POOL - 1 - slot % 2 : slot] = m;
    return rc;
}

/* Single frames by the list, a few of them twice or not ours. */
static enum err balloon_list_any(struct walker *k, struct mm_op *op)
{
    unsigned n = (unsigned)upto(k, 12), slot = (unsigned)upto(k, 20), done = 0;
    mfn_t m[12];
    pfn_t pfn[12];
    enum err rc;

    for (unsigned i = 0; i < n; i++) {
        m[i] = upto(k, 3) ? any_idle(k) : any_mfn(k);
        pfn[i] = upto(k, 2) ? pfn_of(slot + i) : PFN_NONE;
    }
    say_what(k, "list of %u frames", n);
    if (upto(k, 2))
        return reservation_decrease_list(op, m, n, &done);
    rc = reservation_increase_list(op, pfn, m, n, &done);
    for (unsigned i = 0; i < done; i++)
        k->pool[slot + i % 19] = m[i];
    return rc;
}

static enum err exchange_any(struct walker *k, struct mm_op *op)
{
    unsigned slot = (unsigned)upto(k, WALKER_POOL);
    mfn_t in[4] = {k->pool[slot], any_idle(k), any_idle(k), any_idle(k)};
    mfn_t out[4];
    pfn_t pfn[4] = {pfn_of(1), pfn_of(2), pfn_of(3), PFN_NONE};
    struct reservation_exchange x = {
        .in = in, .out = out, .out_pfn = pfn, .n_in = 1 + (unsigned)upto(k, 4)};
    enum err rc;

    x.n_out = x.n_in;
    if (upto(k, 4) == 0) {
        x.in_order = x.out_order = (unsigned)upto(k, 11);
    } else if (upto(k, 4) == 0) { /* pairs */
        x.n_out = x.n_in / 2;
        x.out_order = 1;
    }
    say_what(k, "exchange %u of order %u from %lx", x.n_in, x.in_order,
             in[0].v);
    rc = reservation_exchange(op, &x);
    if (!rc && x.n_out)
        k->pool[slot] = out[0];
    return rc;
}

/* The other guest takes frames, or gives some of its own back. */
static enum err neighbour(struct walker *k, struct mm_op *op)
{
    struct mm_op its = mm_op_on(&k->them.d, &k->them.v);
    static const pfn_t pfn[WALKER_THEIRS];
    unsigned n = (unsigned)upto(k, WALKER_THEIRS), done = 0;
    enum err rc;

    (void)op;
    say_what(k, "the other guest's %u frames", n);
    if (k->nr_theirs + n > WALKER_THEIRS) {
        k->nr_theirs -= n = MIN(n, k->nr_theirs);
        rc =
            reservation_decrease_list(&its, k->theirs + k->nr_theirs, n, &done);
        assert_int_equal(done, n);
    } else {
        rc = reservation_increase_list(&its, pfn, k->theirs + k->nr_theirs, n,
                                       &done);
        k->nr_theirs += done;
        if (done)
            k->pool[0] = k->theirs[upto(k, k->nr_theirs)];
    }
    world_done(&its);
    return rc;
}

static enum err supply_any(struct walker *k, struct mm_op *op)
{
    mfn_t m = any_mfn(k);
    enum err rc;

    if (supply_is(op, m) && upto(k, 2)) {
        say_what(k, "take the supplied %lx back", m.v);
        return supply_put(op, m) ? ERR_NONE : ERR_BUSY;
    }
    say_what(k, "supply");
    rc = k->us.d.supplied < 4 ? supply_get(op, &m) : ERR_NOMEM;
    if (!rc)
        k->pool[2 + upto(k, WALKER_POOL - 4)] = m;
    return rc;
}

static enum err super_any(struct walker *k, struct mm_op *op)
{
    mfn_t block = k->pool[WALKER_POOL - 1 - upto(k, 2)];
    mfn_t m = upto(k, 6) ? mfn_of(block.v & ~UINT64_C(511)) : any_mfn(k);

    switch (upto(k, 4)) {
    case 0:
        say_what(k, "mark %lx", m.v);
        return mmu_mark_super(op, m);
    case 1:
        say_what(k, "unmark %lx", m.v);
        return mmu_unmark_super(op, m);
    default:
        say_what(k, "superpage %lx", m.v);
        return update(
            op, any_table(k), any_index(k),
            pte_make(m, PTE_P | PTE_US | PTE_PSE | (upto(k, 3) ? PTE_RW : 0)));
    }
}

static enum err content_any(struct walker *k, struct mm_op *op)
{
    mfn_t m = any_mfn(k), from = any_mfn(k);

    say_what(k, "clear or copy %lx", m.v);
    return upto(k, 2) ? mmu_clear_page(op, m) : mmu_copy_page(op, m, from);
}

/* Move the attention to a member of a whole block of ours. */
static enum err look_elsewhere(struct walker *k, struct mm_op *op)
{
    mfn_t block = k->pool[WALKER_POOL - 1 - upto(k, 2)];
    mfn_t m = mfn_of((block.v & ~UINT64_C(511)) + upto(k, 512));

    say_what(k, "nothing");
    if (upto(k, 8) == 0)
        (void)frame_trim(&k->w.mm, upto(k, 20));
    if (frame_owned(op, m))
        k->pool[upto(k, WALKER_POOL - 2)] = m;
    return ERR_NONE;
}

/* --- operations on the size of mappings ---------------------------------- */

/* An entry of an L2 or L3 table, large or not; or any address at all. */
static maddr_t any_upper_entry(struct walker *k, bool large)
{
    mfn_t m = any_table(k);
    unsigned i = any_index(k);

    for (unsigned n = 0; n < 32; n++) {
        uint64_t w = word_of(k, m);
        const pte_t *e = NULL;

        if ((w & FRAME_VALIDATED) &&
            (frame_type(w) == FRAME_L2 || frame_type(w) == FRAME_L3))
            e = (const pte_t *)mm_frame_ptr(&k->w.mm, m) + i;
        if (e && pte_present(*e) && large == !!(e->v & PTE_PSE))
            break;
        m = any_table(k);
        i = any_index(k);
    }
    return maddr_of(m.v << PAGE_SHIFT | i * sizeof(pte_t) |
                    (upto(k, 32) ? 0 : upto(k, 8)));
}

static enum err join_at(struct walker *k, struct mm_op *op, maddr_t at)
{
    mfn_t t = MFN_NONE;
    enum err rc = join(op, at, &t);

    k->joined += !rc;
    return rc;
}

static enum err split_any(struct walker *k, struct mm_op *op)
{
    mfn_t t = any_idle(k), block = k->pool[WALKER_POOL - 1 - upto(k, 2)];
    maddr_t at = any_upper_entry(k, upto(k, 2));
    enum err rc;

    block.v &= ~UINT64_C(511);
    if (upto(k, 2)) /* see that there is one */
        (void)mmu_update(op, at.v & ~UINT64_C(7),
                         pte_make(block, PTE_P | PTE_PSE | PTE_RW).v);
    say_what(k, "split %lx into %lx", at.v, t.v);
    rc = split(op, at, t);
    k->split += !rc;
    if (rc || upto(k, 2))
        return rc;
    world_done(op);
    (void)touch_any(k, op);
    say_what(k, "split %lx into %lx and join it", at.v, t.v);
    return join_at(k, op, at);
}

static enum err join_any(struct walker *k, struct mm_op *op)
{
    maddr_t at = any_upper_entry(k, false);

    say_what(k, "join %lx", at.v);
    return join_at(k, op, at);
}

/* 1 GiB: of the region we have, or had, or of anything. */
static enum err any_1g(struct walker *k, struct mm_op *op)
{
    mfn_t m =
        mfn_eq(k->region, MFN_NONE) || upto(k, 8) == 0 ? any_mfn(k) : k->region;
    uint64_t rw = upto(k, 3) ? PTE_RW : 0;
    maddr_t at = any_upper_entry(k, upto(k, 2));
    mfn_t t = any_idle(k);

    if (upto(k, 16) == 0) /* one of its frames may go its own way */
        k->pool[1 + upto(k, WALKER_POOL - 3)] =
            mfn_add(m, upto(k, REGION_BLOCKS * BLOCK_FRAMES));
    say_what(k, "region %lx at %lx, split into %lx", m.v, at.v, t.v);
    if (upto(k, 3) == 0)
        return mmu_update(op, at.v & ~UINT64_C(7), 0);
    if (mmu_update(op, at.v & ~UINT64_C(7),
                   pte_make(m, PTE_P | PTE_PSE | rw).v) == ERR_NONE)
        k->pages_1g += frame_type(word_of(k, mfn_of_maddr(at))) == FRAME_L3;
    if (upto(k, 3) == 0)
        (void)touch_any(k, op);
    if (upto(k, 3) == 0)
        return ERR_NONE;
    return split(op, at, t) || upto(k, 3) == 0 ? ERR_INVAL : join_at(k, op, at);
}

/* 512 frames of no order, and one for the table; all or none. */
static enum err get_scattered(struct mm_op *op, mfn_t frame[BLOCK_FRAMES + 1])
{
    pfn_t pfn[BLOCK_FRAMES + 1];
    unsigned done, undone;
    enum err rc;

    for (unsigned i = 0; i <= BLOCK_FRAMES; i++)
        pfn[i] = pfn_of(10000 + i);
    rc = reservation_increase_list(op, pfn, frame, BLOCK_FRAMES + 1, &done);
    if (rc)
        (void)reservation_decrease_list(op, frame, done, &undone);
    return rc;
}

static uint64_t *first_word(struct walker *k, mfn_t m)
{
    return mm_frame_ptr(&k->w.mm, m);
}

/* frame[i] in the ith entry of frame[512], in an order that is none. */
static void fill_scattered(struct walker *k, const mfn_t *frame)
{
    uint64_t rw = upto(k, 4) ? PTE_RW : 0, twist = upto(k, 8) ? 1 : 0;

    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        *first_word(k, frame[i]) = i;
        ((pte_t *)mm_frame_ptr(&k->w.mm, frame[BLOCK_FRAMES]))[i ^ twist] =
            pte_make(frame[i], PTE_P | PTE_US | rw);
    }
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        *first_word(k, frame[i]) = i ^ twist;
}

/* The block is in the pool from now on, or goes at once. */
static void keep_block(struct walker *k, struct mm_op *op, mfn_t first,
                       maddr_t at)
{
    mfn_t *slot = &k->pool[WALKER_POOL - 1 - upto(k, 2)];

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        assert_int_equal(*first_word(k, mfn_add(first, i)), i);
    if (upto(k, 2)) {
        (void)reservation_decrease(op, mfn_of(slot->v & ~UINT64_C(511)), 9);
        *slot = first;
        return;
    }
    (void)mmu_update(op, at.v, 0);
    (void)reservation_decrease(op, first, 9);
}

static enum err heal_any(struct walker *k, struct mm_op *op)
{
    static mfn_t frame[BLOCK_FRAMES + 1];
    maddr_t at = any_upper_entry(k, upto(k, 2));
    mfn_t first, table = MFN_NONE;
    unsigned undone;
    enum err rc;

    say_what(k, "heal %lx", at.v);
    if (upto(k, 4) == 0)
        return heal(op, at, &first, &table);
    rc = get_scattered(op, frame);
    if (rc)
        return rc;
    world_done(op); /* what was freed before may be among them */
    fill_scattered(k, frame);
    rc = mmu_update(op, at.v, pte_make(frame[BLOCK_FRAMES], PTE_P | PTE_RW).v);
    if (!rc && upto(k, 8) == 0) /* another reference */
        (void)mmu_pin(op, upto(k, 2) ? frame[512] : frame[7], 1);
    if (!rc)
        rc = heal(op, at, &first, &table);
    if (!rc) {
        k->healed++;
        world_done(op);
        keep_block(k, op, first, at);
        (void)reservation_decrease(op, frame[BLOCK_FRAMES], 0);
        return rc;
    }
    (void)mmu_update(op, at.v, 0);
    (void)mmu_unpin(op, frame[512]);
    (void)mmu_unpin(op, frame[7]);
    (void)reservation_decrease_list(op, frame, BLOCK_FRAMES + 1, &undone);
    return rc;
}

/* An entry of an L1 table that maps something, and what. */
static maddr_t any_mapping(struct walker *k, mfn_t *m)
{
    for (unsigned n = 0; n < 16; n++) {
        mfn_t t = any_table(k);
        unsigned i = any_index(k);
        uint64_t w = word_of(k, t);
        pte_t e;

        if (!(w & FRAME_VALIDATED) || frame_type(w) != FRAME_L1)
            continue;
        e = ((pte_t *)mm_frame_ptr(&k->w.mm, t))[i];
        if (!pte_present(e))
            continue;
        *m = pte_mfn(e);
        return maddr_of(t.v << PAGE_SHIFT | i * sizeof(pte_t));
    }
    return maddr_of(0);
}

static enum err compact_any(struct walker *k, struct mm_op *op)
{
    mfn_t m = upto(k, 2) ? any_idle(k) : any_mfn(k), was;
    maddr_t at = upto(k, 2) ? any_mapping(k, &m) : maddr_of(0);
    enum err rc;

    if (upto(k, 16) == 0)
        m = any_mfn(k);
    was = m;
    say_what(k, "compact %lx, %lx", m.v, at.v);
    rc = compact_move(op, &m, at);
    if (mfn_eq(m, was))
        return rc;
    k->moved++;
    for (unsigned i = 1; i < WALKER_POOL; i++)
        if (mfn_eq(k->pool[i], was))
            k->pool[i] = m;
    return rc;
}

/* --- blocks reported as free ---------------------------------------------- */

/*
 * What of the domain a report changes, but not what an operation before it had
 * left to finish, which may free frames; the credit is kept here besides.
 */
struct held {
    uint64_t pages, blocks, not_back;
    bool left;
};

static struct held held_by(const struct mm_op *op)
{
    const struct mm_domain *d = op->d;

    return (struct held){d->tot_pages, d->blocks, d->not_back,
                         type_has_deferred(op)};
}

static void must_hold(const struct walker *k, const struct mm_op *op,
                      struct held want)
{
    struct held is = held_by(op);

    if (!want.left && (is.pages != want.pages || is.blocks != want.blocks ||
                       is.not_back != want.not_back))
        fail_msg("after %s: %lu pages, %lu blocks, %lu times none; should be "
                 "%lu, %lu, %lu",
                 k->what, is.pages, is.blocks, is.not_back, want.pages,
                 want.blocks, want.not_back);
}

static bool own_block(const struct mm_op *op, mfn_t m)
{
    return m.v % BLOCK_FRAMES == 0 && mm_mfn_valid(op->mm, m) &&
           block_owned_by(mm_block(op->mm, blk_of_mfn(m))->word, op->d->id);
}

/* One of its own, whole, goes, and is not its own at once; no other does. */
static enum err report_one(struct walker *k, struct mm_op *op, mfn_t m)
{
    bool own = own_block(op, m);
    struct held was = held_by(op);
    enum err rc;

    say_what(k, "report %lx", m.v);
    rc = report_free(op, m);
    if (rc == ERR_NONE) {
        assert_true((own || was.left) && !own_block(op, m));
        was.pages -= BLOCK_FRAMES;
        was.blocks--;
        k->credit++;
        k->reported++;
    } else if (!was.left) {
        assert_int_equal(rc, own ? ERR_BUSY : ERR_INVAL);
    }
    must_hold(k, op, was);
    return rc;
}

/* Nothing of what it was, or of whom, can be read in it. */
static void must_be_zero(const struct walker *k, mfn_t first)
{
    const uint8_t *p = mm_frame_ptr(&k->w.mm, first);

    if (p[0] || memcmp(p, p + 1, BLOCK_SIZE - 1))
        fail_msg("after %s: %lx is not zero", k->what, first.v);
}

static enum err take_back(struct walker *k, struct mm_op *op)
{
    uint64_t pfn = upto(k, 2) ? upto(k, 64) * BLOCK_FRAMES : PFN_NONE.v;
    struct held was = held_by(op);
    mfn_t m = MFN_NONE;
    enum err rc;

    say_what(k, "take a block back, pfn %lx", pfn);
    rc = report_take_back(op, pfn_of(pfn), &m);
    assert_int_equal(rc == ERR_NOENT, k->credit == 0);
    if (rc == ERR_NONE) {
        assert_true(own_block(op, m));
        must_be_zero(k, m);
        was.pages += BLOCK_FRAMES;
        was.blocks++;
        k->credit--;
        k->pool[WALKER_POOL - 1 - upto(k, 2)] = m;
    } else if (k->credit && rc != ERR_RESTART) {
        assert_int_equal(rc, ERR_NOMEM);
        was.not_back++;
    }
    must_hold(k, op, was);
    return rc;
}

/* While maxmem is as small as it may be, or so; the audit looks at it. */
static enum err take_back_with_less(struct walker *k, struct mm_op *op)
{
    const uint64_t most = op->d->max_pages, less = most - upto(k, most / 2);
    enum err rc;

    if (!quota_may_be(op->d, less))
        return ERR_INVAL;
    op->d->max_pages = less;
    rc = take_back(k, op);
    world_done(op);
    world_audit(&k->w, k->what);
    op->d->max_pages = most;
    return rc;
}

static enum err report_any(struct walker *k, struct mm_op *op)
{
    mfn_t m = k->pool[WALKER_POOL - 1 - upto(k, 2)];

    if (upto(k, 4) == 0)
        return take_back_with_less(k, op);
    if (upto(k, 2))
        return take_back(k, op);
    m.v &= ~UINT64_C(511);
    switch (upto(k, 6)) {
    case 0:
        m = any_mfn(k);
        break;
    case 1: /* one that nothing can refer to yet */
        (void)reservation_increase(op, PFN_NONE, 9, &m);
        break;
    default:
        break;
    }
    return report_one(k, op, m);
}

/* --- a step -------------------------------------------------------------- */

typedef enum err action_fn(struct walker *k, struct mm_op *op);

static action_fn *const actions[] = {
    update_any,       update_any,      update_any,      flip_any,
    flip_any,         linear_any,      update_va_any,   tree_any,
    tree_any,         tree_any,        emulate_any,     touch_any,
    touch_any,        touch_any,       touch_any,       pin_any,
    pin_any,          base_any,        segment_any,     balloon_any,
    balloon_list_any, update_list_any, update_list_any, exchange_any,
    super_any,        super_any,       content_any,     look_elsewhere,
    neighbour,        supply_any,      split_any,       split_any,
    join_any,         heal_any,        compact_any,     compact_any,
    any_1g,           report_any,      let_go_any,      let_go_any,
};

static void count(struct walker *k, enum err rc)
{
    k->done += rc == ERR_NONE;
    k->restarted += rc == ERR_RESTART;
    k->no_memory += rc == ERR_NOMEM;
    k->refused += rc != ERR_NONE && rc != ERR_RESTART && rc != ERR_NOMEM;
}

void walker_act(struct walker *k)
{
    struct mm_vcpu *v = upto(k, WALKER_VCPUS) ? &k->second : &k->us.v;
    struct mm_op op = mm_op_on(&k->us.d, v);
    action_fn *action = actions[upto(k, ARRAY_SIZE(actions))];
    enum err rc;

    interrupt(k);
    k->w.mm.alloc.fail_in = upto(k, 16) ? 0 : 1 + upto(k, 3);
    rc = action(k, &op);
    host_preempt_at(0);
    k->w.mm.alloc.fail_in = 0;
    if (upto(k, 4) == 0)
        hypervisor_touches(k, &op);
    world_done(&op);
    assert_int_equal(k->us.d.reported, k->credit); /* others leave it alone */
    count(k, rc);
}

void walker_step(struct walker *k)
{
    const char *wrong;

    walker_act(k);
    wrong = reach_wrong();
    if (wrong)
        fail_msg("after %s: %s", k->what, wrong);
    world_audit(&k->w, k->what);
}

/* --- begin and end ------------------------------------------------------- */

static void fill_pool(struct walker *k)
{
    struct mm_op op = mm_op_on(&k->us.d, &k->us.v);
    blk_t b;

    for (unsigned i = 0; i < WALKER_POOL - 2; i++) {
        assert_int_equal(dmem_chunk_get(&op, 0, &k->pool[i]), ERR_NONE);
        memset(mm_frame_ptr(&k->w.mm, k->pool[i]), 0, PAGE_SIZE);
    }
    for (unsigned i = 1; i <= 2; i++) {
        assert_int_equal(dmem_block_get(&op, &b), ERR_NONE);
        k->pool[WALKER_POOL - i] = mfn_of_blk(b);
    }
    assert_int_equal(dmem_fixed_get(&op, &k->pool[1]), ERR_NONE);
    op = mm_op_on(&k->them.d, &k->them.v);
    assert_int_equal(dmem_block_get(&op, &b), ERR_NONE);
    k->pool[0] = mfn_of_blk(b); /* not ours */
    world_audit(&k->w, "filling the pool");
}

static void make(struct walker *k, uint64_t blocks, uint64_t max_pages)
{
    world_make(&k->w, blocks);
    k->region = MFN_NONE;
    world_domain(&k->w, &k->us, 1, max_pages);
    world_domain(&k->w, &k->them, 2, 4 * BLOCK_FRAMES);
    dmem_vcpu_init(&k->us.d, &k->second);
    k->us.d.large_shown = upto(k, 2);
    k->us.d.relinquish = upto(k, 2) ? RELINQUISH_CUT : RELINQUISH_KEEP;
    k->them.d.relinquish = upto(k, 2) ? RELINQUISH_CUT : RELINQUISH_KEEP;
    k->us.d.large_shown = k->us.d.relinquish == RELINQUISH_KEEP &&
                          k->them.d.relinquish == RELINQUISH_KEEP;
    fill_pool(k);
}

void walker_make(struct walker *k)
{
    make(k, 16, 8 * BLOCK_FRAMES);
}

void walker_make_1g(struct walker *k)
{
    struct mm_op op;
    blk_t b;

    make(k, 2 * REGION_BLOCKS + 16, (REGION_BLOCKS + 8) * BLOCK_FRAMES);
    k->w.mm.pages_1g = true;
    op = mm_op_on(&k->us.d, &k->us.v);
    assert_int_equal(dmem_region_get_dirty(&op, &b), ERR_NONE);
    k->region = mfn_of_blk(b);
}

static void destroy(struct walker *k, struct world_domain *x)
{
    struct mm_op op = mm_op_on(&x->d, &x->v);
    enum err rc;

    do {
        host_preempt_every(1 + upto(k, 9));
        rc = dmem_domain_destroy(&op);
        host_preempt_at(0);
        world_done(&op);
        world_audit(&k->w, "part of a destruction");
    } while (rc == ERR_RESTART);
    assert_int_equal(rc, ERR_NONE);
}

void walker_end(struct walker *k)
{
    destroy(k, &k->us);
    destroy(k, &k->them);
    world_end(&k->w);
}
