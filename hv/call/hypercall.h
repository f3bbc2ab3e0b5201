/* SPDX-License-Identifier: MIT */
/*
 * hypercall.h: the edge between a guest's kernel and the hypervisor. The only
 * place where errno exists.
 *
 * A handler is `long hypercall_NAME(...)` with the guest's arguments in C's
 * own order (hv/entry/entry.asm moves r10 to rcx); it works for current_vcpu()
 * and returns what the guest finds in rax. An argument has the width it has in
 * the ABI, uint32_t for a command, a count or a domain: so it is cut off once,
 * before anybody can look at the rest of the register, and what was checked is
 * what is used. Each handler is declared here and listed in
 * hv/call/hypercall.c.
 */
#pragma once

#include "hv/domain/domain.h"
#include "hv/domain/vcpu.h"
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
 * `return hypercall_continue(nr, a, b);` as the last thing. Registers, or
 * the multicall entry, are rewritten, RIP goes back to the SYSCALL.
 */
#define hypercall_continue(nr, ...)                                            \
    hypercall_continue_with(nr, (const uint64_t[]){__VA_ARGS__},               \
                            sizeof((const uint64_t[]){__VA_ARGS__}) /          \
                                sizeof(uint64_t))
long hypercall_continue_with(unsigned nr, const uint64_t *args, size_t n);

/* The same with the arguments it has: `return hypercall_again(nr);`. */
long hypercall_again(unsigned nr);

/*
 * multicall.c: what is called between the two is called for this entry, which
 * is rewritten if it is to be called again: then `end` says so.
 */
void hypercall_entry_begin(struct multicall_entry *e);
bool hypercall_entry_end(void);
bool hypercall_in_multicall(void);

/*
 * All registers of the current vCPU, to be looked at and written to, and
 * loaded on the way back. A hypercall leaves out those that SYSRET restores by
 * itself: there is no other way to have the others loaded than this one, which
 * puts them in first.
 */
struct regs *hypercall_regs(void);

/* CPU side */
long hypercall_set_trap_table(uint64_t traps);
long hypercall_mmu_update(uint64_t reqs, uint32_t count, uint64_t done,
                          uint32_t foreigndom);
long hypercall_set_gdt(uint64_t frames, uint32_t entries);
long hypercall_stack_switch(uint64_t ss, uint64_t sp);
long hypercall_set_callbacks(uint64_t event, uint64_t failsafe,
                             uint64_t syscall);
long hypercall_fpu_taskswitch(uint32_t set);
long hypercall_set_debugreg(uint32_t reg, uint64_t value);
long hypercall_get_debugreg(uint32_t reg);
long hypercall_update_descriptor(uint64_t ma, uint64_t desc);
long hypercall_multicall(uint64_t calls, uint32_t nr);
long hypercall_update_va_mapping(uint64_t va, uint64_t val, uint64_t flags);
long hypercall_update_va_mapping_otherdomain(uint64_t va, uint64_t val,
                                             uint64_t flags, uint32_t domid);
long hypercall_vm_assist(uint32_t cmd, uint32_t type);
long hypercall_iret(void); /* fast.asm; does not come back */
long hypercall_iret_slow(void);
long hypercall_set_segment_base(uint32_t which, uint64_t base);
long hypercall_mmuext_op(uint64_t ops, uint32_t count, uint64_t done,
                         uint32_t foreigndom);
long hypercall_nmi_op(uint32_t cmd, uint64_t arg);
long hypercall_callback_op(uint32_t cmd, uint64_t arg);

/* Services */
long hypercall_memory_op(uint64_t cmd, uint64_t arg);
long hypercall_set_timer_op(uint64_t when);
long hypercall_event_channel_op_compat(uint64_t op);
long hypercall_event_channel_op(uint32_t cmd, uint64_t arg);
long hypercall_xen_version(uint32_t cmd, uint64_t arg);
long hypercall_console_io(uint32_t cmd, uint32_t count, uint64_t buf);
long hypercall_grant_table_op(uint32_t cmd, uint64_t arg, uint32_t count);
long hypercall_physdev_op(uint32_t cmd, uint64_t arg);
long hypercall_vcpu_op(uint32_t cmd, uint32_t vcpu, uint64_t arg);
long hypercall_sched_op_compat(uint32_t cmd, uint64_t arg);
long hypercall_sched_op(uint32_t cmd, uint64_t arg);
long hypercall_flagstone_op(uint64_t cmd, uint64_t arg);

/* Of others, refused: hv/call/privileged.c */
long hypercall_platform_op(uint64_t arg);
long hypercall_sysctl(uint64_t arg);
long hypercall_domctl(uint64_t arg);
long hypercall_kexec_op(void);
long hypercall_xenpmu_op(void);
long hypercall_dm_op(uint32_t id);
long hypercall_hypfs_op(void);
