/* SPDX-License-Identifier: MIT */
/*
 * mmu.h: the guest's requests on page tables: mmu_update,
 * update_va_mapping and the operations of mmuext_op that touch memory.
 * Each is decode, check, apply; on error nothing has changed.
 *
 * Each drains what the vCPU's last operation left; ERR_RESTART from any of
 * them means: progress is kept, call again with the same arguments, before
 * anything else of this vCPU's.
 */
#pragma once

#include "mm/alloc/mm.h"

/* What mmu_fast.h leaves of one mmu_update or update_va_mapping. */
enum err mmu_update_rest(struct mm_op *op, uint64_t ptr, uint64_t val,
                         mfn_t gone);
enum err mmu_update_va_rest(struct mm_op *op, uint64_t va, uint64_t val,
                            mfn_t gone);

/*
 * n mmu_update requests in order, up to the first that fails; *done says how
 * many worked.
 */
struct mmu_request {
    uint64_t ptr, val;
};
_Static_assert(sizeof(struct mmu_request) == 16, "ABI fact 2.2");
enum err mmu_update_list(struct mm_op *op, const struct mmu_request *req,
                         unsigned n, unsigned *done);

/* The present L1 entry for va under op->v's kernel root; else ERR_INVAL. */
enum err mmu_find_va(const struct mm_op *op, uint64_t va, pte_t *out);

/*
 * A faulting write to the guest's own table through a read-only mapping at va,
 * of an entry of level 1, or, if the domain is shown large pages, of 2 or 3
 * that is no table and becomes none, or of 2 where an L1 table goes: hv/ asks
 * lapse_store() (lapse.h), decodes the instruction, finds the
 * entry, reads it, works out the new 8 bytes and writes them if the entry is
 * still what was read. _find: ERR_INVAL: va does not map a validated table of
 * the domain's, of level 1 to 3, read only under `root`: deliver the fault.
 * _write: ERR_RESTART: the entry has changed meanwhile, read again; any other
 * error: deliver the fault.
 */
struct mmu_entry {
    mfn_t table;
    unsigned i;
};
enum err mmu_emulate_find(struct mm_op *op, mfn_t root, uint64_t va,
                          struct mmu_entry *out);
uint64_t mmu_emulate_read(const struct mm_op *op, struct mmu_entry e);
enum err mmu_emulate_write(struct mm_op *op, struct mmu_entry e, uint64_t old,
                           uint64_t val);

/* mmuext_op (facts 2.3). level 1..4. */
enum err mmu_pin(struct mm_op *op, mfn_t m, unsigned level);
enum err mmu_unpin(struct mm_op *op, mfn_t m);
/* Only the references change; hv/ loads CR3. MFN 0 as user root: none. */
enum err mmu_new_baseptr(struct mm_op *op, mfn_t m);
enum err mmu_new_user_baseptr(struct mm_op *op, mfn_t m);
enum err mmu_clear_page(struct mm_op *op, mfn_t m);
enum err mmu_copy_page(struct mm_op *op, mfn_t dst, mfn_t src);
enum err mmu_mark_super(struct mm_op *op, mfn_t m);
enum err mmu_unmark_super(struct mm_op *op, mfn_t m);

/*
 * A descriptor frame for slot (GDT 0..13, LDT 14..29) of op->v: takes the
 * new reference, then drops the one there was; MFN_NONE: drops only. Never
 * ERR_RESTART, whatever op->v has left to do: the hypervisor's own use of a
 * selector may need it (seg_fault_retry()), and cannot be called again.
 */
enum err mmu_seg_load(struct mm_op *op, unsigned slot, mfn_t m);
/*
 * All slots of op->v's GDT at once: nr frames, at most MM_GDT_SLOTS, and none
 * behind them. All new references are taken before any old one is dropped.
 */
enum err mmu_gdt_load(struct mm_op *op, const uint64_t *mfns, unsigned nr);
/* A frame for op->v's vcpu_info: a writable reference until the domain ends. */
enum err mmu_info_load(struct mm_op *op, mfn_t m);
/* update_descriptor (10): ma 8-aligned inside a frame of the domain's. */
enum err mmu_update_descriptor(struct mm_op *op, maddr_t ma, uint64_t desc);
