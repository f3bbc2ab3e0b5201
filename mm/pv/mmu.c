/* SPDX-License-Identifier: MIT */
/*
 * mmu.c: changing one entry of a validated table.
 *
 * The order is always: references of the new entry, the store, references of
 * the old entry. So what the processor can reach is accounted for at every
 * moment, and an error leaves everything as it was.
 */
#include "mm/pv/mmu.h"

#include "mm/pv/mmu_fast.h"

#include "mm/pv/absent.h"
#include "mm/pv/lapse.h"
#include "mm/pv/resize.h"
#include "mm/pv/super.h"

enum store_how {
    STORE_PLAIN,
    STORE_KEEP_AD, /* accessed and dirty bits set meanwhile stay */
    STORE_IF_SAME, /* only if the entry still is what was read */
};

enum {
    MMU_CMD_NORMAL,
    MMU_CMD_MACHPHYS,
    MMU_CMD_PRESERVE_AD,
    MMU_CMD_NO_TRANSLATE
};

static bool store(pte_t *slot, pte_t old, pte_t new, enum store_how how)
{
    _Atomic uint64_t *p = (_Atomic uint64_t *)(void *)slot;

    if (likely(how == STORE_PLAIN)) {
        atomic_store_explicit(p, new.v, memory_order_release);
        return true;
    }
    if (how == STORE_IF_SAME)
        return atomic_compare_exchange_strong(p, &old.v, new.v);
    /* Only A and D can change under the lock: the processor sets them. */
    while (!atomic_compare_exchange_weak(p, &old.v,
                                         new.v | (old.v & (PTE_A | PTE_D))))
        ;
    return true;
}

/*
 * The entry is to be writable. Without its RW bit where that has to wait
 * (lapse.h): what becomes of *new is what is stored.
 */
static enum err grant_rw(struct mm_op *op, pte_t *new)
{
    enum err rc = entry_make_writable(op, *new);

    if (rc == ERR_BUSY && lapse_mapped(op, *new))
        rc = entry_make_writable(op, *new);
    if (rc == ERR_BUSY && lapse_wanted(op, *new)) {
        *new = pte_of(new->v & ~PTE_RW);
        rc = ERR_NONE;
    }
    return rc;
}

/* Same frame, other RW: the general reference stays where it is. */
static enum err flip_rw(struct mm_op *op, pte_t *slot, pte_t old, pte_t new,
                        enum store_how how)
{
    enum err rc = new.v &PTE_RW ? grant_rw(op, &new) : ERR_NONE;

    if (rc)
        return rc;
    if (!store(slot, old, entry_adjust(new, 1), how)) {
        if (new.v & PTE_RW)
            entry_make_readonly(op, new);
        return ERR_RESTART;
    }
    if (old.v & ~new.v & PTE_RW)
        entry_make_readonly(op, new);
    return ERR_NONE;
}

/*
 * The entry comes to lead to pages of another size: it is not present until
 * all CPUs have forgotten the first. false: it has changed meanwhile.
 */
static bool store_resized(struct mm_op *op, pte_t *slot, pte_t old, pte_t new,
                          enum store_how how)
{
    _Atomic uint64_t *p = (_Atomic uint64_t *)(void *)slot;

    absent_begin(op);
    while (!atomic_compare_exchange_strong(p, &old.v, 0)) {
        if (how == STORE_IF_SAME) {
            absent_end(op);
            return false;
        }
    }
    type_flush_now(op);
    (void)store(slot, pte_of(0), new, STORE_PLAIN);
    absent_end(op);
    return true;
}

/* Above level 1 sizes may change (resize.h). `new` has its references. */
static never_inline bool store_above(struct mm_op *op,
                                     const struct entry_at *at, pte_t *slot,
                                     pte_t old, pte_t new, enum store_how how)
{
    if (pte_present(old) && pte_present(new) &&
        resize_differs(op, at->level, old, new))
        return store_resized(op, slot, old, new, how);
    if (pte_present(new) && resize_stale(op, at->level, new))
        type_flush_now(op);
    if (!store(slot, old, new, how))
        return false;
    if (pte_present(old))
        resize_gone(op, at->level, old);
    return true;
}

static inline bool store_at(struct mm_op *op, const struct entry_at *at,
                            pte_t *slot, pte_t old, pte_t new,
                            enum store_how how)
{
    return likely(at->level == 1) ? store(slot, old, new, how)
                                  : store_above(op, at, slot, old, new, how);
}

/*
 * A writable entry onto what was a table, and is none to the guest; but for the
 * table that the entry is to be in, which is one until that is done.
 */
static enum err get_lapsed(struct mm_op *op, const struct entry_at *at,
                           pte_t new, enum err why)
{
    if (why != ERR_BUSY || at->level > 1 ||
        mfn_eq(pte_mfn(new), at->table.mfn) || !lapse_mapped(op, new))
        return why;
    return entry_get(op, at, new);
}

/* Not every kernel looks at what becomes of its large page. */
static void count_refused(struct mm_op *op, const struct entry_at *at,
                          pte_t new)
{
    if (at->level == 1 || !(new.v &PTE_PSE))
        return;
    op->v->super_refused++;
    op->v->refused = pte_mfn(new);
    op->v->refused_level = at->level;
    absent_notice(op);
}

static enum err replace(struct mm_op *op, const struct entry_at *at,
                        pte_t *slot, pte_t old, pte_t new, enum store_how how)
{
    if (pte_present(new)) {
        enum err rc = entry_get(op, at, new);

        if (unlikely(rc))
            rc = get_lapsed(op, at, new, rc);
        if (unlikely(rc)) {
            count_refused(op, at, new);
            return rc;
        }
        if (!store_at(op, at, slot, old, entry_adjust(new, at->level), how)) {
            entry_put(op, at, new);
            return ERR_RESTART;
        }
    } else {
        if (!entry_absent_allowed(op, new, at->level))
            return ERR_INVAL;
        if (!store_at(op, at, slot, old, new, how))
            return ERR_RESTART;
    }
    if (pte_present(old))
        entry_put(op, at, old);
    return ERR_NONE;
}

static enum err change(struct mm_op *op, const struct entry_at *at, pte_t *slot,
                       pte_t old, pte_t new, enum store_how how)
{
    if (likely(pte_present(new) && pte_present(old))) {
        if (!((old.v ^ new.v) & ~ENTRY_SOFT(at->level)))
            return store(slot, old, entry_adjust(new, at->level), how)
                       ? ERR_NONE
                       : ERR_RESTART;
        if (at->level == 1 && only_rw_differs(old, new))
            return flip_rw(op, slot, old, new, how);
    }
    return replace(op, at, slot, old, new, how);
}

/* Frames of no table type: the guest might as well write there itself. */
static enum err update_data(struct mm_op *op, mfn_t m, unsigned i, pte_t new)
{
    enum err rc = type_get(op, m, FRAME_WRITABLE);

    if (rc)
        return rc;
    (void)store((pte_t *)mm_frame_ptr(op->mm, m) + i, new, new, STORE_PLAIN);
    type_put_deferred(op, m);
    return ERR_NONE;
}

static never_inline enum err update_entry(struct mm_op *op, uint64_t ptr,
                                          pte_t new, enum store_how how)
{
    mfn_t m = mfn_of(ptr >> PAGE_SHIFT);
    unsigned i = (unsigned)(ptr / sizeof(pte_t)) % PT_ENTRIES;
    struct entry_at at;
    pte_t *slot;
    uint64_t w;
    enum err rc = frame_find(op, m, &at.table);

    if (unlikely(rc))
        return rc == ERR_NOMEM ? rc : ERR_INVAL;
    w = frame_word(&at.table);
    if (unlikely(frame_owner(w) != op->d->id))
        return ERR_INVAL;
    if (unlikely(!(w & FRAME_VALIDATED))) {
        if (frame_count(w) > 0 && frame_type(w) != FRAME_WRITABLE)
            return ERR_INVAL; /* half way up or down */
        return update_data(op, m, i, new);
    }
    at.level = (unsigned)frame_type(w);
    if (unlikely(at.level > PT_LEVELS)) /* descriptors */
        return ERR_INVAL;
    if (unlikely(at.level == 4 && l4_slot_is_hv(i)))
        return ERR_INVAL;
    slot = (pte_t *)mm_frame_ptr(op->mm, m) + i;
    return change(op, &at, slot, pte_of(READ_ONCE(slot->v)), new, how);
}

static enum err update_m2p(struct mm_op *op, mfn_t m, uint64_t val)
{
    if (!frame_owned(op, m))
        return ERR_INVAL;
    op->mm->m2p[m.v] = val;
    return ERR_NONE;
}

/*
 * A superpage into an empty L2 entry, or out of one: one transition of one
 * block word. False: something else, or refused; the slow path says why.
 */
static always_inline bool fast_super(struct mm_op *op, uint64_t ptr,
                                     uint64_t val)
{
    struct entry_lens l = entry_lens(op, false);
    const pte_t new = pte_of(val);
    pte_t *slot, old;

    if ((new.v && !(new.v &PTE_PSE)) || (ptr & MMU_PTR_CMD) ||
        type_has_deferred(op) ||
        !entry_fast_table(&l, mfn_of(ptr >> PAGE_SHIFT), FRAME_L2))
        return false;
    slot = fast_slot(&l, ptr);
    old = pte_of(READ_ONCE(slot->v));
    if (!old.v && pte_has(new, PTE_P | PTE_PSE) && !resize_stale(op, 2, new)) {
        if (super_get(op, new))
            return false;
        WRITE_ONCE(slot->v, entry_adjust(new, 2).v);
        return true;
    }
    if (!new.v && pte_has(old, PTE_P | PTE_PSE)) {
        WRITE_ONCE(slot->v, 0);
        resize_gone(op, 2, old);
        super_put(op, old);
        return true;
    }
    return false;
}

static never_inline enum err update_rare(struct mm_op *op, uint64_t ptr,
                                         uint64_t val)
{
    enum err rc = type_finish_deferred(op);

    if (rc)
        return rc;
    switch (ptr & MMU_PTR_CMD) {
    case MMU_CMD_NORMAL:
    case MMU_CMD_NO_TRANSLATE:
        return update_entry(op, ptr & ~(uint64_t)MMU_PTR_CMD, pte_of(val),
                            STORE_PLAIN);
    case MMU_CMD_PRESERVE_AD:
        return update_entry(op, ptr, pte_of(val), STORE_KEEP_AD);
    case MMU_CMD_MACHPHYS:
        return update_m2p(op, mfn_of(ptr >> PAGE_SHIFT), val);
    default: /* a misaligned pointer has one of these: never a torn write */
        return ERR_NOSYS;
    }
}

enum err mmu_update_rest(struct mm_op *op, uint64_t ptr, uint64_t val,
                         mfn_t gone)
{
    if (!mfn_eq(gone, MFN_NONE))
        entry_put_rest(op, gone);
    else if (!fast_super(op, ptr, val))
        return update_rare(op, ptr, val);
    return ERR_NONE;
}

/* One of a list, in the usual way if there is one. */
static always_inline bool update_fast(struct mm_op *op, struct entry_lens *l,
                                      uint64_t *table,
                                      const struct mmu_request *req)
{
    mfn_t gone;

    if (likely(fast_update(l, table, req->ptr, pte_of(req->val), &gone)))
        return true;
    if (mfn_eq(gone, MFN_NONE))
        return false;
    entry_put_rest(op, gone);
    *l = entry_lens(op, true);
    return true;
}

/* Where a list is, by itself, so that its lens can be in registers. */
struct list_at {
    const struct mmu_request *req;
    uint64_t table;             /* its, if the last was there, or NO_TABLE */
    struct frame_table *frames; /* of the block that the lens is at */
    uint64_t block;
};

static always_inline struct entry_lens lens_at(const struct mm_op *op,
                                               const struct list_at *p)
{
    struct entry_lens l = entry_lens(op, true);

    l.table = p->frames;
    l.last = p->block;
    return l;
}

/* Its command being 0. */
static const pte_t *request_slot(const struct mm_op *op,
                                 const struct mmu_request *req)
{
    return (const pte_t *)(const void *)(op->mm->direct + req->ptr);
}

/* To m's block, if that is a shared one in which m is the domain's. */
static bool move_to_shared(const struct mm_op *op, struct list_at *p, mfn_t m)
{
    struct frame_table *t = entry_table_shared(op, m);

    if (!t)
        return false;
    p->frames = t;
    p->block = m.v / BLOCK_FRAMES;
    return true;
}

/*
 * Is there no more to it than that its table or its frame is in a shared block,
 * to which the lens is to be moved, or that its frame is new? Each of these is
 * so once only, so that whoever tries again after it comes to an end.
 */
static bool prepared(const struct mm_op *op, struct list_at *p)
{
    const mfn_t to = mfn_of(p->req->ptr >> PAGE_SHIFT);
    const pte_t new = pte_of(p->req->val);
    pte_t old;

    if ((p->req->ptr & ~SLOT_BITS) != p->table)
        return !(p->req->ptr & MMU_PTR_CMD) &&
               to.v / BLOCK_FRAMES != p->block && move_to_shared(op, p, to);
    old = pte_of(READ_ONCE(request_slot(op, p->req)->v));
    if (!pte_present(new) || (pte_present(old) && !only_rw_differs(old, new)))
        return false;
    if (pte_mfn(new).v / BLOCK_FRAMES != p->block)
        return move_to_shared(op, p, pte_mfn(new));
    return entry_prepare(op, p->frames, new);
}

/* Could it be so at all? Of a large page, say, it cannot. */
static always_inline bool may_prepare(const struct list_at *p)
{
    return (p->req->ptr & ~SLOT_BITS) == p->table ||
           p->req->ptr / BLOCK_SIZE != p->block;
}

/* Afterwards no block is known: it may flush, or drop tables. */
static always_inline enum err update_slowly(struct mm_op *op, struct list_at *p)
{
    const struct mmu_request *req = p->req;

    p->table = NO_TABLE;
    p->block = ~UINT64_C(0);
    return likely(fast_super(op, req->ptr, req->val))
               ? ERR_NONE
               : update_rare(op, req->ptr, req->val);
}

/*
 * From a request that was not done in the usual way on, all that are once they
 * have been prepared; or, if it is not, it alone by the slow path. *p is at the
 * last that was done.
 */
static never_inline enum err update_prepared(struct mm_op *op,
                                             struct list_at *p,
                                             const struct mmu_request *end)
{
    const struct mmu_request *const first = p->req;

    while (p->req < end && prepared(op, p)) {
        struct entry_lens l = lens_at(op, p);

        p->req += update_fast(op, &l, &p->table, p->req);
        p->frames = l.table;
        p->block = l.last;
    }
    if (p->req == first)
        return update_slowly(op, p);
    p->req--;
    return ERR_NONE;
}

static never_inline enum err update_unusual(struct mm_op *op, struct list_at *p,
                                            const struct mmu_request *end)
{
    return may_prepare(p) ? update_prepared(op, p, end) : update_slowly(op, p);
}

enum err mmu_update_list(struct mm_op *op, const struct mmu_request *req,
                         unsigned n, unsigned *done)
{
    const struct mmu_request *const first = req, *const end = req + n;
    struct entry_lens l = entry_lens(op, true);
    uint64_t table = NO_TABLE;
    enum err rc = type_finish_deferred(op);
    struct list_at p;

    for (; !rc && req < end; req++) {
        if (likely(update_fast(op, &l, &table, req)))
            continue;
        p = (struct list_at){req, table, l.table, l.last};
        rc = update_unusual(op, &p, end);
        if (rc)
            break;
        l = lens_at(op, &p);
        table = p.table;
        req = p.req;
    }
    *done = (unsigned)(req - first);
    return rc;
}

/* Of which level the frame is a validated table of the domain's; 0: of none. */
static unsigned level_of(const struct mm_op *op, mfn_t m, struct frame *out)
{
    uint64_t w;

    if (!frame_find_worded(op, m, out))
        return 0;
    w = frame_word(out);
    return frame_is_table(frame_type(w)) && (w & FRAME_VALIDATED)
               ? (unsigned)frame_type(w)
               : 0;
}

/* A walk that went through a linear entry ends in a table of another level. */
static bool is_l1(const struct mm_op *op, mfn_t m, struct frame *out)
{
    return level_of(op, m, out) == 1;
}

static enum err update_va_rare(struct mm_op *op, uint64_t va, uint64_t val)
{
    struct entry_at at = {.level = 1};
    struct walk walk;
    enum err rc = type_finish_deferred(op);

    if (!rc)
        rc = walk_l1(op->mm, op->v->root_kernel, va, &walk);
    if (rc)
        return rc;
    if (!is_l1(op, walk.table, &at.table))
        return ERR_INVAL;
    return change(op, &at, walk.entry, pte_of(READ_ONCE(walk.entry->v)),
                  pte_of(val), STORE_PLAIN);
}

enum err mmu_update_va_rest(struct mm_op *op, uint64_t va, uint64_t val,
                            mfn_t gone)
{
    if (mfn_eq(gone, MFN_NONE))
        return update_va_rare(op, va, val);
    entry_put_rest(op, gone);
    return ERR_NONE;
}

enum err mmu_find_va(const struct mm_op *op, uint64_t va, pte_t *out)
{
    struct walk walk;
    enum err rc = walk_l1(op->mm, op->v->root_kernel, va, &walk);

    if (rc)
        return rc;
    *out = pte_of(READ_ONCE(walk.entry->v));
    return pte_present(*out) ? ERR_NONE : ERR_INVAL;
}

/* Of an L4 no kernel stores to an entry, and on Xen of an L1 alone. */
static bool stored_to(const struct mm_op *op, unsigned level)
{
    return level == 1 || (level > 1 && level < PT_LEVELS && op->d->large_shown);
}

/*
 * Above level 1 a store makes, changes or takes away a large page. To hang in a
 * table, or to take it out, may take long, so there are hypercalls for it, but
 * for an L1 that goes: that is one table's worth, and lapse.h is for it.
 */
static bool is_no_table(unsigned level, pte_t e)
{
    return level == 1 || !pte_present(e) || (e.v & PTE_PSE);
}

static bool takes_out(const struct mm_op *op, unsigned level, pte_t old,
                      pte_t val)
{
    struct frame f;

    return level == 2 && !pte_present(val) && is_l1(op, pte_mfn(old), &f);
}

enum err mmu_emulate_find(struct mm_op *op, mfn_t root, uint64_t va,
                          struct mmu_entry *out)
{
    struct walk walk;
    struct frame f;
    pte_t e;
    enum err rc = walk_l1(op->mm, root, va, &walk);

    if (rc)
        return rc;
    e = pte_of(READ_ONCE(walk.entry->v));
    if (!pte_present(e) || (e.v & PTE_RW) ||
        !stored_to(op, level_of(op, pte_mfn(e), &f)))
        return ERR_INVAL;
    *out = (struct mmu_entry){
        .table = f.mfn,
        .i = (unsigned)(va / sizeof(pte_t)) % PT_ENTRIES,
    };
    return ERR_NONE;
}

uint64_t mmu_emulate_read(const struct mm_op *op, struct mmu_entry e)
{
    const pte_t *table = mm_frame_ptr(op->mm, e.table);

    return READ_ONCE(table[e.i].v);
}

enum err mmu_emulate_write(struct mm_op *op, struct mmu_entry e, uint64_t old,
                           uint64_t val)
{
    struct entry_at at;
    pte_t *slot = (pte_t *)mm_frame_ptr(op->mm, e.table) + e.i;
    enum err rc;
    bool table;

    at.level = level_of(op, e.table, &at.table);
    if (!stored_to(op, at.level))
        return ERR_INVAL;
    if (at.level > 1 && val == old) /* a cmpxchg that did not find it so */
        return READ_ONCE(slot->v) == old ? ERR_NONE : ERR_RESTART;
    table = !is_no_table(at.level, pte_of(old));
    if (!is_no_table(at.level, pte_of(val)) ||
        (table && !takes_out(op, at.level, pte_of(old), pte_of(val))))
        return ERR_INVAL;
    if (READ_ONCE(slot->v) != old)
        return ERR_RESTART;
    rc = change(op, &at, slot, pte_of(old), pte_of(val), STORE_IF_SAME);
    if (!rc && table)
        lapse_taken_out(op, pte_mfn(pte_of(old)));
    return rc;
}
