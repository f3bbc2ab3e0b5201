/* SPDX-License-Identifier: MIT */
/*
 * flagstone_super.c: the edge of mm/pv/split.h and mm/resize/compact.h: what a
 * guest asks for its own superpages.
 *
 * What moved may be where the answer goes; it is found where it is by then,
 * because no guest's memory is touched while a flush is owed (mm/alloc/owed.h).
 */
#include "hv/call/flagstone_super.h"

#include "flagstone/flagstone.h"
#include "hv/arch/memory.h"
#include "hv/call/downgrade_ring.h"
#include "hv/call/hypercall.h"
#include "hv/domain/guest.h"
#include "hv/domain/tlb.h"
#include "mm/pv/split.h"
#include "mm/resize/compact.h"

/* An operation has ended: -> what the hypercall returns, 0 if all is well. */
static long end(const struct mm_op *op, enum err rc)
{
    mm_op_end(op);
    return rc == ERR_RESTART ? hypercall_again(__HYPERVISOR_flagstone_op)
                             : errno_of(rc);
}

long flagstone_super_split(struct vcpu *v, uint64_t arg)
{
    struct flagstone_split a;
    struct mm_op op;
    enum err rc;

    if (guest_read(&a, arg, sizeof(a)))
        return -XEN_EFAULT;
    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = split(&op, maddr_of(a.entry), mfn_of(a.table));
    v->d->super_stats.split += !rc;
    return end(&op, rc);
}

/* Read, and see that the answer can be written: nothing is done if not. */
static enum err arguments(void *a, uint64_t arg, size_t size)
{
    return guest_read(a, arg, size) || guest_write(arg, a, size) ? ERR_FAULT
                                                                 : ERR_NONE;
}

long flagstone_super_join(struct vcpu *v, uint64_t arg)
{
    struct flagstone_join a;
    mfn_t table = MFN_NONE;
    struct mm_op op;
    enum err rc = arguments(&a, arg, sizeof(a));

    if (rc)
        return errno_of(rc);
    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = join(&op, maddr_of(a.entry), &table);
    if (rc)
        return end(&op, rc);
    v->d->super_stats.joined++;
    mm_op_end(&op);
    a.table = table.v;
    return errno_of(guest_write(arg, &a, sizeof(a)));
}

long flagstone_super_heal(struct vcpu *v, uint64_t arg)
{
    struct flagstone_heal a;
    mfn_t first = MFN_NONE, table = MFN_NONE;
    struct mm_op op;
    enum err rc = arguments(&a, arg, sizeof(a));

    if (rc)
        return errno_of(rc);
    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = heal(&op, maddr_of(a.entry), &first, &table);
    if (rc)
        return end(&op, rc);
    v->d->super_stats.healed++;
    mm_op_end(&op);
    downgrade_ring_put(v->d, FLAGSTONE_EVENT_healed, pfn_of(hv_mm.m2p[first.v]),
                       BLOCK_FRAMES, first);
    downgrade_ring_notify(v->d);
    a.first = first.v;
    a.table = table.v;
    return errno_of(guest_write(arg, &a, sizeof(a)));
}

/* --- compact -------------------------------------------------------------- */

#define MOVES 32u /* read, done and written back in one go */

/* One chunk; *n: how many of them were looked at, *moved: and moved. */
static enum err move_some(struct mm_op *op, struct flagstone_move *m,
                          unsigned *n, unsigned *moved)
{
    unsigned want = *n;

    *moved = 0;
    for (*n = 0; *n < want; ++*n, m++) {
        mfn_t at = mfn_of(m->mfn);
        enum err rc = compact_move(op, &at, maddr_of(m->pte));

        if (rc && rc != ERR_BUSY)
            return rc;
        *moved += at.v != m->mfn;
        m->mfn = at.v;
    }
    return ERR_NONE;
}

static enum err move_chunk(struct vcpu *v, uint64_t at, unsigned n,
                           unsigned *done, unsigned *moved)
{
    struct flagstone_move m[MOVES];
    size_t size = n * sizeof(m[0]);
    struct mm_op op;
    enum err rc = arguments(m, at, size);

    *done = *moved = 0;
    if (rc)
        return rc;
    *done = n;
    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = move_some(&op, m, done, moved);
    mm_op_end(&op);
    if (guest_write(at, m, size))
        return ERR_FAULT;
    return rc;
}

/*
 * How far it got is in the upper half of cmd when it is called again. The
 * guest may lie about `moved` in between: it lies to itself.
 */
long flagstone_super_compact(struct vcpu *v, uint64_t cmd, uint64_t arg)
{
    struct flagstone_compact a;
    uint32_t at = (uint32_t)(cmd >> 32);
    enum err rc = arguments(&a, arg, sizeof(a));

    if (rc)
        return errno_of(rc);
    if (at == 0)
        a.moved = 0;
    while (!rc && at < a.nr) {
        unsigned done, moved;

        if (at > (uint32_t)(cmd >> 32) && cpu_preempt()) {
            rc = ERR_RESTART;
            break;
        }
        rc = move_chunk(v, a.moves + at * sizeof(struct flagstone_move),
                        MIN(a.nr - at, MOVES), &done, &moved);
        at += done;
        a.moved += moved;
    }
    if (guest_write(arg + offsetof(struct flagstone_compact, moved), &a.moved,
                    sizeof(a.moved)))
        return -XEN_EFAULT;
    if (rc == ERR_RESTART)
        return hypercall_continue(flagstone_op,
                                  (uint64_t)at << 32 | (uint32_t)cmd, arg);
    return errno_of(rc);
}
