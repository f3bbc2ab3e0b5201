/* SPDX-License-Identifier: MIT */
/*
 * grant.h: frames lent to other domains and theirs mapped, by grant tables of
 * version 1. The table's first frame is mapped at GRANT_TABLE; it is the
 * hypervisor's, so a guest unmaps it before it suspends.
 */
#pragma once

#include "guest/lib/hypercall.h"
#include "xen/grant_table.h"

/* GRANT_WINDOW: addresses for grants to be mapped at; no more than 512. */
#define GRANT_WINDOW UINT64_C(0xffffc00000000000)
#define GRANT_TABLE  (GRANT_WINDOW + BLOCK_SIZE)
#define grant_entry  ((volatile struct grant_entry_v1 *)GRANT_TABLE)

#define GRANT_RW GNTMAP_host_map
#define GRANT_RO (GNTMAP_host_map | GNTMAP_readonly)

/* One request; 0 or a negated errno. Its own status is in it. */
int64_t grant_op(uint64_t cmd, void *arg);
/* Sets the table up and maps it; the guest ends if it cannot. Its frame. */
mfn_t grant_open(void);
void grant_close(void);
/* Entry ref: `to` may do with the frame what `flags` say. */
void grant_give(uint32_t ref, pfn_t pfn, domid_t to, unsigned flags);

/* What follows returns GNTST_*. */
int grant_map(struct gnttab_map_grant_ref *m);
int grant_unmap(uint64_t host_addr, uint32_t handle);
