/* SPDX-License-Identifier: MIT */
/* trap.h: what entry.asm calls, the exception table. */
#pragma once

#include "base.h"
#include "hv/arch/idt.h"
#include "hv/arch/regs.h"

/*
 * Where guests enter, their FPU, their descriptor window. After paging_init(),
 * before memory_init(): it builds page tables.
 */
void trap_init(void);
/* The same for another CPU, which is as the boot CPU is. */
void trap_setup(void);

/* Where each vector leads: entry.asm. */
extern const uint64_t entry_vectors[IDT_VECTORS];

void trap_dispatch(struct regs *regs);
/* The IRETQ to a guest faulted; `fault` holds its registers and the reason. */
void trap_iret_fault(const struct regs *fault);

/*
 * Goes on at the fixup of a risky instruction that faulted. In asm or C:
 * .pushsection .extable,"a"; .long fault - ., fixup - .; .popsection
 */
bool trap_fixup(struct regs *regs);
