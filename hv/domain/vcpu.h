/* SPDX-License-Identifier: MIT */
/*
 * vcpu.h: a vCPU's state moving between the machine and struct vcpu.
 *
 * Invariant: this_cpu()->vcpu is the one whose segments, bases, FPU and debug
 * registers are in this CPU, vcpu->on of that; what is loaded nowhere is wholly
 * in memory.
 */
#pragma once

#include "hv/arch/cpu.h"
#include "hv/domain/domain.h"
#include "xen/arch-x86_64.h"

/* this_cpu()->vcpu in one instruction; volatile, for it changes. */
static inline struct vcpu *current_vcpu(void)
{
    struct vcpu *v;

    __asm__ volatile("movq %%gs:%c1, %0"
                     : "=r"(v)
                     : "i"(offsetof(struct percpu, vcpu)));
    return v;
}

/* What the processor side needs of memory: FPU area, profile. */
enum err vcpu_alloc(struct vcpu *v);
/* The opposite; v must not be loaded, and seg_forget() has been. */
void vcpu_free(struct vcpu *v);

/* Puts what is loaded back into memory and loads next; NULL: nobody. */
void vcpu_switch(struct vcpu *next);
/*
 * The CPU has nothing to run: without the tables of what is loaded, until it
 * goes on with that or another.
 */
void vcpu_rest(void);
void vcpu_resume(const struct vcpu *v);
/* v's state in memory is complete, loaded or not (suspend, dumps). */
void vcpu_sync(struct vcpu *v);

/*
 * The state VCPUOP_initialise or the domain builder give: everything checked
 * before anything is set. ERR_RESTART: the roots are partly validated; call
 * again with the same context. One that fails because of a frame leaves a vCPU
 * that is not initialised, whatever it was.
 */
enum err vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c);
/*
 * The same of one that vcpu_get_context() took, or may have taken: whatever a
 * vCPU can come to by itself is not refused, so any RIP and stack pointer will
 * do. IRET and those who push frames look at them.
 */
enum err vcpu_put_context(struct vcpu *v, const struct vcpu_guest_context *c);
/*
 * v does not run and is to be given its context again: descriptor tables are
 * let go, in the machine too. ERR_RESTART. Roots are left to mm/.
 */
enum err vcpu_let_go(struct vcpu *v);
/* The opposite, for save; roots and descriptor frames as mfns. */
void vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c);

/* Between guest user and kernel mode: root and GS base. v is loaded. */
void vcpu_set_mode(struct vcpu *v, bool kernel);
/* As guest_read_some(), of the kernel's memory, in whatever mode v is. */
size_t vcpu_read_kernel(const struct vcpu *v, void *dst, uint64_t va, size_t n);
/* What of v->cr4 has to be in the machine while v is loaded. */
void vcpu_load_control(const struct vcpu *v);
/* CR3 from v's roots and mode. v is loaded. */
void vcpu_load_root(const struct vcpu *v);
