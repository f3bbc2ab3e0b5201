/* SPDX-License-Identifier: MIT */
/* fake_x86.c: see fake_x86.h. What a value must be is the SDM's, vol. 3, 2.5
 * (control registers), 17.2 (debug registers), vol. 1, 13.3 (XCR0). */
#include "tests/hv/fake_x86.h"

#include <stdlib.h>

#define DR7_GD   BIT(13)
#define XCR0_ALL UINT64_C(0xe7)

struct fake_x86 fake_x86;

static void must(bool holds)
{
    if (!holds)
        abort();
}

void fake_bad(void)
{
    abort();
}

/* --- control registers ---------------------------------------------------- */

uint64_t fake_read_cr0(void)
{
    return fake_x86.cr0;
}

void fake_write_cr0(uint64_t value)
{
    must(!((value ^ FAKE_CR0) & ~CR0_TS));
    fake_x86.cr0 = value;
}

/* No reserved bit, no PCID; whether it is a root is the test's to say. */
void fake_write_cr3(uint64_t value)
{
    must(value && !(value % PAGE_SIZE) && !(value >> 52));
    fake_x86.cr3 = value;
}

uint64_t fake_read_cr4(void)
{
    return fake_x86.cr4;
}

void fake_write_cr4(uint64_t value)
{
    must(!((value ^ FAKE_CR4) & ~CR4_TSD));
    fake_x86.cr4 = value;
}

void fake_xsetbv(uint32_t reg, uint64_t value)
{
    const uint64_t wide = value & UINT64_C(0xe0); /* AVX-512: all or none */

    must(reg == 0 && (value & 1) && !(value & ~XCR0_ALL));
    must(!(value & 4) || (value & 2));
    must(!wide || (wide == 0xe0 && (value & 4)));
    fake_x86.xcr0 = value;
}

/* --- debug registers ------------------------------------------------------ */

/* With CR4.DE off, R/W of 2 is not defined; a breakpoint on the hypervisor's
 * own memory would be hit by it (XSA-444). */
void fake_write_dr(unsigned n, uint64_t value)
{
    if (n < 4) {
        must(va_canonical(value) && !va_is_hv(value));
    } else {
        must(!(value >> 32));
        for (unsigned i = 0; n == 7 && i < 4; i++)
            must((value >> (16 + 4 * i) & 3) != 2);
        must(n != 7 || !(value & DR7_GD));
    }
    fake_x86.dr[n] = value;
}

/* --- model-specific registers --------------------------------------------- */

uint64_t fake_rdmsr(uint32_t msr)
{
    switch (msr) {
    case MSR_FS_BASE:
        return fake_x86.fs_base;
    case MSR_KERNEL_GS:
        return fake_x86.kernel_gs;
    case MSR_PAT:
        return UINT64_C(0x0007040600070406);
    default:
        abort();
    }
}

/* Any may be asked for; of three the value is for guests, or part of it. */
bool fake_rdmsr_safe(uint32_t msr, uint64_t *value)
{
    bool told = msr == 0x17 || msr == 0x8b || msr == 0x1a0;

    *value = told ? fake_x86.microcode : FAKE_SECRET;
    return fake_x86.microcode;
}

/* GS_BASE is the hypervisor's own. */
void fake_wrmsr(uint32_t msr, uint64_t value)
{
    must((msr == MSR_FS_BASE || msr == MSR_KERNEL_GS) && va_canonical(value));
    if (msr == MSR_FS_BASE)
        fake_x86.fs_base = value;
    else
        fake_x86.kernel_gs = value;
}

/* --- the others ----------------------------------------------------------- */

void fake_invlpg(uint64_t va)
{
    must(va_canonical(va) && !va_is_hv(va));
}

uint16_t fake_selector(char which)
{
    return which == 'e' ? 0xf : which == 'd' ? 0x17 : which == 'f' ? 0x1f : 3;
}

/* The hypervisor's own are there, but not at a level that is asked for. */
bool fake_lar(uint16_t sel, uint64_t *rights)
{
    must((sel & 3) == 3);
    *rights = fake_x86.rights;
    return fake_x86.rights;
}

struct x86_cpuid fake_cpuid(uint32_t leaf, uint32_t sub)
{
    struct x86_cpuid c = {~0u, ~0u, ~0u, ~0u};

    (void)sub;
    if (leaf == 0)
        c.eax = FAKE_LEAVES;
    else if (leaf == 0x80000000)
        c.eax = FAKE_XLEAVES;
    return c;
}

struct x86_cpuid fake_cpuid_or_none(uint32_t leaf, uint32_t sub)
{
    if (leaf > fake_cpuid(leaf & 0x80000000, 0).eax)
        return (struct x86_cpuid){0};
    return fake_cpuid(leaf, sub);
}

uint64_t fake_rdtsc(void)
{
    return fake_x86.tsc++;
}
