/* SPDX-License-Identifier: MIT */
/*
 * hypercall.h: the hypercalls as typed functions. Each is one call into the
 * page the hypervisor filled in; argument registers do not survive it. All
 * return what the hypervisor returned: a count or a negated errno.
 */
#pragma once

#include "flagstone/flagstone.h"
#include "xen/arch-x86_64.h"
#include "xen/callback.h"
#include "xen/errno.h"
#include "xen/event_channel.h"
#include "xen/memory.h"
#include "xen/sched.h"
#include "xen/vcpu.h"
#include "xen/version.h"
#include "xen/xen.h"

extern char hypercall_page[];

#define HC_STUB(nr)                                                            \
    "call hypercall_page + " HC_STR(nr) " * " HC_STR(HC_STUB_BYTES)
#define HC_STR(x)     HC_STR_(x)
#define HC_STR_(x)    #x
#define HC_STUB_BYTES 32

/*
 * The number has to be an assembler expression, so the wrappers name it as a
 * literal beside the enum constant and assert that the two agree.
 */
#define HC_BODY(nr, name, ...)                                                 \
    _Static_assert((nr) == __HYPERVISOR_##name, "hypercall number");           \
    int64_t hc_ret;                                                            \
    __asm__ volatile(HC_STUB(nr) : "=a"(hc_ret)__VA_ARGS__ : "memory");        \
    return hc_ret

#define HC_FN1(nr, name, t1)                                                   \
    static inline int64_t hc_##name(t1 a)                                      \
    {                                                                          \
        uint64_t r1 = (uint64_t)(a);                                           \
        HC_BODY(nr, name, , "+D"(r1) :);                                       \
    }
#define HC_FN2(nr, name, t1, t2)                                               \
    static inline int64_t hc_##name(t1 a, t2 b)                                \
    {                                                                          \
        uint64_t r1 = (uint64_t)(a), r2 = (uint64_t)(b);                       \
        HC_BODY(nr, name, , "+D"(r1), "+S"(r2) :);                             \
    }
#define HC_FN3(nr, name, t1, t2, t3)                                           \
    static inline int64_t hc_##name(t1 a, t2 b, t3 c)                          \
    {                                                                          \
        uint64_t r1 = (uint64_t)(a), r2 = (uint64_t)(b), r3 = (uint64_t)(c);   \
        HC_BODY(nr, name, , "+D"(r1), "+S"(r2), "+d"(r3) :);                   \
    }
#define HC_FN4(nr, name, t1, t2, t3, t4)                                       \
    static inline int64_t hc_##name(t1 a, t2 b, t3 c, t4 d)                    \
    {                                                                          \
        uint64_t r1 = (uint64_t)(a), r2 = (uint64_t)(b), r3 = (uint64_t)(c);   \
        register uint64_t r4 __asm__("r10") = (uint64_t)(d);                   \
        HC_BODY(nr, name, , "+D"(r1), "+S"(r2), "+d"(r3), "+r"(r4) :);         \
    }

HC_FN1(0, set_trap_table, const struct trap_info *)
HC_FN4(1, mmu_update, const struct mmu_update *, uint64_t, uint32_t *, uint32_t)
HC_FN2(2, set_gdt, const uint64_t *, uint64_t)
HC_FN2(3, stack_switch, uint64_t, uint64_t)
HC_FN3(4, set_callbacks, uint64_t, uint64_t, uint64_t)
HC_FN1(5, fpu_taskswitch, uint64_t)
HC_FN2(8, set_debugreg, uint64_t, uint64_t)
HC_FN1(9, get_debugreg, uint64_t)
HC_FN2(10, update_descriptor, uint64_t, uint64_t)
HC_FN2(12, memory_op, uint64_t, void *)
HC_FN2(13, multicall, struct multicall_entry *, uint64_t)
HC_FN3(14, update_va_mapping, uint64_t, uint64_t, uint64_t)
HC_FN1(15, set_timer_op, uint64_t)
HC_FN2(17, xen_version, uint64_t, void *)
HC_FN3(18, console_io, uint64_t, uint64_t, const char *)
HC_FN3(20, grant_table_op, uint64_t, void *, uint64_t)
HC_FN2(21, vm_assist, uint64_t, uint64_t)
HC_FN4(22, update_va_mapping_otherdomain, uint64_t, uint64_t, uint64_t,
       uint64_t)
HC_FN3(24, vcpu_op, uint64_t, uint64_t, void *)
HC_FN2(25, set_segment_base, uint64_t, uint64_t)
HC_FN4(26, mmuext_op, const struct mmuext_op *, uint64_t, uint32_t *, uint32_t)
HC_FN2(28, nmi_op, uint64_t, void *)
HC_FN2(29, sched_op, uint64_t, const void *)
HC_FN2(30, callback_op, uint64_t, const void *)
HC_FN2(32, event_channel_op, uint64_t, void *)
HC_FN2(33, physdev_op, uint64_t, void *)
HC_FN2(48, arch_0, uint64_t, void *)

/* Any number at all, without the page: for the guest that asks for nonsense. */
static inline int64_t hc_raw(uint64_t nr, uint64_t a, uint64_t b, uint64_t c,
                             uint64_t d)
{
    register uint64_t r4 __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "+a"(nr), "+D"(a), "+S"(b), "+d"(c), "+r"(r4)
                     :
                     : "rcx", "r11", "memory");
    return (int64_t)nr;
}

static inline int64_t hc_flagstone_op(uint64_t cmd, void *arg)
{
    return hc_arch_0(cmd, arg);
}
