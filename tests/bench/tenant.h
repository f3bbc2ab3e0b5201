/* SPDX-License-Identifier: MIT */
/*
 * tenant.h: a domain to measure with: a tree of one entry in each table, a
 * frame that it maps, and what it does. Nothing in it is shared with another
 * one, so what two of them cost each other is mm/'s doing.
 */
#pragma once

#include "mm/pv/mmu_fast.h"
#include "port.h"

struct tenant {
    struct mm_domain d aligned_to(64);
    struct mm_vcpu v;
    struct mm_owed owed;
    mfn_t l1, data;
};

/* What cannot fail here has not. */
void must(bool good);
/* For struct host_cpus. */
void tenant_discharge(struct mm_domain *d, const struct tlb *tlb);

void tenant_make(struct mm *mm, struct tenant *t, domid_t id);
/* Its entry is made read-only, and writable again. */
void tenant_flip(struct tenant *t);
/* It gets 16 frames and puts them. */
void tenant_frames(struct tenant *t);
