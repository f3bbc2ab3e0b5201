/* SPDX-License-Identifier: MIT */
/*
 * hypercall_mmu.c: the edge of mm/: reading requests, naming domains, doing
 * long lists in pieces, flushing. What a request means is mm/pv/mmu.h's.
 *
 * Invariant: each request is read once, into a private copy; an operation that
 * was begun is ended before the hypercall returns, however it does.
 */
#include "hv/call/downgrade_ring.h"
#include "hv/call/hypercall.h"
#include "hv/domain/guest.h"
#include "hv/domain/seg.h"
#include "hv/domain/tlb.h"
#include "hv/domain/vcpu.h"
#include "mm/pv/mmu_fast.h"

/*
 * Whose frames? Oneself can only be named as DOMID_SELF. ERR_SRCH: nobody;
 * ERR_PERM: somebody else, which takes privilege that no guest has.
 */
static enum err owner_check(const struct domain *d, domid_t id)
{
    if (likely(id == DOMID_SELF))
        return ERR_NONE;
    if (id == d->id)
        return ERR_SRCH;
    if (id == DOMID_IO || id == DOMID_XEN)
        return ERR_PERM;
    return domain_known(id) ? ERR_PERM : ERR_SRCH;
}

/* --- lists of requests -------------------------------------------------- */

/* A list that may be done in several pieces, as mmu_update and mmuext_op. */
struct list {
    uint64_t at;      /* next request */
    uint32_t left;    /* how many */
    uint32_t done;    /* reported so far */
    uint64_t done_va; /* where to report, or 0 */
};

static always_inline enum err list_start(struct list *l, uint64_t at,
                                         uint32_t count, uint64_t done_va,
                                         size_t size)
{
    *l = (struct list){at, count & ~MMU_UPDATE_PREEMPTED, 0, done_va};
    /* A guest may set the bit itself: then `done` starts where it says. */
    if (unlikely(count & MMU_UPDATE_PREEMPTED) && done_va &&
        guest_read(&l->done, done_va, sizeof(l->done)))
        l->done = 0;
    return guest_range_ok(at, l->left * size) ? ERR_NONE : ERR_FAULT;
}

/* The usual call: one branch for what are three comparisons. */
static always_inline bool one_of_own(uint32_t count, uint64_t done,
                                     uint32_t foreigndom)
{
    return ((count ^ 1) | done | (foreigndom ^ DOMID_SELF)) == 0;
}

_Static_assert((int)hypercall_args_mmu_update == (int)hypercall_args_mmuext_op,
               "continued alike");

static long list_end(const struct list *l, enum err rc, unsigned nr,
                     uint32_t foreigndom)
{
    const uint64_t again[hypercall_args_mmu_update] = {
        l->at, l->left | MMU_UPDATE_PREEMPTED, l->done_va, foreigndom};

    /* A count that cannot be stored is the caller's loss, as on Xen. */
    if (l->done_va)
        (void)guest_write(l->done_va, &l->done, sizeof(l->done));
    if (unlikely(rc == ERR_RESTART))
        return hypercall_continue_with(nr, again, ARRAY_SIZE(again));
    return errno_of(rc);
}

_Static_assert(sizeof(struct mmu_request) == sizeof(struct mmu_update),
               "requests are copied as they are");

/*
 * The operation that v has begun, for what the fast path left: so the fast path
 * keeps its own in registers.
 */
static inline struct mm_op under_way(struct vcpu *v)
{
    return (struct mm_op){.mm = v->d->mm.mm, .d = &v->d->mm, .v = &v->mm};
}

/* --- mmu_update --------------------------------------------------------- */

/* Requests copied in and done in one go: what preemption waits for. */
#define UPDATE_CHUNK 32

/* What would be done with a request of a domain that may not ask for it. */
static enum err update_refused(const struct mmu_request *req, enum err perm)
{
    return (req->ptr & MMU_CMD_MASK) > MMU_PT_UPDATE_NO_TRANSLATE ? ERR_NOSYS
                                                                  : perm;
}

static enum err update_chunk(struct mm_op *op, struct list *l, enum err perm)
{
    struct mmu_request req[UPDATE_CHUNK];
    unsigned n = MIN(l->left, UPDATE_CHUNK), done = 0;
    enum err rc;

    n = (unsigned)(guest_read_some(req, l->at, n * sizeof(*req)) /
                   sizeof(*req));
    if (unlikely(n == 0))
        return ERR_FAULT;
    if (unlikely(perm))
        return update_refused(req, perm);
    rc = mmu_update_list(op, req, n, &done);
    l->at += done * sizeof(*req);
    l->left -= done;
    l->done += done;
    return rc;
}

static enum err update_list(struct mm_op *op, struct list *l, enum err perm)
{
    enum err rc = ERR_NONE;

    while (l->left && !rc) {
        rc = update_chunk(op, l, perm);
        if (!rc && l->left && cpu_preempt())
            return ERR_RESTART;
    }
    return rc;
}

/* The end of a single operation that asks for more than to return 0. */
static never_inline long one_more(const struct mm_op *op, enum err rc,
                                  unsigned nr)
{
    mm_op_end(op);
    if (rc)
        downgrade_ring_refused(current_vcpu());
    return rc == ERR_RESTART ? hypercall_again(nr) : errno_of(rc);
}

static always_inline long one_end(const struct mm_op *op, enum err rc,
                                  unsigned nr)
{
    if (likely(!((unsigned)rc | (unsigned)this_cpu()->owed.what))) {
        mm_op_end_fast(op);
        return 0;
    }
    return one_more(op, rc, nr);
}
_Static_assert(TLB_NOTHING == 0 && ERR_NONE == 0, "tested together");

static never_inline long update_rest(struct vcpu *v, uint64_t ptr, uint64_t val,
                                     mfn_t gone)
{
    struct mm_op op = under_way(v);

    return one_end(&op, mmu_update_rest(&op, ptr, val, gone),
                   __HYPERVISOR_mmu_update);
}

/*
 * One request on one's own tables, nothing to report: most of them. It is
 * mmu_update() in two, so that the usual ones end here.
 */
static always_inline long update_one(uint64_t reqs)
{
    struct vcpu *v = current_vcpu();
    struct mm_op op;
    uint64_t req[2];
    mfn_t gone;

    if (unlikely(guest_read_pair(req, reqs)))
        return -XEN_EFAULT;
    mm_op_begin(&op, &v->d->mm, &v->mm);
    if (unlikely(!mmu_fast(&op, req[0], req[1], &gone)))
        return update_rest(v, req[0], req[1], gone);
    mm_op_end_fast(&op);
    return 0;
}

static never_inline long update_many(uint64_t reqs, uint32_t count,
                                     uint64_t done, uint32_t foreigndom)
{
    struct vcpu *v = current_vcpu();
    unsigned tables = foreigndom >> 16;
    enum err rc, perm;
    struct mm_op op;
    struct list l;

    rc = list_start(&l, reqs, count, done, sizeof(struct mmu_update));
    if (unlikely(rc))
        return errno_of(rc);
    perm = owner_check(v->d, (domid_t)foreigndom);
    if (unlikely(!perm && tables))
        perm = owner_check(v->d, (domid_t)(tables - 1));
    if (unlikely(perm == ERR_SRCH))
        return -XEN_ESRCH;
    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = update_list(&op, &l, perm);
    mm_op_end(&op);
    if (unlikely(rc))
        downgrade_ring_refused(v);
    return list_end(&l, rc, __HYPERVISOR_mmu_update, foreigndom);
}

/* foreigndom: whose frames, and in the high half 1 + whose tables or 0. */
UNLOCKED_HYPERCALL4(mmu_update, uint64_t, reqs, uint32_t, count, uint64_t, done,
                    uint32_t, foreigndom)
{
    if (unlikely(!one_of_own(count, done, foreigndom)))
        return update_many(reqs, count, done, foreigndom);
    return update_one(reqs);
}

/* --- mmuext_op ---------------------------------------------------------- */

/*
 * A vCPU's translations may be in the TLB of any CPU that the domain has used
 * last: so whom the bitmap names does not matter; that it can be read does.
 */
static enum err read_bitmap(uint64_t va)
{
    uint64_t unused;

    return guest_read64(&unused, va);
}

static void flush_page(uint64_t va, bool here)
{
    const struct tlb page = tlb_page(va);

    if (!va_canonical(va) || va_is_hv(va)) /* XSA-279: neither may fault */
        return;
    if (here)
        tlb_flush_page(va);
    else
        tlb_flush_domain(current_vcpu()->d, &page);
}

/* User pages are global, so those too. By who has the domain's memory lock. */
static void flush_all(bool here)
{
    const struct tlb all = tlb_full();

    if (here)
        tlb_flush_all();
    else
        tlb_flush_domain(current_vcpu()->d, &all);
}

static enum err flush_op(const struct mmuext_op *e)
{
    bool multi =
        e->cmd == MMUEXT_TLB_FLUSH_MULTI || e->cmd == MMUEXT_INVLPG_MULTI;

    if (multi && read_bitmap(e->arg2.vcpumask))
        return ERR_INVAL;
    switch (e->cmd) {
    case MMUEXT_INVLPG_LOCAL:
        flush_page(e->arg1.linear_addr, true);
        return ERR_NONE;
    case MMUEXT_INVLPG_MULTI:
    case MMUEXT_INVLPG_ALL:
        flush_page(e->arg1.linear_addr, false);
        return ERR_NONE;
    default:
        flush_all(e->cmd == MMUEXT_TLB_FLUSH_LOCAL);
        return ERR_NONE;
    }
}

static enum err new_baseptr(struct mm_op *op, mfn_t m)
{
    struct vcpu *v = current_vcpu();
    enum err rc = mmu_new_baseptr(op, m);

    if (rc)
        return rc;
    return v->ldt_entries ? seg_drop_ldt(op, v) : ERR_NONE;
}

static enum err ext_op(struct mm_op *op, const struct mmuext_op *e)
{
    mfn_t m = mfn_of(e->arg1.mfn);

    switch (e->cmd) {
    case MMUEXT_PIN_L1_TABLE:
    case MMUEXT_PIN_L2_TABLE:
    case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE:
        return mmu_pin(op, m, e->cmd - MMUEXT_PIN_L1_TABLE + 1);
    case MMUEXT_UNPIN_TABLE:
        return mmu_unpin(op, m);
    case MMUEXT_NEW_BASEPTR:
        return new_baseptr(op, m);
    case MMUEXT_NEW_USER_BASEPTR:
        return mmu_new_user_baseptr(op, m);
    case MMUEXT_TLB_FLUSH_LOCAL:
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_TLB_FLUSH_ALL:
    case MMUEXT_INVLPG_LOCAL:
    case MMUEXT_INVLPG_MULTI:
    case MMUEXT_INVLPG_ALL:
        return flush_op(e);
    case MMUEXT_FLUSH_CACHE:
    case MMUEXT_FLUSH_CACHE_GLOBAL:
        return ERR_ACCES; /* no guest has uncached memory */
    case MMUEXT_SET_LDT:
        return seg_set_ldt(op, current_vcpu(), e->arg1.linear_addr,
                           e->arg2.nr_ents);
    case MMUEXT_CLEAR_PAGE:
        return mmu_clear_page(op, m);
    case MMUEXT_COPY_PAGE:
        return mmu_copy_page(op, m, mfn_of(e->arg2.src_mfn));
    case MMUEXT_MARK_SUPER:
        return mmu_mark_super(op, m);
    case MMUEXT_UNMARK_SUPER:
        return mmu_unmark_super(op, m);
    default:
        return ERR_NOSYS;
    }
}

static enum err ext_list(struct mm_op *op, struct list *l)
{
    for (bool first = true; l->left; first = false) {
        struct mmuext_op e;
        enum err rc;

        if (!first && cpu_preempt())
            return ERR_RESTART;
        if (unlikely(guest_read_triple((uint64_t *)(void *)&e, l->at)))
            return ERR_FAULT;
        rc = ext_op(op, &e);
        if (unlikely(rc))
            return rc;
        l->at += sizeof(e);
        l->left--;
        l->done++;
    }
    return ERR_NONE;
}
_Static_assert(sizeof(struct mmuext_op) == 24, "three words");

static never_inline long ext_rare(struct vcpu *v, const struct mmuext_op *e)
{
    struct mm_op op = under_way(v);

    return one_end(&op, ext_op(&op, e), __HYPERVISOR_mmuext_op);
}

/* Of this CPU's TLB only, so whose memory it is does not matter. */
static long flush_page_here(uint64_t va)
{
    if (likely(va_canonical(va) && !va_is_hv(va)))
        x86_invlpg(va);
    return 0;
}

/* One operation, nothing to report: most of them, a new root above all. */
static always_inline long ext_one(uint64_t ops)
{
    struct vcpu *v = current_vcpu();
    struct mmuext_op e;
    struct mm_op op;
    mfn_t m;

    if (unlikely(guest_read_triple((uint64_t *)(void *)&e, ops)))
        return -XEN_EFAULT;
    if (e.cmd == MMUEXT_INVLPG_LOCAL)
        return flush_page_here(e.arg1.linear_addr);
    m = mfn_of(e.arg1.mfn);
    mm_op_begin(&op, &v->d->mm, &v->mm);
    if (e.cmd == MMUEXT_TLB_FLUSH_LOCAL) {
        tlb_flush_all();
        mm_op_end_fast(&op);
        return 0;
    }
    if (e.cmd != MMUEXT_NEW_BASEPTR || unlikely(v->ldt_entries) ||
        !mmu_fast_root(&op, &v->mm.root_kernel, m))
        return ext_rare(v, &e);
    x86_write_cr3(maddr_of_mfn(m).v); /* it is in its kernel */
    mm_op_end_fast(&op);
    return 0;
}

static never_inline long ext_many(uint64_t ops, uint32_t count, uint64_t done,
                                  uint32_t foreigndom)
{
    struct vcpu *v = current_vcpu();
    struct mm_op op;
    struct list l;
    enum err rc = list_start(&l, ops, count, done, sizeof(struct mmuext_op));

    if (!rc)
        rc = owner_check(v->d, (domid_t)foreigndom);
    if (rc)
        return errno_of(rc);
    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = ext_list(&op, &l);
    mm_op_end(&op);
    return list_end(&l, rc, __HYPERVISOR_mmuext_op, foreigndom);
}

UNLOCKED_HYPERCALL4(mmuext_op, uint64_t, ops, uint32_t, count, uint64_t, done,
                    uint32_t, foreigndom)
{
    if (unlikely(!one_of_own(count, done, foreigndom)))
        return ext_many(ops, count, done, foreigndom);
    return ext_one(ops);
}

/* --- update_va_mapping -------------------------------------------------- */

/*
 * Once the entry is changed. Whom to flush: as in flush_op() it only matters
 * that it can be read.
 */
static never_inline long flush_more(uint64_t va, uint64_t flags)
{
    struct vcpu *v = current_vcpu();
    struct mm_op op;
    uint64_t who = flags & ~UVMF_FLUSHTYPE_MASK;
    uint64_t what = flags & UVMF_FLUSHTYPE_MASK;

    if (what != UVMF_INVLPG && what != UVMF_TLB_FLUSH)
        return 0;
    if (who != UVMF_LOCAL && who != UVMF_ALL && read_bitmap(who))
        return -XEN_EFAULT; /* the entry is changed all the same */
    mm_op_begin(&op, &v->d->mm, &v->mm);
    if (what == UVMF_INVLPG)
        flush_page(va, who == UVMF_LOCAL);
    else
        flush_all(who == UVMF_LOCAL);
    mm_op_end(&op);
    return 0;
}

static never_inline long update_va_rest(struct vcpu *v, uint64_t va,
                                        uint64_t val, mfn_t gone, unsigned nr)
{
    struct mm_op op = under_way(v);

    return one_end(&op, mmu_update_va_rest(&op, va, val, gone), nr);
}

static always_inline long update_va(unsigned nr, uint64_t va, uint64_t val,
                                    uint64_t flags)
{
    struct vcpu *v = current_vcpu();
    struct mm_op op;
    mfn_t gone;

    mm_op_begin(&op, &v->d->mm, &v->mm);
    if (unlikely(!mmu_fast_va(&op, va, val, &gone))) {
        long rc = update_va_rest(v, va, val, gone, nr);

        if (rc)
            return rc;
    } else {
        mm_op_end_fast(&op);
    }
    if (unlikely(flags != (UVMF_INVLPG | UVMF_LOCAL)))
        return flush_more(va, flags);
    tlb_flush_page(va); /* canonical, since it was found */
    return 0;
}

UNLOCKED_HYPERCALL3(update_va_mapping, uint64_t, va, uint64_t, val, uint64_t,
                    flags)
{
    return update_va(__HYPERVISOR_update_va_mapping, va, val, flags);
}

UNLOCKED_HYPERCALL4(update_va_mapping_otherdomain, uint64_t, va, uint64_t, val,
                    uint64_t, flags, uint32_t, domid)
{
    enum err rc = owner_check(current_vcpu()->d, (domid_t)domid);

    if (rc)
        return errno_of(rc);
    return update_va(__HYPERVISOR_update_va_mapping_otherdomain, va, val,
                     flags);
}

/* --- descriptors -------------------------------------------------------- */

UNLOCKED_HYPERCALL2(update_descriptor, uint64_t, ma, uint64_t, desc)
{
    struct vcpu *v = current_vcpu();
    struct mm_op op;
    enum err rc;

    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = mmu_update_descriptor(&op, maddr_of(ma), desc);
    mm_op_end(&op);
    if (rc == ERR_RESTART)
        return hypercall_continue(update_descriptor, ma, desc);
    return errno_of(rc);
}
