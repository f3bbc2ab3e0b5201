/* SPDX-License-Identifier: MIT */
/*
 * split.c: one large entry into a table of 512, and back.
 *
 * Both sides of the change map the same memory with the same rights. The new
 * side has all its references before the entry is stored, the old side gives
 * its own up after: so what the processor can reach is accounted for at every
 * moment. In between the entry is not present and is flushed (resize.h), which
 * the other vCPUs do not notice (absent.h); it is taken away by
 * compare-and-swap, because the processor may set accessed and dirty bits until
 * then.
 */
#include "mm/pv/split.h"

#include "flagstone/flagstone.h"
#include "mm/alloc/range.h"
#include "mm/pv/absent.h"
#include "mm/pv/pte_ref.h"
#include "mm/pv/super.h"
#include "mm/pv/supply.h"

/* What a table's 512 entries map, each. */
static uint64_t step_of(unsigned level)
{
    return UINT64_C(1) << (PAGE_SHIFT + 9 * (level - 2));
}

/* --- split ---------------------------------------------------------------- */

/*
 * The first of the 512. A small entry is not made global: nobody has said
 * that the user's address spaces have it too, so it is marked as the kernel's.
 */
static pte_t first_small(pte_t large, unsigned level)
{
    if (level > 2)
        return large;
    return pte_of((large.v & ~PTE_PSE) | PTE_GUEST_KERNEL);
}

static void fill(const struct mm_op *op, const struct frame *t, pte_t first,
                 uint64_t step)
{
    pte_t *e = mm_frame_ptr(op->mm, t->mfn);

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        WRITE_ONCE(e[i].v, first.v + i * step);
}

/*
 * Can each frame of the block take the references of a small entry? Owner
 * and type fit, since the block is mapped as a superpage. ERR_NOMEM.
 */
static enum err find_room(const struct mm_op *op, pte_t large)
{
    struct frame f;
    uint64_t all = 0;
    enum err rc = frame_find(op, pte_mfn(large), &f);

    if (rc)
        return rc;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        all |= atomic_load_explicit(&f.table->word[i], memory_order_relaxed);
    return all & FRAME_FULL ? ERR_INVAL : ERR_NONE;
}

/* What is in no exclusive use becomes, or is, writable. */
static bool hold_writable(uint64_t *w)
{
    *w = (*w & ~(FRAME_TYPE_MASK | FRAME_VALIDATED)) |
         frame_type_bits(FRAME_WRITABLE);
    *w += FRAME_REF_ONE + FRAME_COUNT_ONE;
    return true;
}

static bool hold(uint64_t *w)
{
    *w += FRAME_REF_ONE;
    return true;
}

/*
 * What 512 small entries hold. All frames are the domain's and none has an
 * exclusive type, or the block would not be mapped; find_room() has been there.
 */
static void hold_frames(struct mm_op *op, pte_t large)
{
    struct frame f = frame_held(op->mm, pte_mfn(large));

    ASSERT(!(f.block->word & BLOCK_SMALL_USE));
    if (large.v & PTE_RW) {
        for (f.i = 0; f.i < BLOCK_FRAMES; f.i++)
            (void)frame_try(&f, hold_writable);
    } else {
        for (f.i = 0; f.i < BLOCK_FRAMES; f.i++)
            (void)frame_try(&f, hold);
    }
}

/*
 * The entry's references become those of its 512 parts. A part of a region is
 * a superpage mapping of its block, which the region's entry held already.
 */
static void divide_holds(struct mm_op *op, pte_t large, unsigned level)
{
    if (level > 2) {
        op->d->super_maps += PT_ENTRIES - 1;
        return;
    }
    super_put(op, large);
}

static enum err reserve_table(struct mm_op *op, mfn_t m, unsigned level,
                              struct frame *out)
{
    enum err rc = frame_find(op, m, out);

    if (rc)
        return rc == ERR_NOMEM ? rc : ERR_INVAL;
    return type_reserve(op, out, (enum frame_type)level);
}

static enum err split_check(struct mm_op *op, maddr_t entry, struct pte_ref *p)
{
    enum err rc = type_finish_deferred(op);

    if (!rc)
        rc = pte_ref_find(op, entry, p);
    if (rc)
        return rc;
    if (p->at.level == 1 || p->at.level == 4 || !pte_has(p->e, PTE_P | PTE_PSE))
        return ERR_INVAL;
    return p->at.level == 2 ? find_room(op, p->e) : ERR_NONE;
}

/*
 * Not present, and flushed (resize.h). p->e: what was there at the end, with
 * the accessed and dirty bits that the processor set until then.
 */
static void clear_ref(struct mm_op *op, struct pte_ref *p)
{
    absent_begin(op);
    while (!pte_ref_swap(p, pte_of(0)))
        ;
    type_flush_now(op);
}

/* The opposite. */
static void set_ref(struct mm_op *op, const struct pte_ref *p, pte_t new)
{
    WRITE_ONCE(p->slot->v, new.v);
    absent_end(op);
}

enum err split(struct mm_op *op, maddr_t entry, mfn_t table)
{
    struct pte_ref p;
    struct frame t;
    unsigned level;
    enum err rc = split_check(op, entry, &p);

    if (rc)
        return rc;
    level = p.at.level;
    rc = reserve_table(op, table, level - 1, &t);
    if (rc)
        return rc;
    if (level == 2)
        hold_frames(op, p.e);
    type_commit(op, &t, (enum frame_type)(level - 1));
    clear_ref(op, &p);
    fill(op, &t, first_small(p.e, level), step_of(level));
    set_ref(op, &p, pte_make(table, PTE_P | PTE_RW | PTE_US | PTE_A));
    divide_holds(op, p.e, level);
    return ERR_NONE;
}

/* --- join ----------------------------------------------------------------- */

/*
 * The large entry for what the table maps, the rights being those that both
 * levels grant. Accessed and dirty are left for gather().
 */
static pte_t large_for(pte_t above, pte_t first)
{
    uint64_t v = first.v & ~(PTE_A | PTE_D | PTE_G | PTE_GUEST_KERNEL);

    v |= above.v & PTE_AVL & ~FLAGSTONE_PTE_SHATTERED;
    v |= above.v & PTE_NX;
    if (!(above.v & PTE_RW))
        v &= ~PTE_RW;
    return pte_of(v | PTE_PSE);
}

bool split_in_order(const pte_t *e, unsigned level)
{
    const uint64_t first = READ_ONCE(e[0].v), step = step_of(level);
    const uint64_t large = step * PT_ENTRIES - 1, ad = PTE_A | PTE_D;
    uint64_t differ = 0;

    if (!(first & PTE_P) || (first & PTE_ADDR & large) ||
        (level > 2 && !(first & PTE_PSE)))
        return false;
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        differ |= READ_ONCE(e[i].v) ^ (first + i * step);
    return !(differ & ~ad);
}

/* Accessed and dirty bits of what was mapped small, which is flushed. */
static void gather(const struct pte_ref *p, const pte_t *e)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        all |= READ_ONCE(e[i].v);
    atomic_fetch_or((_Atomic uint64_t *)(void *)p->slot, all & (PTE_A | PTE_D));
}

enum err split_find_table(struct mm_op *op, maddr_t entry, struct pte_ref *p,
                          pte_t **table)
{
    struct frame f;
    enum err rc = pte_ref_find(op, entry, p);

    if (rc)
        return rc;
    if (p->at.level == 1 || p->at.level == 4 || !pte_present(p->e) ||
        (p->e.v & PTE_PSE))
        return ERR_INVAL;
    f = frame_held(op->mm, pte_mfn(p->e));
    if ((unsigned)frame_type(frame_word(&f)) != p->at.level - 1)
        return ERR_INVAL; /* linear */
    *table = mm_frame_ptr(op->mm, f.mfn);
    return ERR_NONE;
}

enum err split_join_at(struct mm_op *op, struct pte_ref *p, const pte_t *small,
                       mfn_t *table)
{
    pte_t large = large_for(p->e, pte_of(READ_ONCE(small[0].v)));
    mfn_t m = pte_mfn(p->e);
    enum err rc;

    if (!super_allowed(op, p->at.level))
        return ERR_INVAL;
    rc = entry_get(op, &p->at, large);
    if (rc)
        return rc == ERR_INVAL ? ERR_BUSY : rc;
    clear_ref(op, p);
    set_ref(op, p, entry_adjust(large, p->at.level));
    gather(p, small);
    type_put_deferred(op, m);
    if (p->at.level == 2)
        (void)range_remove(op->d, pfn_of(op->mm->m2p[pte_mfn(large).v]));
    *table = supply_is(op, m) && supply_put(op, m) ? MFN_NONE : m;
    return ERR_NONE;
}

enum err join(struct mm_op *op, maddr_t entry, mfn_t *table)
{
    struct pte_ref p;
    pte_t *small;
    enum err rc = type_finish_deferred(op);

    if (!rc)
        rc = split_find_table(op, entry, &p, &small);
    if (!rc && !split_in_order(small, p.at.level))
        rc = ERR_INVAL;
    return rc ? rc : split_join_at(op, &p, small, table);
}
