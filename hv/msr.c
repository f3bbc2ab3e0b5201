/* SPDX-License-Identifier: MIT */
/*
 * msr.c: the written policy of MSRs: each has a line in one of two places, the
 * table of those that are the same for every guest, or a case below; all
 * others are #GP. Answers are those of Xen 4.17 to an ordinary domain without
 * a performance counter: kernels read some of these without asking CPUID, and
 * print a trace where that faults.
 */
#include "hv/msr.h"

#include "hv/cpu.h"
#include "hv/hypercall_page.h"
#include "hv/policy.h"
#include "hv/string.h"
#include "hv/tlb.h"
#include "hv/vcpu.h"
#include "hv/x86.h"

#define MSR_PLATFORM_ID   0x17u
#define MSR_UCODE_REV     0x8bu
#define MSR_MISC_ENABLE   0x1a0u
#define MSR_XEN_PAGE      0x40000000u
#define MISC_FAST_STRINGS BIT(0)
#define MISC_BTS_UNAVAIL  BIT(11)
#define MISC_PEBS_UNAVAIL BIT(12)
#define MISC_VALUE        (MISC_FAST_STRINGS | MISC_BTS_UNAVAIL | MISC_PEBS_UNAVAIL)
#define FEATURE_LOCKED    BIT(0)
#define DE_CFG_LFENCE     BIT(1) /* LFENCE serialises */
#define APIC_DEFAULT      UINT64_C(0xfee00000)
#define APIC_BASE_BSP     BIT(8)
#define APIC_BASE_ENABLE  BIT(11)

enum who { ALL, INTEL, AMD };
enum write {
    REFUSED, /* whatever is written */
    SAME,    /* what it reads may be written; all else is refused */
    DROPPED, /* as Xen does: the guest reads what it read before */
};

/* In order. */
static const struct rule {
    uint32_t first, last;
    enum who who;
    enum write write;
    uint64_t value;
} rules[] = {
    {0x3a, 0x3a, INTEL, REFUSED, FEATURE_LOCKED}, /* FEATURE_CONTROL */
    {0xc1, 0xc8, INTEL, DROPPED, 0},              /* PERFCTR */
    {0xce, 0xce, ALL, REFUSED, 0},                /* PLATFORM_INFO */
    {0x140, 0x140, ALL, SAME, 0},                 /* MISC_FEATURES_ENABLES */
    {0x186, 0x189, INTEL, DROPPED, 0},            /* EVNTSEL */
    {0x198, 0x198, INTEL, REFUSED, 0},            /* PERF_STATUS */
    {0x199, 0x199, INTEL, DROPPED, 0},            /* PERF_CTL */
    {0x19c, 0x19c, INTEL, REFUSED, 0},            /* THERM_STATUS */
    {MSR_MISC_ENABLE, MSR_MISC_ENABLE, ALL, DROPPED, MISC_VALUE}, /* XSA-333 */
    {0x309, 0x30b, INTEL, DROPPED, 0}, /* fixed counters */
    {0x345, 0x345, ALL, SAME, 0},      /* PERF_CAPABILITIES */
    {0x38d, 0x390, INTEL, DROPPED, 0}, /* their control, global control */
    {MSR_EFER, MSR_EFER, ALL, SAME, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE},
    {0xc0010000, 0xc0010007, AMD, DROPPED, 0}, /* EVNTSEL, PERFCTR */
    {0xc0010015, 0xc0010015, AMD, DROPPED, 0}, /* HWCR */
    {0xc0010041, 0xc0010042, AMD, DROPPED, 0}, /* FIDVID */
    {0xc0010061, 0xc001006b, AMD, DROPPED, 0}, /* P-states */
    {0xc0010200, 0xc001020b, AMD, DROPPED, 0}, /* EVNTSEL, PERFCTR */
    {0xc0011029, 0xc0011029, AMD, DROPPED, DE_CFG_LFENCE},
};

static bool vendor_is(const char *name)
{
    return !memcmp(cpu_features.vendor, name, 12);
}

static bool concerns(enum who who)
{
    switch (who) {
    case INTEL:
        return vendor_is("GenuineIntel");
    case AMD:
        return vendor_is("AuthenticAMD") || vendor_is("HygonGenuine");
    default:
        return true;
    }
}

static const struct rule *find(uint32_t msr)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++)
        if (msr >= rules[i].first && msr <= rules[i].last)
            return concerns(rules[i].who) ? &rules[i] : NULL;
    return NULL;
}

/* --- those that are the vCPU's, or the machine's -------------------------- */

bool msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    const struct rule *r;

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
    case MSR_TSC:
        *value = x86_rdtsc();
        return true;
    case MSR_APIC_BASE:
        *value = APIC_DEFAULT | APIC_BASE_ENABLE | (v->id ? 0 : APIC_BASE_BSP);
        return true;
    case MSR_PAT:
        *value = x86_rdmsr(MSR_PAT);
        return true;
    case MSR_PLATFORM_ID:
        return concerns(INTEL) && x86_rdmsr_safe(msr, value);
    case MSR_UCODE_REV:
        return (concerns(INTEL) || concerns(AMD)) && x86_rdmsr_safe(msr, value);
    default:
        r = find(msr);
        if (r)
            *value = r->value;
        return r;
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

static bool write_base(struct vcpu *v, uint32_t msr, uint64_t value)
{
    if (!va_canonical(value)) /* XSA-193 */
        return false;
    if (msr == MSR_KERNEL_GS)
        v->gs_base_user = value;
    else
        x86_wrmsr(msr == MSR_GS_BASE ? MSR_KERNEL_GS : msr, value);
    return true;
}

static bool write_by_rule(uint32_t msr, uint64_t value)
{
    const struct rule *r = find(msr);

    return r &&
           (r->write == DROPPED || (r->write == SAME && value == r->value));
}

bool msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    uint64_t now;

    switch (msr) {
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS:
        return write_base(v, msr, value);
    case MSR_XEN_PAGE:
        return write_hypercall_page(v, value);
    case MSR_UCODE_REV: /* how Intel's manual has it read */
        return concerns(INTEL) && !value;
    case MSR_APIC_BASE:
    case MSR_PAT: /* writing what it reads is no change */
        return msr_read(v, msr, &now) && now == value;
    case MSR_TSC:
    case MSR_PLATFORM_ID:
        return false;
    default:
        return write_by_rule(msr, value);
    }
}
