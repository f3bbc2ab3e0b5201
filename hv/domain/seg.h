/* SPDX-License-Identifier: MIT */
/*
 * seg.h: a guest's descriptor tables and selectors.
 *
 * Each vCPU has a window of its own in the hypervisor's range: 16 pages that
 * LGDT points at (14 of the guest's and the reserved page) and 16 of its LDT.
 * Invariant: what a window maps is a frame the vCPU holds a descriptor type
 * reference to, the reserved page, or a page of zeros.
 */
#pragma once

#include "hv/domain/domain.h"

/* While the hypervisor can still build page tables of its own. */
void seg_init(void);

enum err seg_window_get(struct vcpu *v);
void seg_window_put(struct vcpu *v);

#define DESC_PER_FRAME 512u
/* How many frames hold so many descriptors. */
static inline unsigned seg_gdt_frames(unsigned entries)
{
    return (entries + DESC_PER_FRAME - 1) / DESC_PER_FRAME;
}
/* All or nothing; at most 14 frames. ERR_INVAL, ERR_RESTART. */
enum err seg_set_gdt(struct vcpu *v, const uint64_t *mfns, unsigned entries);
/* base must be page aligned and the guest's, entries <= 8192. */
enum err seg_set_ldt(struct mm_op *op, struct vcpu *v, uint64_t base,
                     unsigned entries);
/* The LDT's pages are looked up again (the address space changed). */
enum err seg_drop_ldt(struct mm_op *op, struct vcpu *v);

/* The descriptor that sel names in v's tables, which are loaded. False: null,
 * beyond the table, or its page cannot be read. */
bool seg_descriptor(const struct vcpu *v, uint16_t sel, uint64_t *descriptor);

/* LGDT and LLDT. */
void seg_load(const struct vcpu *v);

/*
 * A guest's access to a descriptor faulted at va, in the hypervisor's range.
 * True: done with, retry or fault delivered. False: not a descriptor.
 */
bool seg_fault(struct vcpu *v, uint64_t va, uint64_t error);
/* The same while the hypervisor loads a selector: true: retry. */
bool seg_fault_retry(struct vcpu *v, uint64_t va, uint64_t error);
