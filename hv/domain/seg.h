/* SPDX-License-Identifier: MIT */
/*
 * seg.h: a guest's descriptor tables and selectors.
 *
 * Each CPU has a window of its own in the hypervisor's range, always at the
 * same address: 16 pages that LGDT points at (14 of a guest's and the reserved
 * page) and 16 of its LDT. It keeps what the vCPU has that was loaded last.
 *
 * Invariants: what a window maps is a frame to which the vCPU it is of holds a
 * descriptor type reference, the CPU's reserved page, or a page of zeros; a
 * vCPU's frames are mapped because of it in one window at most (vcpu.window).
 * So what is to be put is unmapped first, wherever that is: by seg_set_gdt()
 * and seg_drop_ldt() of themselves, by seg_forget() before a domain's memory
 * goes. A CPU uses what its window maps only between seg_load() and the next,
 * and seg_load() drops each translation that is not true any more.
 */
#pragma once

#include "hv/domain/domain.h"

/*
 * This CPU's window, and LGDT. While the hypervisor can still build page tables
 * of its own; one CPU at a time.
 */
void seg_init(void);

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

/* The window is v's from here on; and LLDT. */
void seg_load(struct vcpu *v);
/* Nothing of v's is mapped any more: it does not run again. */
void seg_forget(struct vcpu *v);

/*
 * A guest's access to a descriptor faulted at va, in the hypervisor's range.
 * True: done with, retry or fault delivered. False: not a descriptor.
 */
bool seg_fault(struct vcpu *v, uint64_t va, uint64_t error);
/* The same while the hypervisor loads a selector: true: retry. */
bool seg_fault_retry(struct vcpu *v, uint64_t va, uint64_t error);
