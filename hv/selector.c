/* SPDX-License-Identifier: MIT */
/*
 * selector.c: loading a selector may fault, for the descriptor is the
 * guest's; loading GS also replaces the base that leads to the per-CPU area,
 * so it is put back at once (an NMI in between finds it by MSR).
 */
#include "hv/selector.h"

#include "hv/hypercall.h"
#include "hv/vcpu.h"
#include "hv/x86.h"

#define READ_SEL(name)                                                         \
    ({                                                                         \
        uint32_t sel_;                                                         \
        __asm__ volatile("movl %%" name ", %0" : "=r"(sel_));                  \
        (uint16_t) sel_;                                                       \
    })

/* true: loaded; false: it faulted and the null selector is there. */
#define LOAD_SEL(name, sel)                                                    \
    ({                                                                         \
        uint32_t value_ = (sel), ok_ = 1;                                      \
        __asm__ volatile("1: movl %1, %%" name "\n"                            \
                         "2:\n"                                                \
                         ".pushsection .text.fixup,\"ax\"\n"                   \
                         "3: xorl %0, %0\n"                                    \
                         "movl %0, %1\n"                                       \
                         "jmp 1b\n"                                            \
                         ".popsection\n"                                       \
                         ".pushsection .extable,\"a\"\n"                       \
                         ".long 1b - ., 3b - .\n"                              \
                         ".popsection"                                         \
                         : "+r"(ok_), "+r"(value_)                             \
                         :                                                     \
                         : "memory");                                          \
        ok_ != 0;                                                              \
    })

void selector_save(struct vcpu *v)
{
    uint64_t gs = x86_rdmsr(MSR_KERNEL_GS);

    v->ds = READ_SEL("ds");
    v->es = READ_SEL("es");
    v->fs = READ_SEL("fs");
    v->gs = READ_SEL("gs");
    v->fs_base = x86_rdmsr(MSR_FS_BASE);
    if (v->in_kernel)
        v->gs_base_kernel = gs;
    else
        v->gs_base_user = gs;
}

/* Loads GS and gives the base its descriptor has. */
static bool load_gs(uint16_t sel, uint64_t *base)
{
    struct percpu *cpu = this_cpu();
    bool ok = LOAD_SEL("gs", sel);

    *base = x86_rdmsr(MSR_GS_BASE);
    x86_wrmsr(MSR_GS_BASE, (uint64_t)cpu);
    return ok;
}

bool selector_load(const struct vcpu *v)
{
    uint64_t unused;
    bool ok = LOAD_SEL("ds", v->ds);

    ok = LOAD_SEL("es", v->es) && ok;
    ok = LOAD_SEL("fs", v->fs) && ok;
    ok = load_gs(v->gs, &unused) && ok;
    x86_wrmsr(MSR_FS_BASE, v->fs_base);
    x86_wrmsr(MSR_KERNEL_GS,
              v->in_kernel ? v->gs_base_kernel : v->gs_base_user);
    return ok;
}

void selector_set_user_gs(struct vcpu *v, uint16_t sel)
{
    uint64_t base;

    if (!load_gs(sel, &base))
        base = 0;
    v->gs_base_user = base;
}

long hypercall_set_segment_base(uint64_t which, uint64_t base)
{
    struct vcpu *v = current_vcpu();

    if (which == SEGBASE_GS_USER_SEL) {
        selector_set_user_gs(v, (uint16_t)base);
        return 0;
    }
    if (!va_canonical(base)) /* WRMSR would fault (XSA-193) */
        return -XEN_EINVAL;
    switch (which) {
    case SEGBASE_FS:
        x86_wrmsr(MSR_FS_BASE, base);
        return 0;
    case SEGBASE_GS_USER:
        v->gs_base_user = base;
        return 0;
    case SEGBASE_GS_KERNEL:
        x86_wrmsr(MSR_KERNEL_GS, base);
        return 0;
    default:
        return -XEN_EINVAL;
    }
}
