/* SPDX-License-Identifier: MIT */
/*
 * grant.c: grants mapped and unmapped: see grant.h. The order is that of
 * mmu.c: the new references, the store, the old ones; and the pin before the
 * first, after the last of them.
 */
#include "mm/pv/grant_table.h"

#include "mm/alloc/dmem.h"
#include "mm/pv/entry.h"
#include "mm/pv/walk.h"

/* --- handles -------------------------------------------------------------- */

static enum err more_handles(struct mm_op *op)
{
    struct grants *g = op->d->grants;
    uint32_t first = grant_nr_handles(op->d);
    enum err rc;

    if (g->nr_track == GRANT_TRACK)
        return ERR_NOSPC;
    rc = alloc_hv_get(op->mm, 0, &g->track[g->nr_track]);
    if (rc)
        return rc;
    g->nr_track++;
    for (uint32_t n = grant_nr_handles(op->d); n-- > first;) {
        grant_handle(op->d, n)->next = g->free;
        g->free = n + 1;
    }
    return ERR_NONE;
}

/* Is there a free one? It is taken by nothing that can fail. */
static bool handle_ready(struct mm_op *op)
{
    return !grant_setup(op, 0) && (op->d->grants->free || !more_handles(op));
}

static uint32_t handle_take(struct mm_domain *d, struct grant_handle what)
{
    uint32_t n = d->grants->free - 1;
    struct grant_handle *h = grant_handle(d, n);

    d->grants->free = h->next;
    d->grants->handles++;
    *h = what;
    return n;
}

static void handle_put(struct mm_domain *d, struct grant_handle *h, uint32_t n)
{
    *h = (struct grant_handle){.next = d->grants->free};
    d->grants->free = n + 1;
    d->grants->handles--;
}

/* --- entries by address --------------------------------------------------- */

/* The entry, if it is one of a validated L1 table of the domain's. */
static pte_t *entry_of(const struct mm_op *op, uint64_t entry_maddr)
{
    mfn_t m = mfn_of(entry_maddr >> PAGE_SHIFT);
    struct frame f;
    uint64_t w;

    if (!frame_find_worded(op, m, &f))
        return NULL;
    w = frame_word(&f);
    if (frame_type(w) != FRAME_L1 || !(w & FRAME_VALIDATED))
        return NULL;
    return (pte_t *)(void *)(op->mm->direct + entry_maddr);
}

static pte_t *find_va(const struct mm_op *op, uint64_t va,
                      uint64_t *entry_maddr)
{
    struct walk walk;

    if (walk_l1(op->mm, op->v->root_kernel, va, &walk))
        return NULL;
    *entry_maddr = (walk.table.v << PAGE_SHIFT) + walk.i * sizeof(pte_t);
    return entry_of(op, *entry_maddr);
}

static pte_t *find_entry(const struct mm_op *op, const struct grant_request *r,
                         uint64_t *entry_maddr)
{
    if (!(r->flags & GNTMAP_contains_pte))
        return find_va(op, r->host_addr, entry_maddr);
    *entry_maddr = r->host_addr;
    return *entry_maddr % sizeof(pte_t)
               ? NULL
               : entry_of(op, *entry_maddr); /* XSA-227 */
}

/* The old entry's references go; what it mapped may be cached. */
static void replace_entry(struct mm_op *op, pte_t *slot, pte_t new)
{
    pte_t old =
        pte_of(atomic_exchange((_Atomic uint64_t *)(void *)slot, new.v));

    if (!pte_present(old))
        return;
    entry_put_l1(op, old);
    mm_op_flush(op, tlb_full());
}

/* --- mapping -------------------------------------------------------------- */

static pte_t entry_for(mfn_t m, uint32_t flags)
{
    uint64_t v = PTE_P | PTE_A | PTE_D | PTE_NX;

    if (!(flags & GNTMAP_readonly))
        v |= PTE_RW;
    if (flags & GNTMAP_application_map)
        v |= PTE_US;
    v |= (uint64_t)(flags >> 16) << 9 & PTE_AVL;
    return pte_make(m, v);
}

/* What the domain simply has, and may take from itself: not shared_info. */
static bool may_grant(const struct mm_op *op, mfn_t m)
{
    struct frame f;

    if (frame_find(op, m, &f))
        return false;
    return (frame_word(&f) &
            (FRAME_OWNER_MASK | FRAME_ALLOCATED | FRAME_FIXED)) ==
           (op->d->owner_bits | FRAME_ALLOCATED);
}

/* The references, as an entry of the granter's own would take them. */
static int get_frame(struct mm_op *theirs, pte_t e)
{
    if (!may_grant(theirs, pte_mfn(e)))
        return GNTST_bad_page;
    return entry_get_l1(theirs, e) ? GNTST_general_error : GNTST_okay;
}

/*
 * One set of them for the handle, which goes with the last of its mappings,
 * and one for the entry, which goes with that (XSA-224).
 */
static int get_frames(struct mm_op *theirs, pte_t e, uint32_t flags)
{
    int status = get_frame(theirs, e);

    if (status || !(flags & GNTMAP_host_map))
        return status;
    status = get_frame(theirs, e);
    if (status)
        entry_put_l1(theirs, e);
    return status;
}

int grant_map(struct mm_op *op, struct mm_op *theirs, struct grant_request *r)
{
    struct mm_domain *from = theirs->d;
    bool write = !(r->flags & GNTMAP_readonly);
    uint64_t entry_maddr = 0;
    pte_t *slot = NULL, e;
    int status;

    if (!(r->flags & GRANT_MAPS))
        return GNTST_bad_gntref;
    status = grant_may_use(from);
    if (status)
        return status;
    if (r->flags & GNTMAP_host_map) {
        slot = find_entry(op, r, &entry_maddr);
        if (!slot)
            return GNTST_general_error;
    }
    if (!handle_ready(op))
        return GNTST_no_space;
    status = grant_pin(from, r->ref, op->d->id, write, &r->mfn);
    if (status)
        return status;
    e = entry_for(r->mfn, r->flags);
    status = get_frames(theirs, e, r->flags);
    if (status) {
        grant_unpin(from, r->ref, write);
        return status;
    }
    if (slot)
        replace_entry(op, slot, entry_adjust(e, 1));
    r->handle =
        handle_take(op->d, (struct grant_handle){.host_addr = r->host_addr,
                                                 .entry_maddr = entry_maddr,
                                                 .mfn = (uint32_t)r->mfn.v,
                                                 .ref = r->ref,
                                                 .flags = (uint16_t)r->flags,
                                                 .domid = from->id});
    return GNTST_okay;
}

/* --- unmapping ------------------------------------------------------------ */

/* NULL: something else is there by now. */
static pte_t *live_entry(const struct mm_op *op, const struct grant_handle *h)
{
    pte_t *slot = entry_of(op, h->entry_maddr);
    pte_t e = pte_of(slot ? READ_ONCE(slot->v) : 0);

    return pte_present(e) && pte_mfn(e).v == h->mfn ? slot : NULL;
}

void grant_let_go(struct mm_op *op, struct mm_op *theirs,
                  struct grant_handle *h, uint32_t n)
{
    entry_put_l1(theirs, entry_for(mfn_of(h->mfn), h->flags));
    grant_unpin(theirs->d, h->ref, !(h->flags & GNTMAP_readonly));
    handle_put(op->d, h, n);
}

/* `instead` takes the place of its entry; false: that is not there any more. */
static bool cut(struct mm_op *op, const struct grant_handle *h, pte_t instead)
{
    pte_t *slot = live_entry(op, h);

    if (slot)
        replace_entry(op, slot, instead);
    return slot;
}

void grant_cut(struct mm_op *op, const struct grant_handle *h)
{
    if (h->flags & GNTMAP_host_map)
        (void)cut(op, h, pte_of(0));
}

/*
 * Of the handle's mappings those of `which` (GRANT_MAPS); with the last, it:
 * then what op's domain has cached of the frame is flushed before the granter
 * can have it as something else, also if the entry had gone before.
 */
static bool drop(struct mm_op *op, struct mm_op *theirs, struct grant_handle *h,
                 uint32_t n, uint32_t which, pte_t instead)
{
    bool there = !(h->flags & which & GNTMAP_host_map) || cut(op, h, instead);

    h->flags &= (uint16_t)~which;
    if (!(h->flags & GRANT_MAPS)) {
        mm_op_flush_now(op);
        grant_let_go(op, theirs, h, n);
    }
    return there;
}

domid_t grant_granter(const struct mm_op *op, uint32_t handle)
{
    const struct grant_handle *h = grant_handle(op->d, handle);

    return h && grant_handle_used(h) ? h->domid : OWNER_NONE;
}

/*
 * NULL: there is none for a grant of theirs, any more: since the caller looked,
 * with its own lock alone, another vCPU may have unmapped it, and mapped what
 * is a third domain's.
 */
static struct grant_handle *handle_for(const struct mm_op *op,
                                       const struct mm_op *theirs, uint32_t n)
{
    return grant_granter(op, n) == theirs->d->id ? grant_handle(op->d, n)
                                                 : NULL;
}

static int check_address(const struct grant_handle *h, uint64_t host_addr)
{
    if (!(h->flags & GNTMAP_host_map))
        return GNTST_okay;
    return h->host_addr == host_addr ? GNTST_okay : GNTST_general_error;
}

/* An address of 0 leaves that mapping alone; so does one that is not there. */
int grant_unmap(struct mm_op *op, struct mm_op *theirs, uint32_t handle,
                uint64_t host_addr, uint64_t dev_addr)
{
    struct grant_handle *h = handle_for(op, theirs, handle);
    bool device = h && dev_addr && (h->flags & GNTMAP_device_map);
    uint32_t which = device ? GNTMAP_device_map : 0;
    int status = h ? GNTST_okay : GNTST_bad_handle;

    if (h && (host_addr || !device)) {
        status = check_address(h, host_addr);
        which |= GNTMAP_host_map;
    }
    if (!status && dev_addr && dev_addr != (uint64_t)h->mfn << PAGE_SHIFT)
        status = GNTST_general_error;
    if (status)
        return status;
    return drop(op, theirs, h, handle, which, pte_of(0)) ? GNTST_okay
                                                         : GNTST_general_error;
}

/*
 * What is at new_addr moves with its references. It may not be a grant: that
 * has to stay where its handle says that it is (XSA-234).
 */
int grant_replace(struct mm_op *op, struct mm_op *theirs, uint32_t handle,
                  uint64_t host_addr, uint64_t new_addr)
{
    struct grant_handle *h = handle_for(op, theirs, handle);
    int status = h ? check_address(h, host_addr) : GNTST_bad_handle;
    uint64_t entry_maddr;
    pte_t *slot, e;

    if (status || !new_addr)
        return status ? status : grant_unmap(op, theirs, handle, host_addr, 0);
    slot = find_va(op, new_addr, &entry_maddr);
    if (!slot || entry_maddr == h->entry_maddr ||
        !(h->flags & GNTMAP_host_map) || (h->flags & GNTMAP_contains_pte) ||
        !live_entry(op, h))
        return GNTST_general_error;
    e = pte_of(READ_ONCE(slot->v));
    if (pte_present(e) && !frame_owned(op, pte_mfn(e)))
        return GNTST_general_error;
    WRITE_ONCE(slot->v, 0);
    (void)drop(op, theirs, h, handle, GNTMAP_host_map, e);
    return GNTST_okay;
}
