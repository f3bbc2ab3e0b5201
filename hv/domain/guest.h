/* SPDX-License-Identifier: MIT */
/*
 * guest.h: the only way to touch memory by a guest's virtual address.
 *
 * Invariant: every access is to a range that lies wholly outside the
 * hypervisor's part of the address space (XSA-29, XSA-212), between
 * cpu_user_access_begin and _end, and a fault becomes ERR_FAULT; none goes
 * through a translation that is still to be flushed, which _begin sees to. The
 * address space is the current vCPU's, in kernel mode.
 */
#pragma once

#include "hv/arch/cpu.h"
#include "pte.h"

/*
 * Are n bytes from va the guest's to name? The upper half first, where kernels
 * live: one comparison, for n is small against the distance to the top. A
 * range that starts below the canonical hole must not reach into it.
 */
static inline bool guest_range_ok(uint64_t va, uint64_t n)
{
    if (unlikely(n >> 46))
        return false;
    if (likely(va - HV_VA_END <= -HV_VA_END - n))
        return true;
    return va < BIT(47) && va + n <= BIT(47);
}
_Static_assert(-HV_VA_END > BIT(46), "no borrow above");

/* Whole ranges; n may be 0. On ERR_FAULT dst may be partly written. */
enum err guest_read(void *dst, uint64_t va, size_t n);
enum err guest_write(uint64_t va, const void *src, size_t n);

/* Instruction bytes: as many of n as can be read; returns how many. */
size_t guest_read_some(void *dst, uint64_t va, size_t n);
/* The same the other way; of the first word not written part may be. */
size_t guest_write_some(uint64_t va, const void *src, size_t n);

/*
 * One 8-byte access where cpu_user_access_begin() and the range check have
 * been done by the caller; jumps to `fault` on a fault.
 */
#define guest_put_raw(va, val, fault)                                          \
    __asm__ goto("1: movq %0, (%1)\n"                                          \
                 ".pushsection .extable,\"a\"\n"                               \
                 ".long 1b - ., %l[" #fault "] - .\n"                          \
                 ".popsection"                                                 \
                 :                                                             \
                 : "r"((uint64_t)(val)), "r"((uint64_t)(va))                   \
                 : "memory"                                                    \
                 : fault)

#define guest_get_raw(dst, va, fault)                                          \
    __asm__ goto("1: movq (%1), %0\n"                                          \
                 ".pushsection .extable,\"a\"\n"                               \
                 ".long 1b - ., %l[" #fault "] - .\n"                          \
                 ".popsection"                                                 \
                 : "=r"(dst)                                                   \
                 : "r"((uint64_t)(va))                                         \
                 : "memory"                                                    \
                 : fault)

/* One word each, inlined. */
static always_inline enum err guest_read64(uint64_t *dst, uint64_t va)
{
    uint64_t v;

    if (unlikely(!guest_range_ok(va, sizeof(v))))
        return ERR_FAULT;
    cpu_user_access_begin();
    guest_get_raw(v, va, fault);
    cpu_user_access_end();
    *dst = v;
    return ERR_NONE;
fault:
    cpu_user_access_end();
    return ERR_FAULT;
}

static always_inline enum err guest_write64(uint64_t va, uint64_t val)
{
    if (unlikely(!guest_range_ok(va, sizeof(val))))
        return ERR_FAULT;
    cpu_user_access_begin();
    guest_put_raw(va, val, fault);
    cpu_user_access_end();
    return ERR_NONE;
fault:
    cpu_user_access_end();
    return ERR_FAULT;
}

/* Two and three words side by side, each read once. */
static always_inline enum err guest_read_pair(uint64_t dst[2], uint64_t va)
{
    uint64_t a, b;

    if (unlikely(!guest_range_ok(va, 16)))
        return ERR_FAULT;
    cpu_user_access_begin();
    guest_get_raw(a, va, fault);
    guest_get_raw(b, va + 8, fault);
    cpu_user_access_end();
    dst[0] = a;
    dst[1] = b;
    return ERR_NONE;
fault:
    cpu_user_access_end();
    return ERR_FAULT;
}

static always_inline enum err guest_read_triple(uint64_t dst[3], uint64_t va)
{
    uint64_t a, b, c;

    if (unlikely(!guest_range_ok(va, 24)))
        return ERR_FAULT;
    cpu_user_access_begin();
    guest_get_raw(a, va, fault);
    guest_get_raw(b, va + 8, fault);
    guest_get_raw(c, va + 16, fault);
    cpu_user_access_end();
    dst[0] = a;
    dst[1] = b;
    dst[2] = c;
    return ERR_NONE;
fault:
    cpu_user_access_end();
    return ERR_FAULT;
}
