/* SPDX-License-Identifier: MIT */
/* downgrade_ring.c: see downgrade_ring.h. Indices are read once, and nonsense
 * is a full ring. */
#include "hv/call/downgrade_ring.h"

#include "hv/arch/lock.h"
#include "hv/arch/x86.h"
#include "hv/domain/tlb.h"
#include "hv/sched/event.h"
#include "mm/alloc/range.h"
#include "mm/pv/type.h"

/* A reference that is held, or MFN_NONE, takes the place of the old one. */
static void move(struct mm_op *op, mfn_t m)
{
    if (!mfn_eq(op->d->downgrade_ring, MFN_NONE))
        type_put_deferred(op, op->d->downgrade_ring);
    op->d->downgrade_ring = m;
}

/* Writable is not a type that validates, so nothing here can take long. */
static enum err hold(struct domain *d, mfn_t m)
{
    enum err rc = ERR_NONE;
    struct mm_op op;

    mm_op_begin(&op, &d->mm, &d->vcpu[0]->mm);
    if (!mfn_eq(m, MFN_NONE))
        rc = type_get(&op, m, FRAME_WRITABLE);
    if (!rc)
        move(&op, m);
    mm_op_end(&op);
    return rc;
}

enum err downgrade_ring_set(struct domain *d, mfn_t m)
{
    enum err rc = hold(d, m);

    if (!rc)
        d->downgrade_mfn = m;
    return rc;
}

void downgrade_ring_suspend(struct domain *d)
{
    struct mm_op op;

    mm_op_begin(&op, &d->mm, &d->vcpu[0]->mm);
    move(&op, MFN_NONE);
    mm_op_end(&op);
}

void downgrade_ring_resume(struct domain *d)
{
    if (hold(d, d->downgrade_mfn))
        d->downgrade_mfn = MFN_NONE;
}

/* --- events -------------------------------------------------------------- */

static struct flagstone_ring *ring_of(const struct domain *d)
{
    if (mfn_eq(d->mm.downgrade_ring, MFN_NONE))
        return NULL;
    return mm_frame_ptr(d->mm.mm, d->mm.downgrade_ring);
}

static bool write_event(struct flagstone_ring *ring,
                        const struct flagstone_event *e)
{
    uint32_t cons = __atomic_load_n(&ring->cons, __ATOMIC_ACQUIRE);
    uint32_t prod = READ_ONCE(ring->prod);

    if (prod - cons >= FLAGSTONE_RING_EVENTS) {
        WRITE_ONCE(ring->lost, ring->lost + 1);
        return false;
    }
    ring->event[prod % FLAGSTONE_RING_EVENTS] = *e;
    __atomic_store_n(&ring->prod, prod + 1, __ATOMIC_RELEASE);
    return true;
}

void downgrade_ring_put(struct domain *d, enum flagstone_event_type type,
                        pfn_t pfn, uint32_t count, mfn_t m)
{
    const struct flagstone_event e = {
        .type = type,
        .count = count,
        .pfn = pfn.v,
        .mfn = m.v,
        .ticks = x86_rdtsc(),
    };
    struct flagstone_ring *ring = ring_of(d);

    if (ring && write_event(ring, &e))
        d->super_stats.events++;
    else
        d->super_stats.events_lost++;
}

/*
 * Who notifies says so first and looks then whether it is bound; who binds has
 * bound it when he looks here: one of them sees the other.
 */
void downgrade_ring_notify(struct domain *d)
{
    __atomic_store_n(&d->downgrade_virq, true, __ATOMIC_SEQ_CST);
    downgrade_ring_bound(d);
}

void downgrade_ring_bound(struct domain *d)
{
    if (event_virq_bound(d, VIRQ_FLAGSTONE) &&
        __atomic_exchange_n(&d->downgrade_virq, false, __ATOMIC_SEQ_CST))
        event_virq(d->vcpu[0], VIRQ_FLAGSTONE);
}

static pfn_t pfn_or_none(const struct mm *mm, mfn_t m)
{
    return mm_mfn_valid(mm, m) ? pfn_of(READ_ONCE(mm->m2p[m.v])) : PFN_NONE;
}

/* That an entry of a table of this level would map. */
static uint32_t frames_by(unsigned level)
{
    uint32_t n = 1;

    while (level-- > 1)
        n *= PT_ENTRIES;
    return n;
}

/* What is counted is this vCPU's own: it is here, so it is refused no more. */
void downgrade_ring_refused(struct vcpu *v)
{
    const struct mm_vcpu *mm = &v->mm;
    struct domain *d = v->d;
    bool got;

    if (!d->mm.large_shown || v->refused.in_ring == mm->super_refused)
        return;
    v->refused.in_ring = mm->super_refused;
    got = hv_lock_get_once();
    downgrade_ring_put(d, FLAGSTONE_EVENT_refused,
                       pfn_or_none(d->mm.mm, mm->refused),
                       frames_by(mm->refused_level), mm->refused);
    downgrade_ring_notify(d);
    hv_lock_put_back(got);
}

/* --- ranges -------------------------------------------------------------- */

_Static_assert((int)FLAGSTONE_RANGE_scattered == (int)RANGE_SCATTERED &&
                   (int)FLAGSTONE_RANGE_shattered == (int)RANGE_SHATTERED &&
                   (int)FLAGSTONE_RANGE_remap == (int)RANGE_REMAP,
               "the interface has mm's numbers");

bool downgrade_ring_range(const struct domain *d, uint64_t n,
                          struct flagstone_range *out)
{
    struct range r;

    if (!range_nth(&d->mm, n, &r))
        return false;
    *out = (struct flagstone_range){
        .pfn = r.pfn.v, .count = BLOCK_FRAMES, .state = r.state};
    return true;
}

uint64_t downgrade_ring_ranges(const struct domain *d)
{
    return range_count(&d->mm, RANGE_SCATTERED) +
           range_count(&d->mm, RANGE_SHATTERED) +
           range_count(&d->mm, RANGE_REMAP);
}

static enum flagstone_event_type event_of(uint32_t state)
{
    static const uint8_t type[] = {
        [FLAGSTONE_RANGE_scattered] = FLAGSTONE_EVENT_scattered,
        [FLAGSTONE_RANGE_shattered] = FLAGSTONE_EVENT_shattered,
        [FLAGSTONE_RANGE_remap] = FLAGSTONE_EVENT_remap,
    };

    return type[state];
}

/*
 * No more than the ring can hold at most: the others are lost in one go, and
 * the guest asks for the list.
 */
void downgrade_ring_announce(struct domain *d)
{
    uint64_t all = downgrade_ring_ranges(d), n;
    struct flagstone_ring *ring = ring_of(d);
    struct flagstone_range r;

    downgrade_ring_put(d, FLAGSTONE_EVENT_resumed, pfn_of(0), (uint32_t)all,
                       MFN_NONE);
    for (n = 0; n < FLAGSTONE_RING_EVENTS && downgrade_ring_range(d, n, &r);
         n++)
        downgrade_ring_put(d, event_of(r.state), pfn_of(r.pfn), r.count,
                           MFN_NONE);
    d->super_stats.events_lost += all - n;
    if (ring && all > n)
        WRITE_ONCE(ring->lost, ring->lost + (uint32_t)(all - n));
    downgrade_ring_notify(d);
}
