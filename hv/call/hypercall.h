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
#define HYPERCALL_BODY(how, name, n, registers, cut, args)                     \
    _Static_assert(hypercall_args_##name == (n), "as it is declared");         \
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
        how, name, 0,                                                          \
        (uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t), (),      \
        (void))
#define HYPERCALL_1(how, name, ta, a)                                          \
    HYPERCALL_BODY(                                                            \
        how, name, 1,                                                          \
        (uint64_t a, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t),        \
        ((ta)a), (ta a))
#define HYPERCALL_2(how, name, ta, a, tb, b)                                   \
    HYPERCALL_BODY(                                                            \
        how, name, 2,                                                          \
        (uint64_t a, uint64_t b, uint64_t, uint64_t, uint64_t, uint64_t),      \
        ((ta)a, (tb)b), (ta a, tb b))
#define HYPERCALL_3(how, name, ta, a, tb, b, tc, c)                            \
    HYPERCALL_BODY(                                                            \
        how, name, 3,                                                          \
        (uint64_t a, uint64_t b, uint64_t c, uint64_t, uint64_t, uint64_t),    \
        ((ta)a, (tb)b, (tc)c), (ta a, tb b, tc c))
#define HYPERCALL_4(how, name, ta, a, tb, b, tc, c, td, d)                     \
    HYPERCALL_BODY(                                                            \
        how, name, 4,                                                          \
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
 * `return hypercall_continue(name, a, b);` as the last thing, with as many as
 * it has. Registers, or the multicall entry, are rewritten, RIP goes back to
 * the SYSCALL.
 */
#define hypercall_continue(name, ...)                                          \
    ({                                                                         \
        const uint64_t args_[] = {__VA_ARGS__};                                \
        _Static_assert(ARRAY_SIZE(args_) == hypercall_args_##name,             \
                       "each of its arguments, and no more");                  \
        hypercall_continue_with(__HYPERVISOR_##name, args_,                    \
                                ARRAY_SIZE(args_));                            \
    })
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

/* Each with the number of its arguments. */
#define HYPERCALL_DECLARE(name, n)                                             \
    hypercall_fn hypercall_##name;                                             \
    enum { hypercall_args_##name = (n) }

/* CPU side */
HYPERCALL_DECLARE(set_trap_table, 1);
HYPERCALL_DECLARE(mmu_update, 4);
HYPERCALL_DECLARE(set_gdt, 2);
HYPERCALL_DECLARE(stack_switch, 2);
HYPERCALL_DECLARE(set_callbacks, 3);
HYPERCALL_DECLARE(fpu_taskswitch, 1);
HYPERCALL_DECLARE(set_debugreg, 2);
HYPERCALL_DECLARE(get_debugreg, 1);
HYPERCALL_DECLARE(update_descriptor, 2);
HYPERCALL_DECLARE(multicall, 2);
HYPERCALL_DECLARE(update_va_mapping, 3);
HYPERCALL_DECLARE(update_va_mapping_otherdomain, 4);
HYPERCALL_DECLARE(vm_assist, 2);
HYPERCALL_DECLARE(iret, 0); /* fast.asm; does not come back */
long hypercall_iret_slow(void);
HYPERCALL_DECLARE(set_segment_base, 2);
HYPERCALL_DECLARE(mmuext_op, 4);
HYPERCALL_DECLARE(nmi_op, 2);
HYPERCALL_DECLARE(callback_op, 2);

/* Services */
HYPERCALL_DECLARE(memory_op, 2);
HYPERCALL_DECLARE(set_timer_op, 1);
HYPERCALL_DECLARE(event_channel_op_compat, 1);
HYPERCALL_DECLARE(event_channel_op, 2);
HYPERCALL_DECLARE(xen_version, 2);
HYPERCALL_DECLARE(console_io, 3);
HYPERCALL_DECLARE(grant_table_op, 3);
HYPERCALL_DECLARE(physdev_op, 2);
HYPERCALL_DECLARE(vcpu_op, 3);
HYPERCALL_DECLARE(sched_op_compat, 2);
HYPERCALL_DECLARE(sched_op, 2);
HYPERCALL_DECLARE(flagstone_op, 2);

/* Of others, refused: hv/call/privileged.c */
HYPERCALL_DECLARE(platform_op, 1);
HYPERCALL_DECLARE(sysctl, 1);
HYPERCALL_DECLARE(domctl, 1);
HYPERCALL_DECLARE(kexec_op, 0);
HYPERCALL_DECLARE(xenpmu_op, 0);
HYPERCALL_DECLARE(dm_op, 1);
HYPERCALL_DECLARE(hypfs_op, 0);
