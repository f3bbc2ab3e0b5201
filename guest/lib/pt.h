/* SPDX-License-Identifier: MIT */
/*
 * pt.h: the guest's page tables, read through the linear map and changed only
 * by hypercall.
 */
#pragma once

#include "guest/lib/hypercall.h"
#include "pte.h"

/* The tables a level-4 frame roots are walked from its pfn. */
void pt_init(void);
pfn_t pt_root(void); /* the boot root, until pt_set_root() */
void pt_set_root(pfn_t root);

/* The entry of a level for va; NULL if a table above it is missing or has no
 * pfn (the hypervisor supplied it), or if a superpage covers it. */
const pte_t *pt_entry(pfn_t root, uint64_t va, unsigned level);
maddr_t pt_entry_maddr(pfn_t root, uint64_t va, unsigned level);
/* The level-1 entry of va in the current root, 0 if there is none. */
pte_t pt_lookup(uint64_t va);

/* One entry by mmu_update: 0 or a negated errno. */
int64_t pt_update(maddr_t at, pte_t value);
int64_t pt_update_cmd(maddr_t at, pte_t value, enum xen_mmu_cmd cmd);
/* One operation by mmuext_op. */
int64_t pt_op(enum xen_mmuext_cmd cmd, mfn_t mfn);
int64_t pt_op_addr(enum xen_mmuext_cmd cmd, uint64_t va);
int64_t pt_pin(pfn_t pfn, unsigned level);
int64_t pt_unpin(pfn_t pfn);

/* Make the tables for va down to the given level exist in the current root
 * (frames from the pool, read-only); the guest ends if one is refused. */
void pt_make_tables(uint64_t va, unsigned level);
/* Map one frame; missing tables are made. 0 or a negated errno. */
int64_t pt_map(uint64_t va, mfn_t mfn, uint64_t flags);
int64_t pt_unmap(uint64_t va);

static inline maddr_t pt_slot_maddr(mfn_t table, unsigned slot)
{
    return maddr_of((table.v << PAGE_SHIFT) + slot * sizeof(pte_t));
}

#define PT_KERNEL_RW (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)
#define PT_KERNEL_RO (PTE_P | PTE_US | PTE_A | PTE_D)
#define PT_TABLE     (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)
