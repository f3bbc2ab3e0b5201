/* SPDX-License-Identifier: MIT */
/*
 * policy.c: the written policy: which CPUID features and which MSRs a guest
 * may know of. What is not listed is zero, or #GP.
 *
 * Hidden on purpose: everything that takes privilege a guest does not have
 * (VMX, SVM, MONITOR, SMEP, SMAP, PKU, LA57, UMIP, PCID, INVPCID, MTRR, MCE,
 * performance and power interfaces), superpages at any level as Xen hides them
 * (PSE, PGE, PSE36, 1 GiB), and what depends on MSRs not virtualised.
 */
#include "hv/policy.h"

#include "hv/cpu.h"
#include "hv/fpu.h"
#include "hv/hypercall_page.h"
#include "hv/tlb.h"
#include "hv/vcpu.h"
#include "xen/xen.h"

/* --- CPUID -------------------------------------------------------------- */

/* Leaf 1 ECX: SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES. */
#define LEAF1_ECX                                                              \
    (BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(19) | BIT(20) |        \
     BIT(22) | BIT(23) | BIT(25) | LEAF1_XSAVE | BIT(28) | BIT(29) | BIT(30))
#define LEAF1_XSAVE      BIT(26)
#define LEAF1_OSXSAVE    BIT(27)
#define LEAF1_HYPERVISOR BIT(31)
/* Leaf 1 EDX: FPU DE TSC MSR PAE CX8 APIC CMOV PAT CLFSH MMX FXSR SSE SSE2. */
#define LEAF1_EDX                                                              \
    (BIT(0) | BIT(2) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(9) | BIT(15) |  \
     BIT(16) | BIT(19) | BIT(23) | BIT(24) | BIT(25) | BIT(26) | BIT(27))
/* Leaf 7: BMI1 AVX2 BMI2 ERMS AVX512* RDSEED ADX CLFLUSHOPT CLWB SHA. */
#define LEAF7_EBX                                                              \
    (BIT(3) | BIT(5) | BIT(8) | BIT(9) | BIT(16) | BIT(17) | BIT(18) |         \
     BIT(19) | BIT(21) | BIT(23) | BIT(24) | BIT(28) | BIT(29) | BIT(30) |     \
     BIT(31))
/* PREFETCHWT1 VBMI VBMI2 GFNI VAES VPCLMUL VNNI BITALG VPOPCNTDQ. */
#define LEAF7_ECX                                                              \
    (BIT(0) | BIT(1) | BIT(6) | BIT(8) | BIT(9) | BIT(10) | BIT(11) |          \
     BIT(12) | BIT(14))
/* Fast short REP MOV. */
#define LEAF7_EDX BIT(4)
/* XSAVEOPT XSAVEC XGETBV1; XSAVES would need an MSR. */
#define LEAFD_EAX (BIT(0) | BIT(1) | BIT(2))
/* 0x80000001: LAHF ABM SSE4A MISALIGNSSE 3DNOWPREFETCH XOP FMA4 TBM. */
#define LEAFX_ECX                                                              \
    (BIT(0) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(11) | BIT(16) | BIT(21))
/*
 * The AMD copies of leaf 1 (which do not reach to bit 26: there 1 GiB pages
 * stand in for SSE2), SYSCALL NX MMXEXT FFXSR LM.
 */
#define LEAFX_COPIES (BITS(9, 0) | BITS(17, 12) | BITS(24, 23))
#define LEAFX_EDX                                                              \
    ((LEAF1_EDX & LEAFX_COPIES) | BIT(11) | BIT(20) | BIT(22) | BIT(25) |      \
     BIT(29))

#define XEN_LEAF_LAST    (XEN_CPUID_FIRST_LEAF + 5)
#define XEN_MSR_PAGE     0x40000000u
#define XEN_FEATURE_AD   1u /* MMU_PT_UPDATE_PRESERVE_AD works */
#define XEN_VERSION_4_17 (4u << 16 | 17u)

static uint32_t keep(uint32_t have, uint64_t allowed)
{
    return have & (uint32_t)allowed;
}

static struct x86_cpuid xen_leaf(uint32_t leaf)
{
    switch (leaf - XEN_CPUID_FIRST_LEAF) {
    case 0:
        return (struct x86_cpuid){XEN_LEAF_LAST, XEN_CPUID_SIGNATURE_EBX,
                                  XEN_CPUID_SIGNATURE_ECX,
                                  XEN_CPUID_SIGNATURE_EDX};
    case 1:
        return (struct x86_cpuid){.eax = XEN_VERSION_4_17};
    case 2: /* one hypercall page, written by this MSR */
        return (struct x86_cpuid){1, XEN_MSR_PAGE, XEN_FEATURE_AD, 0};
    case 5: /* width of machine addresses */
        return (struct x86_cpuid){.ebx = cpu_features.phys_bits};
    default:
        return (struct x86_cpuid){0};
    }
}

static struct x86_cpuid extended_state(const struct vcpu *v, uint32_t sub)
{
    uint64_t mask = fpu_xcr0_mask();
    struct x86_cpuid c = {0};

    if (!mask)
        return c;
    if (sub == 0) {
        c = x86_cpuid(0xd, 0);
        c.eax = (uint32_t)mask;
        c.edx = 0;
        if (!(v->cr4 & CR4_OSXSAVE))
            c.ebx = 512 + 64;
    } else if (sub == 1) {
        c.eax = keep(x86_cpuid(0xd, 1).eax, LEAFD_EAX);
    } else if (sub < 63 && (mask & BIT(sub))) {
        c = x86_cpuid(0xd, sub);
        c.ecx = 0;
        c.edx = 0;
    }
    return c;
}

static struct x86_cpuid features(const struct vcpu *v)
{
    struct x86_cpuid c = x86_cpuid(1, 0);

    c.ebx = (c.ebx & 0xffff) | 1u << 16 | v->id << 25;
    c.ecx = keep(c.ecx, LEAF1_ECX) | (uint32_t)LEAF1_HYPERVISOR;
    if (!fpu_xcr0_mask())
        c.ecx &= ~(uint32_t)LEAF1_XSAVE;
    /*
     * A kernel is shown that we have CR4.OSXSAVE set before it says that it
     * wants it: Xen always did, and Linux does not use XSAVE otherwise.
     */
    else if ((v->cr4 & CR4_OSXSAVE) || v->in_kernel)
        c.ecx |= LEAF1_OSXSAVE;
    c.edx = keep(c.edx, LEAF1_EDX);
    return c;
}

static struct x86_cpuid features_7(uint32_t sub)
{
    struct x86_cpuid c = {0};

    if (sub == 0) {
        c = x86_cpuid(7, 0);
        c.eax = 0; /* no further subleaf */
        c.ebx = keep(c.ebx, LEAF7_EBX);
        c.ecx = keep(c.ecx, LEAF7_ECX);
        c.edx = keep(c.edx, LEAF7_EDX);
    }
    return c;
}

static struct x86_cpuid extended_features(void)
{
    struct x86_cpuid c = x86_cpuid(0x80000001, 0);

    c.ecx = keep(c.ecx, LEAFX_ECX);
    c.edx = keep(c.edx, LEAFX_EDX);
    return c;
}

/* Leaves that are only about names, caches and widths. */
static bool plain_leaf(uint32_t leaf)
{
    return leaf == 2 || leaf == 4 || leaf == 0x16 ||
           (leaf >= 0x80000002 && leaf <= 0x80000006);
}

static uint32_t leaf_limit(uint32_t base, uint32_t limit)
{
    return MIN(x86_cpuid(base, 0).eax, limit);
}

struct x86_cpuid policy_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t sub)
{
    struct x86_cpuid c = {0};

    if (leaf >= XEN_CPUID_FIRST_LEAF && leaf <= XEN_CPUID_FIRST_LEAF + 0xff)
        return xen_leaf(leaf);
    if (leaf > x86_cpuid(leaf & 0x80000000, 0).eax)
        return c;
    if (plain_leaf(leaf))
        return x86_cpuid(leaf, sub);
    switch (leaf) {
    case 0:
    case 0x80000000:
        c = x86_cpuid(leaf, 0);
        c.eax = leaf_limit(leaf, leaf ? 0x80000008 : 0xd);
        return c;
    case 1:
        return features(v);
    case 7:
        return features_7(sub);
    case 0xd:
        return extended_state(v, sub);
    case 0x80000001:
        return extended_features();
    case 0x80000007: /* an invariant TSC is what makes PV time right */
        c.edx = keep(x86_cpuid(leaf, 0).edx, BIT(8));
        return c;
    case 0x80000008:
        c.eax = x86_cpuid(leaf, 0).eax;
        return c;
    default:
        return c;
    }
}

/* --- CR4 and MSRs ------------------------------------------------------- */

uint64_t policy_cr4(const struct vcpu *v)
{
    return CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT |
           (v->cr4 & POLICY_CR4_GUEST);
}

#define MSR_UCODE_REV     0x8bu
#define MSR_MISC_ENABLE   0x1a0u
#define MISC_FAST_STRINGS BIT(0)
#define MISC_BTS_UNAVAIL  BIT(11)
#define MISC_PEBS_UNAVAIL BIT(12)
#define APIC_DEFAULT      UINT64_C(0xfee00000)
#define APIC_BASE_BSP     BIT(8)
#define APIC_BASE_ENABLE  BIT(11)
#define MISC_VALUE        (MISC_FAST_STRINGS | MISC_BTS_UNAVAIL | MISC_PEBS_UNAVAIL)

bool policy_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    switch (msr) {
    case MSR_FS_BASE:
        *value = x86_rdmsr(MSR_FS_BASE);
        return true;
    case MSR_GS_BASE:
        *value = x86_rdmsr(MSR_KERNEL_GS); /* the guest's active one */
        return true;
    case MSR_KERNEL_GS:
        *value = v->gs_base_user;
        return true;
    case MSR_EFER:
        *value = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
        return true;
    case MSR_TSC:
        *value = x86_rdtsc();
        return true;
    case MSR_APIC_BASE:
        *value = APIC_DEFAULT | APIC_BASE_ENABLE | (v->id ? 0 : APIC_BASE_BSP);
        return true;
    case MSR_PAT:
        *value = x86_rdmsr(MSR_PAT);
        return true;
    case MSR_MISC_ENABLE: /* XSA-333: not the machine's */
        *value = MISC_VALUE;
        return true;
    case MSR_UCODE_REV:
        *value = 0;
        return true;
    default:
        return false;
    }
}

/* The hypercall page, once more, into a frame of the guest's. */
static bool write_hypercall_page(struct vcpu *v, uint64_t value)
{
    mfn_t m = mfn_of(value >> PAGE_SHIFT);
    struct mm_op op;
    enum err rc;

    if (value & (PAGE_SIZE - 1))
        return false; /* there is one page only */
    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = type_get(&op, m, FRAME_WRITABLE);
    if (!rc) {
        hypercall_page_fill(mm_frame_ptr(op.mm, m));
        type_put_later(&op, m);
    }
    mm_op_end(&op);
    return !rc;
}

bool policy_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value)
{
    uint64_t now;

    switch (msr) {
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS:
        if (!va_canonical(value)) /* XSA-193 */
            return false;
        if (msr == MSR_KERNEL_GS)
            v->gs_base_user = value;
        else
            x86_wrmsr(msr == MSR_GS_BASE ? MSR_KERNEL_GS : msr, value);
        return true;
    case XEN_MSR_PAGE:
        return write_hypercall_page(v, value);
    case MSR_MISC_ENABLE:
    case MSR_UCODE_REV:
        return true; /* dropped */
    default:
        /* Writing what it reads is no change. */
        return policy_rdmsr(v, msr, &now) && now == value && msr != MSR_TSC;
    }
}
