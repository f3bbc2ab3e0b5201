/* SPDX-License-Identifier: MIT */
/*
 * memory_op.c: memory_op: decoding, loops over the guest's arrays, counting
 * what was done. What happens to a frame is in mm/resize/reservation.c.
 *
 * Invariants: a structure is copied in once and used from the copy; progress
 * is in the command's upper bits (or, for an exchange, in the guest's
 * structure) and is nothing but the place where to go on; every array access
 * is range checked on its own (XSA-212).
 */
#include "xen/memory.h"

#include "hv/arch/layout.h"
#include "hv/arch/memory.h"
#include "hv/arch/paging.h"
#include "hv/call/exchange.h"
#include "hv/call/hypercall.h"
#include "hv/domain/guest.h"
#include "hv/domain/tlb.h"
#include "hv/domain/vcpu.h"
#include "mm/resize/reservation.h"

#define CMD_MASK    (BIT(MEMOP_CMD_BITS) - 1)
#define EXTENTS_MAX (BIT(44) - 1) /* no array of more is the guest's */

/* Frame numbers copied in and done in one go. */
#define CHUNK 64

/* --- extents -------------------------------------------------------------- */

struct extents {
    struct xen_memory_reservation r;
    uint64_t cmd;
    uint64_t arg;
    uint64_t done;
};

static uint64_t extent_va(const struct extents *x)
{
    return x->r.extent_start + x->done * sizeof(uint64_t);
}

/* What preemption waits for: this many frames, or one larger extent. */
static unsigned chunk_size(const struct extents *x)
{
    uint64_t most = MAX((uint64_t)CHUNK >> x->r.extent_order, UINT64_C(1));

    return (unsigned)MIN(most, x->r.nr_extents - x->done);
}

/* The first *n of the array, as many of them as can be read. ERR_FAULT: 0. */
static enum err read_chunk(const struct extents *x, uint64_t *v, unsigned *n)
{
    const size_t size = sizeof(*v);

    *n = (unsigned)(guest_read_some(v, extent_va(x), *n * size) / size);
    return *n ? ERR_NONE : ERR_FAULT;
}

static enum err decrease_chunk(struct mm_op *op, struct extents *x)
{
    mfn_t m[CHUNK];
    unsigned n = chunk_size(x), done = 0;
    enum err rc = read_chunk(x, &m[0].v, &n);

    if (rc)
        return rc;
    if (x->r.extent_order == 0)
        rc = reservation_decrease_list(op, m, n, &done);
    else
        for (; done < n && !rc; done += !rc)
            rc = reservation_decrease(op, m[done], x->r.extent_order);
    x->done += done;
    return rc;
}

/* The n results go to the guest; those that cannot are taken back. */
static enum err give_extents(struct mm_op *op, struct extents *x,
                             const mfn_t *m, unsigned n)
{
    unsigned told = n;

    if (x->r.extent_start)
        told = (unsigned)(guest_write_some(extent_va(x), m, n * sizeof(*m)) /
                          sizeof(*m));
    x->done += told;
    if (likely(told == n))
        return ERR_NONE;
    while (n > told) /* one that the guest guessed, and uses, stays its own */
        (void)reservation_decrease(op, m[--n], x->r.extent_order);
    return ERR_FAULT;
}

static enum err read_pfns(const struct extents *x, pfn_t *pfn, unsigned *n)
{
    if (x->cmd == XENMEM_populate_physmap)
        return read_chunk(x, &pfn[0].v, n);
    for (unsigned i = 0; i < *n; i++)
        pfn[i] = PFN_NONE;
    return ERR_NONE;
}

static enum err increase_chunk(struct mm_op *op, struct extents *x)
{
    pfn_t pfn[CHUNK];
    mfn_t m[CHUNK];
    unsigned n = chunk_size(x), done = 0;
    enum err rc = read_pfns(x, pfn, &n), told;

    if (rc)
        return rc;
    if (x->r.extent_order == 0)
        rc = reservation_increase_list(op, pfn, m, n, &done);
    else
        for (; done < n && !rc; done += !rc)
            rc = reservation_increase(op, pfn[done], x->r.extent_order,
                                      &m[done]);
    told = give_extents(op, x, m, done);
    return told ? told : rc;
}

/*
 * An extent of order 9 whose block is used at 4 KiB grain costs as much as
 * 512 single ones, and the loop stops in between if it has to.
 */
static long do_extents(struct vcpu *v, struct extents *x)
{
    bool decrease = x->cmd == XENMEM_decrease_reservation;
    enum err rc = ERR_NONE;
    struct mm_op op;

    mm_op_begin(&op, &v->d->mm, &v->mm);
    while (!rc && x->done < x->r.nr_extents) {
        rc = decrease ? decrease_chunk(&op, x) : increase_chunk(&op, x);
        if (!rc && x->done < x->r.nr_extents && cpu_preempt())
            rc = ERR_RESTART;
    }
    mm_op_end(&op);
    if (rc == ERR_RESTART)
        return hypercall_continue(memory_op, x->cmd | x->done << MEMOP_CMD_BITS,
                                  x->arg);
    return (long)x->done;
}

/*
 * The array as a whole, as Xen has it: of what lies partly outside the guest's
 * part of the address space nothing is done. Without one, frames can be had
 * but not named.
 */
static bool array_ok(const struct extents *x)
{
    const struct xen_memory_reservation *r = &x->r;

    if (!r->extent_start && x->cmd == XENMEM_increase_reservation)
        return true;
    return guest_range_ok(r->extent_start, r->nr_extents * sizeof(uint64_t));
}

/* Errors show as a count that is too small (facts 2.10). */
static long reservation(struct vcpu *v, uint64_t cmd, uint64_t arg)
{
    struct extents x = {
        .cmd = cmd & CMD_MASK, .arg = arg, .done = cmd >> MEMOP_CMD_BITS};

    if (guest_read(&x.r, arg, sizeof(x.r)))
        return (long)x.done;
    if (x.done >= x.r.nr_extents || x.r.nr_extents > EXTENTS_MAX)
        return (long)x.done;
    if (x.r.extent_order > RESERVATION_ORDER_MAX ||
        (x.r.mem_flags & XENMEMF_populate_on_demand))
        return (long)x.done;
    if (domain_self(v->d, x.r.domid) || !array_ok(&x))
        return (long)x.done;
    if (x.cmd != XENMEM_decrease_reservation &&
        !exchange_bits_ok(v->d->mm.mm, x.r.mem_flags))
        return (long)x.done;
    return do_extents(v, &x);
}

/* --- questions ------------------------------------------------------------ */

static long own_number(const struct domain *d, uint64_t cmd, uint64_t arg)
{
    domid_t id;
    enum err rc;

    if (guest_read(&id, arg, sizeof(id)))
        return -XEN_EFAULT;
    rc = domain_self(d, id);
    if (rc)
        return errno_of(rc);
    switch (cmd) {
    case XENMEM_current_reservation:
        return (long)d->mm.tot_pages;
    case XENMEM_maximum_reservation:
        return (long)d->mm.max_pages;
    default: /* XENMEM_maximum_gpfn: what the guest has told */
        return (long)READ_ONCE(d->shared->arch.max_pfn) - 1;
    }
}

static long machphys_mapping(uint64_t arg)
{
    const struct xen_machphys_mapping map = {
        .v_start = MACH2PHYS_VIRT_START,
        .v_end = MACH2PHYS_VIRT_END,
        .max_mfn = hv_mm.nr_frames - 1,
    };

    return errno_of(guest_write(arg, &map, sizeof(map)));
}

/* One entry for each 2 MiB of the table; a hole repeats what went before. */
static long machphys_mfn_list(uint64_t arg)
{
    struct xen_machphys_mfn_list list;
    uint64_t chunks = (hv_mm.nr_frames * 8 + BLOCK_SIZE - 1) >> BLOCK_SHIFT;
    uint64_t last = 0;

    if (guest_read(&list, arg, sizeof(list)))
        return -XEN_EFAULT;
    list.nr_extents = (uint32_t)MIN(chunks, (uint64_t)list.max_extents);
    for (uint32_t i = 0; i < list.nr_extents; i++) {
        mfn_t m = paging_m2p_chunk(i);

        if (!mfn_eq(m, MFN_NONE))
            last = m.v;
        if (guest_write64(list.extent_start + i * sizeof(uint64_t), last))
            return -XEN_EFAULT;
    }
    return errno_of(guest_write(arg, &list, sizeof(list)));
}

/* All the pfns the domain could ever have are RAM to it. */
static long memory_map(const struct domain *d, uint64_t arg)
{
    const struct e820_entry all = {
        .addr = 0, .size = d->mm.max_pages << PAGE_SHIFT, .type = E820_RAM};
    struct xen_memory_map map;

    if (guest_read(&map, arg, sizeof(map)))
        return -XEN_EFAULT;
    if (!map.nr_entries)
        return -XEN_EINVAL;
    map.nr_entries = 1;
    if (guest_write(map.buffer, &all, sizeof(all)) ||
        guest_write(arg, &map, sizeof(map)))
        return -XEN_EFAULT;
    return 0;
}

static never_inline long other(struct vcpu *v, uint64_t cmd, uint64_t arg)
{
    switch (cmd & CMD_MASK) {
    case XENMEM_exchange:
        return exchange(v, arg);
    case XENMEM_maximum_ram_page:
        return (long)hv_mm.nr_frames - 1;
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
        return own_number(v->d, cmd & CMD_MASK, arg);
    case XENMEM_machphys_mapping:
        return machphys_mapping(arg);
    case XENMEM_machphys_mfn_list:
        return machphys_mfn_list(arg);
    case XENMEM_memory_map:
        return memory_map(v->d, arg);
    case XENMEM_machine_memory_map:
    case XENMEM_set_memory_map:
    case XENMEM_claim_pages:
        return -XEN_EPERM;
    default:
        return -XEN_ENOSYS;
    }
}

UNLOCKED_HYPERCALL2(memory_op, uint64_t, cmd, uint64_t, arg)
{
    struct vcpu *v = current_vcpu();

    switch (cmd & CMD_MASK) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return reservation(v, cmd, arg);
    default:
        return HYPERCALL_LOCKED(other(v, cmd, arg));
    }
}
