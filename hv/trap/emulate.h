/* SPDX-License-Identifier: MIT */
/*
 * emulate.h: instructions that a guest's kernel may think it can execute.
 * Each takes what faulted from v->regs; true: done, or another event was
 * delivered instead; false: deliver the fault.
 */
#pragma once

#include "hv/domain/domain.h"

/* #GP with code 0. */
bool emulate_privileged(struct vcpu *v);
/* #UD: the forced-emulation prefix ud2 "xen" before CPUID. */
bool emulate_forced(struct vcpu *v);
/* Its bytes but the first: what has not these, fast.asm need not leave to C. */
#define EMULATE_PREFIX 0x6e65780bu
/* #GP whose code names an IDT entry: INT n. */
bool emulate_soft_interrupt(struct vcpu *v, uint64_t error);

/* Does v run 64-bit code? */
bool emulate_is_64bit(const struct vcpu *v);
/* RIP is behind an emulated instruction: RF ends, TF traps. */
void emulate_retired(struct vcpu *v);
