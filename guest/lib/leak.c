/* SPDX-License-Identifier: MIT */
/*
 * leak.c: gives the spare frames back and takes others.
 */
#include "guest/lib/leak.h"

#include "guest/lib/guest.h"

static pfn_t spares[LEAK_SPARES];

void leak_init(void)
{
    for (unsigned i = 0; i < LEAK_SPARES; i++)
        spares[i] = frame_alloc();
}

pfn_t leak_spare(unsigned i)
{
    return spares[i];
}

mfn_t leak_mfn(unsigned i)
{
    return frame_mfn(spares[i]);
}

int64_t leak_owned(void)
{
    domid_t self = DOMID_SELF;
    return hc_memory_op(XENMEM_current_reservation, &self);
}

int64_t leak_reserve(enum xen_memory_cmd cmd, void *extents, uint64_t count,
                     unsigned order)
{
    struct xen_memory_reservation r = {(guest_ptr_t)extents, count, order, 0,
                                       DOMID_SELF};
    return hc_memory_op(cmd, &r);
}

void leak_check(void)
{
    int64_t before = leak_owned();
    for (unsigned i = 0; i < LEAK_SPARES; i++) {
        uint64_t extent = leak_mfn(i).v;
        frame_unmap(spares[i]);
        CHECK_EQ(leak_reserve(XENMEM_decrease_reservation, &extent, 1, 0), 1);
    }
    CHECK_EQ(leak_owned(), before - LEAK_SPARES);
    for (unsigned i = 0; i < LEAK_SPARES; i++) {
        uint64_t extent = spares[i].v;
        CHECK_EQ(leak_reserve(XENMEM_populate_physmap, &extent, 1, 0), 1);
        frame_set_mfn(spares[i], mfn_of(extent));
        frame_make_rw(spares[i]);
        memset(frame_va(spares[i]), 0, PAGE_SIZE);
    }
    CHECK_EQ(leak_owned(), before);
    if (!guest_flagstone)
        return;
    int64_t rc = hc_flagstone_op(FLAGSTONE_OP_audit, NULL);
    CHECK(rc == 0 || rc == -XEN_ENOSYS);
}
