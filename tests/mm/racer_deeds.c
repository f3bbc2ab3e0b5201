/* SPDX-License-Identifier: MIT */
/* racer_deeds.c: see racer.h: what a guest that is alone in its operation
 * does, and what a new one is given. */
#include "racer_deeds.h"

#include <string.h>

#include "mm/pv/lapse.h"
#include "mm/pv/split.h"
#include "mm/pv/supply.h"
#include "mm/resize/compact.h"
#include "mm/resize/report.h"
#include "simtlb.h"

#define KERNEL (PTE_P | PTE_RW | PTE_US)
#define READ   (PTE_P | PTE_US)
/* Where the first frames of whole blocks are in a pool. */
#define WHOLE (RACER_POOL - 3)

static uint64_t upto(struct racer *r, uint64_t n)
{
    return dice_upto(r->dice, n);
}

/* --- what to operate on --------------------------------------------------- */

static mfn_t pool_at(struct racer_domain *x, unsigned i)
{
    return mfn_of(atomic_load_explicit(&x->pool[i], memory_order_relaxed));
}

static void pool_set(struct racer_domain *x, unsigned i, mfn_t m)
{
    atomic_store_explicit(&x->pool[i], m.v, memory_order_relaxed);
}

static mfn_t block_mfn(struct racer *r)
{
    return mfn_of(pool_at(r->x, WHOLE + (unsigned)upto(r, 3)).v & ~511ull);
}

mfn_t racer_mfn(struct racer *r)
{
    switch (upto(r, 40)) {
    case 0:
        return mfn_of(upto(r, racer_world.mm.nr_frames * 2));
    case 1: /* of another, maybe */
        return pool_at(&racer_domains[upto(r, racer_plan->domains)],
                       (unsigned)upto(r, RACER_POOL));
    case 2:
        return mfn_add(block_mfn(r), upto(r, 4));
    case 3:
        return mfn_of(upto(r, 64));
    default:
        return pool_at(r->x, (unsigned)upto(r, RACER_POOL));
    }
}

static unsigned any_index(struct racer *r)
{
    static const uint16_t few[] = {0, 1, 2, 3, 255, 511, 0, 1, 2, 3, 256, 271};

    return few[upto(r, ARRAY_SIZE(few))];
}

pte_t racer_entry(struct racer *r)
{
    uint64_t flags = PTE_P | PTE_US | (upto(r, 2) ? PTE_RW : 0);

    if (upto(r, 10) == 0)
        return pte_of(0);
    if (upto(r, 4) == 0)
        flags &= ~PTE_US; /* the guest's kernel's */
    if (upto(r, 8) == 0)
        flags |= PTE_PSE;
    if (upto(r, 16) == 0)
        flags ^= BIT(upto(r, 10));
    return pte_of(racer_tagged(r->x, pte_make(racer_mfn(r), flags).v));
}

/* The frame's word, or 0 if we have no such frame. */
static uint64_t word_of(const struct mm_op *op, mfn_t m)
{
    struct frame f;

    return frame_find_worded(op, m, &f) ? frame_word(&f) : 0;
}

/* A validated table of this level (0: any) of ours, or whatever. */
static mfn_t any_table(struct racer *r, const struct mm_op *op, unsigned level)
{
    mfn_t m = racer_mfn(r);

    for (unsigned i = 0; i < 24; i++) {
        uint64_t w = word_of(op, m);

        if ((w & FRAME_VALIDATED) &&
            (!level || (unsigned)frame_type(w) == level))
            break;
        m = racer_mfn(r);
    }
    return m;
}

static mfn_t any_idle(struct racer *r, const struct mm_op *op)
{
    mfn_t m = racer_mfn(r);

    for (unsigned i = 0; i < 16; i++) {
        uint64_t w = word_of(op, m);

        if ((w & FRAME_ALLOCATED) && frame_count(w) == 0)
            break;
        m = racer_mfn(r);
    }
    return m;
}

static enum err update(struct racer *r, struct mm_op *op, mfn_t m, unsigned i,
                       uint64_t val)
{
    return mmu_update(op, m.v << PAGE_SHIFT | i * sizeof(pte_t),
                      val ? racer_tagged(r->x, val) : 0);
}

/* The guest runs in between: the operation ends, and another one begins. */
static void between(struct racer *r, struct mm_op *op)
{
    struct mm_op was = *op;

    mm_op_end(op);
    cpus_serve();
    racer_guest(r);
    mm_op_begin(op, was.d, was.v);
}

/* Frames that came: nobody else has written there since. */
static void came(struct racer *r, mfn_t m, unsigned n)
{
    static const uint16_t at[] = {0, 1, 2, 3, 255, 511};

    for (unsigned i = 0; i < n; i++) {
        const uint64_t *p = mm_frame_ptr(&racer_world.mm, mfn_add(m, i));

        for (unsigned k = 0; k < ARRAY_SIZE(at); k++)
            racer_check_word(r->x, racer_load(p + at[k]));
    }
}

/* --- page tables ---------------------------------------------------------- */

static enum err update_any(struct racer *r, struct mm_op *op)
{
    mfn_t m = any_table(r, op, upto(r, 4) ? 1 : 0);
    uint64_t cmd = upto(r, 4) ? 0 : upto(r, 5);

    return mmu_update(op,
                      m.v << PAGE_SHIFT | any_index(r) * sizeof(pte_t) | cmd,
                      racer_entry(r).v);
}

static enum err map_any(struct racer *r, struct mm_op *op)
{
    return update(r, op, any_table(r, op, 1), any_index(r),
                  pte_make(racer_mfn(r), upto(r, 4) ? KERNEL : READ).v);
}

static enum err unmap_any(struct racer *r, struct mm_op *op)
{
    return update(r, op, any_table(r, op, upto(r, 8) ? 1 : 0), any_index(r), 0);
}

static enum err flip_any(struct racer *r, struct mm_op *op)
{
    mfn_t m = any_table(r, op, 0);
    unsigned i = any_index(r);
    uint64_t e = 0, bit = upto(r, 3) ? PTE_RW : BIT(upto(r, 64));

    if (word_of(op, m) & FRAME_VALIDATED)
        e = racer_load((uint64_t *)mm_frame_ptr(op->mm, m) + i);
    return mmu_update(op,
                      m.v << PAGE_SHIFT | i * sizeof(pte_t) | upto(r, 2) * 2,
                      racer_tagged(r->x, e ^ bit));
}

static enum err list_any(struct racer *r, struct mm_op *op)
{
    struct mmu_request q[6];
    unsigned n = (unsigned)upto(r, 7), done;
    mfn_t m = any_table(r, op, 1);

    for (unsigned i = 0; i < n; i++) {
        if (upto(r, 4) == 0)
            m = any_table(r, op, 0);
        q[i].ptr = m.v << PAGE_SHIFT | any_index(r) * sizeof(pte_t);
        q[i].val = racer_entry(r).v;
    }
    return mmu_update_list(op, q, n, &done);
}

static enum err va_any(struct racer *r, struct mm_op *op)
{
    return mmu_update_va(op, cpus_va(r->dice), racer_entry(r).v);
}

/* A store to a page table that the hypervisor carries out. */
static enum err emulate_any(struct racer *r, struct mm_op *op)
{
    uint64_t va = cpus_va(r->dice) + any_index(r) * 8, old;
    struct mmu_entry e;
    enum err rc = type_finish_deferred(op);

    if (!rc && lapse_store(op, op->v->root_kernel, va))
        return ERR_NONE; /* the guest may do it itself, and will */
    if (!rc)
        rc = mmu_emulate_find(op, op->v->root_kernel, va, &e);
    for (unsigned n = 0; !rc && n < 8; n++) {
        old = mmu_emulate_read(op, e);
        rc = mmu_emulate_write(op, e, old, upto(r, 3) ? racer_entry(r).v : 0);
        if (rc != ERR_RESTART)
            break;
        rc = ERR_NONE;
    }
    return rc;
}

static enum err pin_any(struct racer *r, struct mm_op *op)
{
    mfn_t m = upto(r, 2) ? any_table(r, op, 0) : racer_mfn(r);
    uint64_t w = word_of(op, m);

    if (w & FRAME_PINNED)
        return mmu_unpin(op, m);
    return mmu_pin(op, m,
                   (w & FRAME_VALIDATED) && frame_is_table(frame_type(w))
                       ? (unsigned)frame_type(w)
                       : 1 + (unsigned)upto(r, 4));
}

static enum err base_any(struct racer *r, struct mm_op *op)
{
    mfn_t m = any_table(r, op, 4);

    if (upto(r, 4) == 0)
        return mmu_new_user_baseptr(op, upto(r, 3) ? m : mfn_of(0));
    return mmu_new_baseptr(op, m);
}

/*
 * A frame that was mapped, and written to, becomes a table, and is mapped
 * again: what the others' TLBs have of it must not last.
 */
static enum err retype(struct racer *r, struct mm_op *op)
{
    mfn_t l1 = any_table(r, op, 1), m = any_idle(r, op);
    unsigned i = any_index(r), level = 1 + (unsigned)(upto(r, 4) == 0);
    enum err rc = update(r, op, l1, i, pte_make(m, KERNEL).v);

    if (rc)
        return rc;
    between(r, op);
    rc = update(r, op, l1, i, 0);
    if (upto(r, 4) == 0)
        between(r, op);
    if (!rc && upto(r, 2))
        rc = mmu_clear_page(op, m);
    if (!rc)
        rc = upto(r, 4) ? mmu_pin(op, m, level)
                        : mmu_seg_load(op, (unsigned)upto(r, MM_SEG_SLOTS), m);
    if (rc)
        return rc;
    if (level == 1)
        (void)update(r, op, m, any_index(r), pte_make(any_idle(r, op), READ).v);
    between(r, op);
    rc = mmu_unpin(op, m);
    return rc ? rc : update(r, op, l1, i, pte_make(m, KERNEL).v);
}

/* A tree of tables in unused frames, pinned, hooked in, or made a root. */
static enum err tree_any(struct racer *r, struct mm_op *op)
{
    unsigned level = upto(r, 2) ? 4 : 1 + (unsigned)upto(r, 3);
    mfn_t top = any_idle(r, op);
    enum err rc;

    for (unsigned l = 1; l <= level; l++) {
        mfn_t below = top, t = any_idle(r, op);

        if (mmu_clear_page(op, t))
            return ERR_BUSY;
        for (unsigned n = (unsigned)upto(r, 4); n > 0; n--)
            (void)update(r, op, t, any_index(r), pte_make(below, KERNEL).v);
        top = t;
        if (upto(r, 8) == 0)
            between(r, op);
    }
    do {
        if (level < 4 && upto(r, 2))
            rc = update(r, op, any_table(r, op, level + 1), any_index(r),
                        pte_make(top, KERNEL).v);
        else
            rc = mmu_pin(op, top, level);
        if (rc == ERR_RESTART)
            between(r, op);
    } while (rc == ERR_RESTART && upto(r, 8));
    return rc || level < 4 ? rc : mmu_new_baseptr(op, top);
}

/* What leads from its root to an address, as far as it is not there. */
static enum err mend(struct racer *r, struct mm_op *op)
{
    uint64_t va = cpus_va(r->dice);
    mfn_t t = op->v->root_kernel;
    enum err rc = ERR_NONE;

    if (mfn_eq(t, MFN_NONE))
        return mmu_new_baseptr(op, any_table(r, op, 4));
    for (unsigned level = PT_LEVELS; level > 0 && !rc; level--) {
        unsigned i = pt_index(va, level);
        pte_t e = pte_of(racer_load((uint64_t *)mm_frame_ptr(op->mm, t) + i));
        mfn_t below = level > 1 && upto(r, 4) ? any_table(r, op, level - 1)
                                              : any_idle(r, op);

        if (pte_present(e) && (e.v & PTE_PSE) && level > 1)
            break;
        if (!pte_present(e) && level > 1 &&
            !(word_of(op, below) & FRAME_VALIDATED))
            rc = mmu_clear_page(op, below);
        if (!pte_present(e) && !rc)
            rc = update(r, op, t, i, pte_make(below, KERNEL).v);
        t = pte_present(e) ? pte_mfn(e) : below;
    }
    return rc;
}

/* --- memory --------------------------------------------------------------- */

static enum err out_any(struct racer *r, struct mm_op *op)
{
    mfn_t m = upto(r, 3) ? any_idle(r, op) : racer_mfn(r);

    return reservation_decrease(op, m, upto(r, 8) ? 0 : (unsigned)upto(r, 4));
}

/* It is mapped, written to, unmapped, and given away at once. */
static enum err map_and_out(struct racer *r, struct mm_op *op)
{
    mfn_t l1 = any_table(r, op, 1), m = any_idle(r, op);
    unsigned i = any_index(r);
    enum err rc = update(r, op, l1, i, pte_make(m, KERNEL).v);

    if (rc)
        return rc;
    between(r, op);
    rc = reservation_decrease(op, m, 0);
    if (rc || upto(r, 2))
        return rc;
    between(r, op);
    return update(r, op, l1, i, 0);
}

static enum err in_any(struct racer *r, struct mm_op *op)
{
    static const pfn_t none[12];
    unsigned n = 1 + (unsigned)upto(r, 12), done, at = (unsigned)upto(r, WHOLE);
    mfn_t m[12];
    enum err rc = reservation_increase_list(op, none, m, n, &done);

    for (unsigned i = 0; i < done; i++) {
        came(r, m[i], 1);
        pool_set(r->x, (at + i) % WHOLE, m[i]);
    }
    return rc;
}

/* All of them, or as many as there are: a block at most comes in one go. */
static enum err in_all(struct mm_op *op, mfn_t *m, unsigned n, unsigned *done)
{
    static const pfn_t none[WHOLE > BLOCK_FRAMES ? WHOLE : BLOCK_FRAMES];
    enum err rc = ERR_NONE;
    unsigned some;

    for (*done = 0; *done < n && !rc; *done += some)
        rc = reservation_increase_list(op, none, m + *done, n - *done, &some);
    return rc;
}

static enum err out_list_any(struct racer *r, struct mm_op *op)
{
    unsigned n = 1 + (unsigned)upto(r, 12), done;
    mfn_t m[12];

    for (unsigned i = 0; i < n; i++)
        m[i] = any_idle(r, op);
    return reservation_decrease_list(op, m, n, &done);
}

static enum err chunk_any(struct racer *r, struct mm_op *op)
{
    unsigned order = (unsigned)upto(r, 4);
    mfn_t m;
    enum err rc = reservation_increase(op, PFN_NONE, order, &m);

    if (rc)
        return rc;
    came(r, m, 1u << order);
    pool_set(r->x, (unsigned)upto(r, WHOLE), m);
    return rc;
}

static enum err block_in(struct racer *r, struct mm_op *op)
{
    mfn_t m;
    enum err rc = upto(r, 3) ? reservation_increase(op, PFN_NONE, 9, &m)
                             : report_take_back(op, PFN_NONE, &m);

    if (rc)
        return rc;
    came(r, m, BLOCK_FRAMES);
    pool_set(r->x, WHOLE + (unsigned)upto(r, 3), m);
    return rc;
}

static enum err block_out(struct racer *r, struct mm_op *op)
{
    mfn_t m = block_mfn(r);

    return upto(r, 2) ? report_free(op, m) : reservation_decrease(op, m, 9);
}

static enum err exchange_any(struct racer *r, struct mm_op *op)
{
    unsigned slot = (unsigned)upto(r, WHOLE), n = 1 + (unsigned)upto(r, 4);
    mfn_t in[4] = {any_idle(r, op), any_idle(r, op), any_idle(r, op),
                   any_idle(r, op)};
    mfn_t out[4];
    const pfn_t pfn[4] = {PFN_NONE, PFN_NONE, PFN_NONE, PFN_NONE};
    const struct reservation_exchange x = {
        .in = in, .out = out, .out_pfn = pfn, .n_in = n, .n_out = n};
    enum err rc = reservation_exchange(op, &x);

    for (unsigned i = 0; !rc && i < n; i++) {
        came(r, out[i], 1);
        pool_set(r->x, (slot + i) % WHOLE, out[i]);
    }
    return rc;
}

static enum err content_any(struct racer *r, struct mm_op *op)
{
    return upto(r, 2) ? mmu_clear_page(op, racer_mfn(r))
                      : mmu_copy_page(op, racer_mfn(r), racer_mfn(r));
}

static enum err segment_any(struct racer *r, struct mm_op *op)
{
    mfn_t m = any_idle(r, op);

    if (upto(r, 3) == 0)
        return mmu_update_descriptor(op, maddr_of(m.v << PAGE_SHIFT), 0);
    return mmu_seg_load(op, (unsigned)upto(r, MM_SEG_SLOTS),
                        upto(r, 2) ? m : MFN_NONE);
}

static enum err supply_any(struct racer *r, struct mm_op *op)
{
    mfn_t m = racer_mfn(r);
    enum err rc;

    if (supply_is(op, m))
        return supply_put(op, m) ? ERR_NONE : ERR_BUSY;
    rc = op->d->supplied < 4 ? supply_get(op, &m) : ERR_NOMEM;
    if (!rc)
        pool_set(r->x, (unsigned)upto(r, WHOLE), m);
    return rc;
}

static enum err compact_any(struct racer *r, struct mm_op *op)
{
    mfn_t m = any_idle(r, op), was = m;
    enum err rc = compact_move(op, &m, maddr_of(0));

    for (unsigned i = 0; i < WHOLE; i++)
        if (mfn_eq(pool_at(r->x, i), was))
            pool_set(r->x, i, m);
    return rc;
}

/* A frame of a whole block loses its word, and is a table next. */
static enum err use_and_trim(struct racer *r, struct mm_op *op)
{
    mfn_t l1 = any_table(r, op, 1), m = mfn_add(block_mfn(r), upto(r, 4));
    unsigned i = (unsigned)upto(r, 3);
    struct mm_op was = *op;
    enum err rc = update(r, op, l1, i, pte_make(m, KERNEL).v);

    if (rc)
        return rc;
    mm_op_end(op);
    for (unsigned n = 0; n < 40; n++)
        (void)simtlb_translate(&r->x->d, r->cpu, cpus_root(), cpus_va(r->dice),
                               true);
    mm_op_begin(op, was.d, was.v);
    rc = update(r, op, l1, i, 0);
    mm_op_end(op);
    lock_get(&cpus_hv_lock);
    (void)frame_trim(&racer_world.mm, racer_world.mm.nr_blocks);
    lock_put(&cpus_hv_lock);
    mm_op_begin(op, was.d, was.v);
    if (!rc)
        rc = mmu_pin(op, m, 1);
    if (rc)
        return rc;
    between(r, op);
    return mmu_unpin(op, m);
}

/* --- superpages ----------------------------------------------------------- */

static maddr_t upper_entry(struct racer *r, const struct mm_op *op)
{
    mfn_t m = any_table(r, op, 2);

    return maddr_of(m.v << PAGE_SHIFT | any_index(r) * sizeof(pte_t));
}

static enum err super_any(struct racer *r, struct mm_op *op)
{
    mfn_t m = upto(r, 6) ? block_mfn(r) : racer_mfn(r);

    switch (upto(r, 6)) {
    case 0:
        return mmu_mark_super(op, m);
    case 1:
        return mmu_unmark_super(op, m);
    default:
        return update(r, op, any_table(r, op, 2), any_index(r),
                      pte_make(m, KERNEL | PTE_PSE).v);
    }
}

/* It is mapped large, written to, unmapped, and used in some other way. */
static enum err super_and_out(struct racer *r, struct mm_op *op)
{
    maddr_t at = upper_entry(r, op);
    mfn_t m = block_mfn(r);
    enum err rc = update(r, op, mfn_of_maddr(at), at.v % PAGE_SIZE / 8,
                         pte_make(m, KERNEL | PTE_PSE).v);

    if (rc)
        return rc;
    between(r, op);
    rc = mmu_update(op, at.v, 0);
    if (rc || upto(r, 3) == 0)
        return rc;
    switch (upto(r, 3)) {
    case 0:
        return mmu_pin(op, mfn_add(m, upto(r, 4)), 1);
    case 1:
        return reservation_decrease(op, mfn_add(m, upto(r, 4)), 0);
    default:
        return reservation_decrease(op, m, 9);
    }
}

/* A tree of nothing but tables, the lowest being t, at the addresses that
 * guests use. */
static enum err plant(struct racer *r, struct mm_op *op, mfn_t t, mfn_t *root)
{
    mfn_t below = t;

    for (unsigned level = 1; level <= PT_LEVELS; level++) {
        enum err rc = mmu_clear_page(op, t);

        for (unsigned i = 0; i < 2 && !rc; i++)
            rc = update(r, op, t, i,
                        pte_make(level > 1 ? below : any_idle(r, op),
                                 level > 1 ? KERNEL : READ)
                            .v);
        if (rc)
            return rc;
        below = *root = t;
        t = any_idle(r, op);
    }
    return ERR_NONE;
}

/*
 * A table of a tree that is left again lies in a block that is mapped large
 * next: no entry has gone, but walks may have come by there.
 */
static enum err tree_and_super(struct racer *r, struct mm_op *op)
{
    mfn_t was = op->v->root_kernel, m = block_mfn(r), root = was;
    enum err rc = reservation_increase(op, PFN_NONE, 9, &m);

    if (!rc)
        pool_set(r->x, WHOLE + (unsigned)upto(r, 3), m);
    rc = plant(r, op, mfn_add(m, upto(r, 4)), &root);
    if (!rc)
        rc = mmu_new_baseptr(op, root);
    if (rc || mfn_eq(was, MFN_NONE))
        return rc;
    mm_op_end(op);
    for (unsigned n = 0; n < 40; n++)
        simtlb_fetch(&r->x->d, r->cpu, root, cpus_va(r->dice));
    mm_op_begin(op, &r->x->d, &r->x->v[r->cpu]);
    rc = mmu_new_baseptr(op, was);
    return rc ? rc
              : update(r, op, any_table(r, op, 2), any_index(r),
                       pte_make(m, KERNEL | PTE_PSE).v);
}

static enum err split_any(struct racer *r, struct mm_op *op)
{
    maddr_t at = upper_entry(r, op);
    mfn_t t;
    enum err rc = split(op, at, any_idle(r, op));

    if (rc || upto(r, 3) == 0)
        return rc;
    between(r, op);
    return join(op, at, &t);
}

static enum err join_any(struct racer *r, struct mm_op *op)
{
    mfn_t t, first = MFN_NONE;
    maddr_t at = upper_entry(r, op);
    enum err rc;

    if (upto(r, 2))
        return join(op, at, &t);
    rc = heal(op, at, &first, &t);
    if (!rc)
        pool_set(r->x, WHOLE + (unsigned)upto(r, 3), first);
    return rc;
}

/* A table of 512 frames in no order, healed; all of it goes again. */
static enum err heal_any(struct racer *r, struct mm_op *op)
{
    maddr_t at = upper_entry(r, op);
    mfn_t m[BLOCK_FRAMES], t = any_idle(r, op), first;
    unsigned done, undone;
    enum err rc;

    if (upto(r, 8))
        return ERR_BUSY; /* it takes long */
    if (!frame_owned(op, t))
        return ERR_INVAL;
    rc = mmu_clear_page(op, t);
    if (rc)
        return rc;
    rc = in_all(op, m, BLOCK_FRAMES, &done);
    for (unsigned i = 0; !rc && i < BLOCK_FRAMES; i++)
        rc = update(r, op, t, i, pte_make(m[i ^ 1], KERNEL).v);
    if (!rc)
        rc = mmu_update(op, at.v, pte_make(t, KERNEL).v);
    if (!rc) {
        between(r, op);
        rc = heal(op, at, &first, &t);
        if (!rc)
            pool_set(r->x, WHOLE + (unsigned)upto(r, 3), first);
    }
    (void)mmu_update(op, at.v, 0);
    (void)reservation_decrease_list(op, m, done, &undone);
    return rc;
}

/* --- a deed --------------------------------------------------------------- */

struct deed {
    const char *name;
    enum err (*fn)(struct racer *r, struct mm_op *op);
    unsigned weight;
};

#define DEED(fn, weight)                                                       \
    {                                                                          \
#fn, fn, weight                                                        \
    }

static const struct deed deeds[] = {
    DEED(update_any, 4),     DEED(map_any, 6),      DEED(unmap_any, 4),
    DEED(flip_any, 3),       DEED(list_any, 4),     DEED(va_any, 4),
    DEED(emulate_any, 4),    DEED(pin_any, 3),      DEED(base_any, 4),
    DEED(retype, 8),         DEED(mend, 16),        DEED(tree_any, 3),
    DEED(out_any, 3),        DEED(map_and_out, 8),  DEED(in_any, 6),
    DEED(out_list_any, 2),   DEED(chunk_any, 2),    DEED(block_in, 2),
    DEED(block_out, 2),      DEED(exchange_any, 2), DEED(content_any, 2),
    DEED(segment_any, 2),    DEED(supply_any, 1),   DEED(compact_any, 1),
    DEED(super_any, 4),      DEED(use_and_trim, 4), DEED(super_and_out, 5),
    DEED(tree_and_super, 4), DEED(split_any, 3),    DEED(join_any, 1),
    DEED(heal_any, 1),
};

static const struct deed *any_deed(struct racer *r)
{
    unsigned all = 0, n;

    for (unsigned i = 0; i < ARRAY_SIZE(deeds); i++)
        all += deeds[i].weight;
    n = (unsigned)upto(r, all);
    for (unsigned i = 0;; i++) {
        if (n < deeds[i].weight)
            return &deeds[i];
        n -= deeds[i].weight;
    }
}

void racer_deed(struct racer *r)
{
    const struct deed *deed = any_deed(r);
    struct mm_op op;
    enum err rc;

    if (racer_plan->grants && upto(r, 4) == 0) {
        racer_grant_deed(r);
        return;
    }
    r->what = deed->name;
    cpus_preempt(upto(r, 3) ? 0 : 1 + (unsigned)upto(r, 8));
    mm_op_begin(&op, &r->x->d, &r->x->v[r->cpu]);
    racer_check_tlb(r);
    rc = deed->fn(r, &op);
    mm_op_end(&op);
    cpus_preempt(0);
    r->n.done += rc == ERR_NONE;
    r->n.restarted += rc == ERR_RESTART;
    r->n.no_memory += rc == ERR_NOMEM;
    r->n.refused += rc != ERR_NONE && rc != ERR_RESTART && rc != ERR_NOMEM;
}

/* --- a new domain --------------------------------------------------------- */

static uint64_t *entry(const struct mm_op *op, mfn_t t, unsigned i)
{
    return (uint64_t *)mm_frame_ptr(op->mm, t) + i;
}

static void put_entry(struct racer_domain *x, const struct mm_op *op, mfn_t t,
                      unsigned i, mfn_t m, uint64_t flags)
{
    racer_store(entry(op, t, i), racer_tagged(x, pte_make(m, flags).v));
}

/* In the pool: 0, 1 L1 tables, 2 L2, 3 L3, 4 the first root; then data. */
static void furnish_tree(struct racer_domain *x, struct mm_op *op)
{
    static const uint16_t at[] = {0, 1, 2};
    mfn_t l2 = pool_at(x, 2), l3 = pool_at(x, 3);

    for (unsigned k = 0; k < 2; k++) {
        for (unsigned i = 0; i < ARRAY_SIZE(at); i++)
            put_entry(x, op, pool_at(x, k), at[i], pool_at(x, 10 + 3 * k + i),
                      KERNEL);
        put_entry(x, op, pool_at(x, k), 3, pool_at(x, 0), READ);
        put_entry(x, op, pool_at(x, k), 255, pool_at(x, 1), READ);
        put_entry(x, op, l2, k, pool_at(x, k), KERNEL);
    }
    put_entry(x, op, l2, 2, pool_at(x, WHOLE), KERNEL | PTE_PSE);
    put_entry(x, op, l3, 0, l2, KERNEL);
    put_entry(x, op, l3, 1, l2, KERNEL);
    for (unsigned c = 0; c < racer_plan->cpus; c++) {
        mfn_t root = pool_at(x, 4 + c);
        struct mm_op on = mm_op_as(op, &x->v[c]);

        put_entry(x, op, root, 0, l3, KERNEL);
        put_entry(x, op, root, 511, l3, KERNEL);
        if (c > 0) /* the others go when they are left */
            (void)mmu_pin(op, root, 4);
        (void)mmu_new_baseptr(&on, root);
    }
}

/* Where memory is short it has less. */
void racer_furnish(struct racer_domain *x, struct mm_op *op)
{
    mfn_t m[RACER_POOL];
    unsigned done;
    blk_t b;

    for (unsigned i = 0; i < RACER_POOL; i++)
        pool_set(x, i, mfn_of(i));
    for (unsigned i = WHOLE; i < RACER_POOL; i++)
        if (!dmem_block_get(op, &b))
            pool_set(x, i, mfn_of_blk(b));
    if (in_all(op, m, WHOLE, &done))
        return;
    for (unsigned i = 0; i < done; i++)
        pool_set(x, i, m[i]);
    furnish_tree(x, op);
}
