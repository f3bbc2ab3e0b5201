/* SPDX-License-Identifier: MIT */
/* grant.c: see grant.h. */
#include "guest/lib/grant.h"

#include "guest/lib/guest.h"

int64_t grant_op(uint64_t cmd, void *arg)
{
    return hc_grant_table_op(cmd, arg, 1);
}

mfn_t grant_open(void)
{
    uint64_t frame = 0;
    struct gnttab_setup_table s = {DOMID_SELF, 1, 0, (guest_ptr_t)&frame};
    REQUIRE(grant_op(GNTTABOP_setup_table, &s) == 0 && s.status == GNTST_okay);
    pt_make_tables(GRANT_WINDOW, 1);
    REQUIRE(pt_map(GRANT_TABLE, mfn_of(frame), PT_KERNEL_RW) == 0);
    return mfn_of(frame);
}

void grant_close(void)
{
    REQUIRE(pt_unmap(GRANT_TABLE) == 0);
}

void grant_give(uint32_t ref, pfn_t pfn, domid_t to, unsigned flags)
{
    grant_entry[ref].frame = (uint32_t)frame_mfn(pfn).v;
    grant_entry[ref].domid = to;
    __atomic_store_n(&grant_entry[ref].flags, (uint16_t)flags,
                     __ATOMIC_RELEASE);
}

int grant_map(struct gnttab_map_grant_ref *m)
{
    REQUIRE(grant_op(GNTTABOP_map_grant_ref, m) == 0);
    return m->status;
}

int grant_unmap(uint64_t host_addr, uint32_t handle)
{
    struct gnttab_unmap_grant_ref u = {.host_addr = host_addr,
                                       .handle = handle};
    REQUIRE(grant_op(GNTTABOP_unmap_grant_ref, &u) == 0);
    return u.status;
}
