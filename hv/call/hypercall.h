/* SPDX-License-Identifier: MIT */
/*
 * hypercall.h: the edge between a guest's kernel and the hypervisor. The only
 * place where errno exists.
 *
 * A handler is a hypercall_fn, hypercall_NAME(): all are of one type, so that
 * the table calls each as what it is. HYPERCALLn() begins it, with the names of
 * the n arguments it has and their widths in the ABI, uint32_t for a command, a
 * count or a domain: an argument is cut off once, before anybody can look at
 * the rest of the register, and what was checked is what is used. It works for
 * current_vcpu() and returns what the guest finds in rax. Each handler is
 * declared here and listed in hv/entry/hypercall_table.c.
 */
#pragma once

#include "hv/arch/lock.h"
#include "hv/domain/domain.h"
#include "hv/domain/vcpu.h"
#include "xen/errno.h"

#define HYPERCALLS 64u /* numbers below are looked up, the others -ENOSYS */

#define HYPERCALL_ARGS 6

/* The registers of the guest in C's own order: entry.asm moves r10 to rcx. */
typedef long hypercall_fn(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                          uint64_t);

/*
 * Its body follows, and is all there is of it: it is inlined. It has hv_lock
 * or, as UNLOCKED_HYPERCALLn(), none, and takes what it needs itself.
 */
#define HYPERCALL_LOCKED(call)                                                 \
    ({                                                                         \
        long rc_;                                                              \
        hv_lock_get();                                                         \
        rc_ = (call);                                                          \
        hv_lock_put();                                                         \
        rc_;                                                                   \
    })
#define HYPERCALL_UNLOCKED(call) (call)
#define HYPERCALL_BODY(how, name, registers, cut, args)                        \
    static always_inline long body_of_##name args;                             \
    long hypercall_##name registers                                            \
    {                                                                          \
        long back_ = HYPERCALL_##how(body_of_##name cut);                      \
        lock_hook_none("held on the way back to a guest");                     \
        return back_;                                                          \
    }                                                                          \
    static always_inline long body_of_##name args

#define HYPERCALL_0(how, name)                                                 \
    HYPERCALL_BODY(                                                            \
        how, name,                                                             \
        (uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t), (),      \
        (void))
#define HYPERCALL_1(how, name, ta, a)                                          \
    HYPERCALL_BODY(                                                            \
        how, name,                                                             \
        (uint64_t a, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t),        \
        ((ta)a), (ta a))
#define HYPERCALL_2(how, name, ta, a, tb, b)                                   \
    HYPERCALL_BODY(                                                            \
        how, name,                                                             \
        (uint64_t a, uint64_t b, uint64_t, uint64_t, uint64_t, uint64_t),      \
        ((ta)a, (tb)b), (ta a, tb b))
#define HYPERCALL_3(how, name, ta, a, tb, b, tc, c)                            \
    HYPERCALL_BODY(                                                            \
        how, name,                                                             \
        (uint64_t a, uint64_t b, uint64_t c, uint64_t, uint64_t, uint64_t),    \
        ((ta)a, (tb)b, (tc)c), (ta a, tb b, tc c))
#define HYPERCALL_4(how, name, ta, a, tb, b, tc, c, td, d)                     \
    HYPERCALL_BODY(                                                            \
        how, name,                                                             \
        (uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t, uint64_t),  \
        ((ta)a, (tb)b, (tc)c, (td)d), (ta a, tb b, tc c, td d))

#define HYPERCALL1(...)          HYPERCALL_1(LOCKED, __VA_ARGS__)
#define HYPERCALL2(...)          HYPERCALL_2(LOCKED, __VA_ARGS__)
#define HYPERCALL3(...)          HYPERCALL_3(LOCKED, __VA_ARGS__)
#define UNLOCKED_HYPERCALL0(...) HYPERCALL_0(UNLOCKED, __VA_ARGS__)
#define UNLOCKED_HYPERCALL1(...) HYPERCALL_1(UNLOCKED, __VA_ARGS__)
#define UNLOCKED_HYPERCALL2(...) HYPERCALL_2(UNLOCKED, __VA_ARGS__)
#define UNLOCKED_HYPERCALL3(...) HYPERCALL_3(UNLOCKED, __VA_ARGS__)
#define UNLOCKED_HYPERCALL4(...) HYPERCALL_4(UNLOCKED, __VA_ARGS__)

/*
 * A handler called from C, with 0 for the arguments that are left out: by
 * tests, and by none that has hv_lock itself.
 */
#define hypercall_call(name, ...)                                              \
    hypercall_call_with(hypercall_##name,                                      \
                        (const uint64_t[HYPERCALL_ARGS]){__VA_ARGS__})
static always_inline long hypercall_call_with(hypercall_fn *f,
                                              const uint64_t *a)
{
    return f(a[0], a[1], a[2], a[3], a[4], a[5]);
}

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
hypercall_fn hypercall_set_trap_table;
hypercall_fn hypercall_mmu_update;
hypercall_fn hypercall_set_gdt;
hypercall_fn hypercall_stack_switch;
hypercall_fn hypercall_set_callbacks;
hypercall_fn hypercall_fpu_taskswitch;
hypercall_fn hypercall_set_debugreg;
hypercall_fn hypercall_get_debugreg;
hypercall_fn hypercall_update_descriptor;
hypercall_fn hypercall_multicall;
hypercall_fn hypercall_update_va_mapping;
hypercall_fn hypercall_update_va_mapping_otherdomain;
hypercall_fn hypercall_vm_assist;
hypercall_fn hypercall_iret; /* fast.asm; does not come back */
long hypercall_iret_slow(void);
hypercall_fn hypercall_set_segment_base;
hypercall_fn hypercall_mmuext_op;
hypercall_fn hypercall_nmi_op;
hypercall_fn hypercall_callback_op;

/* Services */
hypercall_fn hypercall_memory_op;
hypercall_fn hypercall_set_timer_op;
hypercall_fn hypercall_event_channel_op_compat;
hypercall_fn hypercall_event_channel_op;
hypercall_fn hypercall_xen_version;
hypercall_fn hypercall_console_io;
hypercall_fn hypercall_grant_table_op;
hypercall_fn hypercall_physdev_op;
hypercall_fn hypercall_vcpu_op;
hypercall_fn hypercall_sched_op_compat;
hypercall_fn hypercall_sched_op;
hypercall_fn hypercall_flagstone_op;

/* Of others, refused: hv/call/privileged.c */
hypercall_fn hypercall_platform_op;
hypercall_fn hypercall_sysctl;
hypercall_fn hypercall_domctl;
hypercall_fn hypercall_kexec_op;
hypercall_fn hypercall_xenpmu_op;
hypercall_fn hypercall_dm_op;
hypercall_fn hypercall_hypfs_op;
