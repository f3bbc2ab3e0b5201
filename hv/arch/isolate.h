/* SPDX-License-Identifier: MIT */
/*
 * isolate.h: with isolate=on, CR3 leads to no memory of other guests', nor of
 * the hypervisor's, while a guest runs: a processor that reads what it may not
 * (Meltdown) finds nothing there.
 *
 * Each CPU has copies of level 4 of its own, for a guest's kernel and its
 * programs. Such a copy has the guest's entries, and of the hypervisor's what
 * the way in needs before it has loaded the guest's root itself, which leads to
 * all (hv/entry/isolated.asm):
 *
 *   the M2P, which guests read anyway
 *   .isolated, the code of the way in and out, and the IDT    read-only
 *   struct percpu and the TSS; the four IST stacks
 *   the CPU's window of descriptors: the loaded vCPU's, and the reserved page
 *   the first page of struct vcpu, of the vCPU that runs: regs
 *
 * Invariant: a copy is a kind of TLB, of entries of level 4. Whatever makes the
 * processor forget its translations forgets the copies, by x86.h's
 * X86_FORGETS; INVLPG, if the entry for that address has changed. So what mm/
 * relies on holds of both: before a table is put to another use, all CPUs have
 * flushed. An entry that became present needs no flush: a page fault looks at
 * the root's, and if that is another, forgets the copy and is not the guest's.
 *
 * What is cached of the copies goes when CR3 is loaded: PCIDs are not used, and
 * no leaf of the hypervisor's is global (hv/arch/paging.c), but for the window
 * of descriptors, which is the same in both. A processor sets the accessed bit
 * of level 4 in the copy; the guest's entry has it from the start
 * (docs/abi.md).
 */
#pragma once

#include "base.h"

/* All processors' tables; before memory_init(). Only with isolate=on. */
void isolate_init(void);

/*
 * The way out found no copy of CR3's root, another vCPU's page mapped, or that
 * somebody has asked for wiping: the machine address of what is to be loaded.
 * From isolated.asm alone. Who asks sets percpu.isolate.shown to 0: whoever
 * loads a vCPU, which may be a new one at an old one's address, and an NMI or
 * machine check in the hypervisor, which may be at work for others.
 */
uint64_t isolate_refresh(void);
