/* SPDX-License-Identifier: MIT */
/*
 * hypercall.h: the edge between a guest's kernel and the hypervisor. The only
 * place where errno exists.
 *
 * A handler is `long hypercall_NAME(...)` with the guest's arguments in C's
 * own order (hv/entry.asm moves r10 to rcx), as uint64_t; it works for
 * current_vcpu() and returns what the guest finds in rax. Each handler is
 * declared here and listed in hv/hypercall.c.
 */
#pragma once

#include "hv/domain.h"
#include "hv/vcpu.h"
#include "xen/errno.h"

#define HYPERCALLS 64u /* numbers below are looked up, the others -ENOSYS */

/* 0 or a negated errno; never ERR_RESTART. */
long errno_of_failure(enum err e);
static inline long errno_of(enum err e)
{
    return likely(!e) ? 0 : errno_of_failure(e);
}

/*
 * Asks to be called again with these arguments once other work was done:
 * `return hypercall_continue(nr, 2, a, b);` as the last thing. Registers, or
 * the multicall entry, are rewritten, RIP goes back to the SYSCALL.
 */
long hypercall_continue(unsigned nr, unsigned n, ...);

/* The same with the arguments it has: `return hypercall_again(nr);`. */
long hypercall_again(unsigned nr);

/*
 * A hypercall leaves out the registers that SYSRET restores by itself; called
 * before anybody looks at them or writes to them.
 */
void hypercall_complete_regs(void);

/* Should a loop over a guest's array stop here and continue later? */
bool hypercall_preempt(void);

/* CPU side */
long hypercall_set_trap_table(uint64_t traps);
long hypercall_mmu_update(uint64_t reqs, uint64_t count, uint64_t done,
                          uint64_t foreigndom);
long hypercall_set_gdt(uint64_t frames, uint64_t entries);
long hypercall_stack_switch(uint64_t ss, uint64_t sp);
long hypercall_set_callbacks(uint64_t event, uint64_t failsafe,
                             uint64_t syscall);
long hypercall_fpu_taskswitch(uint64_t set);
long hypercall_set_debugreg(uint64_t reg, uint64_t value);
long hypercall_get_debugreg(uint64_t reg);
long hypercall_update_descriptor(uint64_t ma, uint64_t desc);
long hypercall_multicall(uint64_t calls, uint64_t nr);
long hypercall_update_va_mapping(uint64_t va, uint64_t val, uint64_t flags);
long hypercall_update_va_mapping_otherdomain(uint64_t va, uint64_t val,
                                             uint64_t flags, uint64_t domid);
long hypercall_vm_assist(uint64_t cmd, uint64_t type);
long hypercall_iret(void); /* fast.asm; does not come back */
long hypercall_iret_slow(void);
long hypercall_set_segment_base(uint64_t which, uint64_t base);
long hypercall_mmuext_op(uint64_t ops, uint64_t count, uint64_t done,
                         uint64_t foreigndom);
long hypercall_nmi_op(uint64_t cmd, uint64_t arg);
long hypercall_callback_op(uint64_t cmd, uint64_t arg);

/* Services */
long hypercall_memory_op(uint64_t cmd, uint64_t arg);
long hypercall_set_timer_op(uint64_t when);
long hypercall_event_channel_op_compat(uint64_t op);
long hypercall_event_channel_op(uint64_t cmd, uint64_t arg);
long hypercall_xen_version(uint64_t cmd, uint64_t arg);
long hypercall_console_io(uint64_t cmd, uint64_t count, uint64_t buf);
long hypercall_grant_table_op(uint64_t cmd, uint64_t arg, uint64_t count);
long hypercall_physdev_op(uint64_t cmd, uint64_t arg);
long hypercall_vcpu_op(uint64_t cmd, uint64_t vcpu, uint64_t arg);
long hypercall_sched_op_compat(uint64_t cmd, uint64_t arg);
long hypercall_sched_op(uint64_t cmd, uint64_t arg);
long hypercall_flagstone_op(uint64_t cmd, uint64_t arg);
