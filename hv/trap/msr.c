/* SPDX-License-Identifier: MIT */
/*
 * msr.c: the written policy of MSRs: each has a line in one of two places, the
 * table of those that are the same for every guest, or a case below; all
 * others are #GP. Answers are those of Xen 4.17 to an ordinary domain without
 * a performance counter: kernels read some of these without asking CPUID, and
 * print a trace where that faults.
 */
#include "hv/trap/msr.h"

#include "hv/arch/cpu.h"
#include "hv/arch/x86.h"
#include "hv/domain/hypercall_page.h"
#include "hv/domain/tlb.h"
#include "hv/domain/vcpu.h"
#include "hv/trap/cpuid.h"
#include "mm/pv/type.h"

#define MSR_PLATFORM_ID 0x17u
#define MSR_UCODE_REV   0x8bu
#define MSR_MISC_ENABLE 0x1a0u
#define MSR_XEN_PAGE    0x40000000u
#define MISC_HIDDEN     (BIT(7) | BIT(18))            /* counters, MONITOR */
#define MISC_SHOWN      (BIT(11) | BIT(12) | BIT(23)) /* no BTS, PEBS, xTPR */
#define MCG_BANKS       UINT64_C(2)
#define MCG_CAP_INTEL                                                          \
    (MCG_BANKS | BIT(10) | BIT(11) | BIT(24)) /* CMCI TES SER */
#define ALL_ONES         (~UINT64_C(0))
#define FEATURE_LOCKED   BIT(0)
#define DE_CFG_LFENCE    BIT(1) /* LFENCE serialises */
#define APIC_DEFAULT     UINT64_C(0xfee00000)
#define APIC_BASE_BSP    BIT(8)
#define APIC_BASE_ENABLE BIT(11)

enum who { ALL, INTEL, AMD };
enum write {
    REFUSED, /* whatever is written */
    SAME,    /* what it reads may be written; all else is refused */
    DROPPED, /* as Xen does: the guest reads what it read before */
};

/* In order; of two for the same MSR the first that concerns the vendor. The
 * banks of machine checks hold none: no guest is told of one. */
static const struct rule {
    uint32_t first, last;
    enum who who;
    enum write write;
    uint64_t value;
} rules[] = {
    {0x0, 0x1, ALL, DROPPED, 0},                  /* P5_MC_ADDR, _TYPE */
    {0x3a, 0x3a, INTEL, REFUSED, FEATURE_LOCKED}, /* FEATURE_CONTROL */
    {0xc1, 0xc8, INTEL, DROPPED, 0},              /* PERFCTR */
    {0xce, 0xce, ALL, REFUSED, 0},                /* PLATFORM_INFO */
    {0x140, 0x140, ALL, SAME, 0},                 /* MISC_FEATURES_ENABLES */
    {0x179, 0x179, INTEL, DROPPED, MCG_CAP_INTEL},
    {0x179, 0x179, ALL, DROPPED, MCG_BANKS}, /* MCG_CAP */
    {0x17a, 0x17b, ALL, DROPPED, 0},         /* MCG_STATUS, MCG_CTL */
    {0x186, 0x189, INTEL, DROPPED, 0},       /* EVNTSEL */
    {0x198, 0x198, INTEL, REFUSED, 0},       /* PERF_STATUS */
    {0x199, 0x199, INTEL, DROPPED, 0},       /* PERF_CTL */
    {0x19c, 0x19c, INTEL, REFUSED, 0},       /* THERM_STATUS */
    {0x280, 0x29f, ALL, DROPPED, 0},         /* MCi_CTL2: no CMCI */
    {0x309, 0x30b, INTEL, DROPPED, 0},       /* fixed counters */
    {0x345, 0x345, ALL, SAME, 0},            /* PERF_CAPABILITIES */
    {0x38d, 0x390, INTEL, DROPPED, 0},       /* their control, global control */
    {0x400, 0x400, ALL, DROPPED, ALL_ONES},  /* MC0_CTL */
    {0x401, 0x403, ALL, SAME, 0},            /* MC0_STATUS, _ADDR, _MISC */
    {0x404, 0x404, ALL, DROPPED, ALL_ONES},
    {0x405, 0x407, ALL, SAME, 0},
    {0x408, 0x47f, ALL, DROPPED, 0},               /* banks there are not */
    {MSR_XEN_PAGE, MSR_XEN_PAGE, ALL, REFUSED, 0}, /* written below */
    {MSR_EFER, MSR_EFER, ALL, SAME, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE},
    {0xc0010000, 0xc0010007, AMD, DROPPED, 0}, /* EVNTSEL, PERFCTR */
    {0xc0010015, 0xc0010015, AMD, DROPPED, 0}, /* HWCR */
    {0xc001001f, 0xc001001f, ALL, DROPPED, 0}, /* NB_CFG */
    {0xc0010041, 0xc0010042, AMD, DROPPED, 0}, /* FIDVID */
    {0xc0010061, 0xc001006b, AMD, DROPPED, 0}, /* P-states */
    {0xc0010200, 0xc001020b, AMD, DROPPED, 0}, /* EVNTSEL, PERFCTR */
    {0xc0011029, 0xc0011029, AMD, DROPPED, DE_CFG_LFENCE},
};

static bool concerns(enum who who)
{
    switch (who) {
    case INTEL:
        return cpu_features.intel;
    case AMD:
        return cpu_features.amd;
    default:
        return true;
    }
}

static const struct rule *find(uint32_t msr)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++)
        if (msr >= rules[i].first && msr <= rules[i].last &&
            concerns(rules[i].who))
            return &rules[i];
    return NULL;
}

/* --- those that are the vCPU's, or the machine's -------------------------- */

/* The machine's, without what is not the guest's (XSA-333). */
static bool read_misc_enable(uint64_t *value)
{
    if (!x86_rdmsr_safe(MSR_MISC_ENABLE, value))
        return false;
    *value = (*value & ~MISC_HIDDEN) | MISC_SHOWN;
    return true;
}

static bool read_by_rule(uint32_t msr, uint64_t *value)
{
    const struct rule *r = find(msr);

    if (r)
        *value = r->value;
    return r;
}

static bool read_known(const struct vcpu *v, uint32_t msr, uint64_t *value)
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
    case MSR_MISC_ENABLE:
        return read_misc_enable(value);
    default:
        return read_by_rule(msr, value);
    }
}

/* A kernel that cannot take the #GP yet reads 0 of what the machine has. */
static bool read_early(const struct vcpu *v, uint32_t msr, uint64_t *value)
{
    *value = 0;
    return !v->traps[VEC_GP].address && msr >> 16 != MSR_XEN_PAGE >> 16 &&
           x86_rdmsr_safe(msr, &(uint64_t){0});
}

bool msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    return read_known(v, msr, value) || read_early(v, msr, value);
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
        type_put_deferred(&op, m);
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
    case MSR_MISC_ENABLE: /* what it may be is not the guest's to say */
        return x86_rdmsr_safe(msr, &now);
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
