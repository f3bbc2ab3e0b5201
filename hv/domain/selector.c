/* SPDX-License-Identifier: MIT */
/*
 * selector.c: loading a selector may fault, for the descriptor is the
 * guest's; loading GS also replaces the base that leads to the per-CPU area,
 * so it is put back at once (an NMI in between finds it by MSR).
 */
#include "hv/domain/selector.h"

#include "hv/arch/x86.h"
#include "hv/domain/vcpu.h"

void selector_save(struct vcpu *v)
{
    uint64_t gs = x86_rdmsr(MSR_KERNEL_GS);

    v->ds = X86_READ_SEL("ds");
    v->es = X86_READ_SEL("es");
    v->fs = X86_READ_SEL("fs");
    v->gs = X86_READ_SEL("gs");
    v->fs_base = x86_rdmsr(MSR_FS_BASE);
    if (v->in_kernel)
        v->gs_base_kernel = gs;
    else
        v->gs_base_user = gs;
}

/*
 * Loads GS and gives the base its descriptor has. With a null selector that is
 * 0, also where the processor leaves the base as it was, which is ours (AMD
 * before family 17h, and later ones without NullSelectorClearsBase: APM vol. 3,
 * CPUID 8000_0021 EAX[6]).
 */
static bool load_gs(uint16_t sel, uint64_t *base)
{
    struct percpu *cpu = this_cpu();
    bool ok = X86_LOAD_SEL("gs", sel);

    *base = ok && (sel & ~3) ? x86_rdmsr(MSR_GS_BASE) : 0;
    x86_wrmsr(MSR_GS_BASE, (uint64_t)cpu);
    return ok;
}

bool selector_load(const struct vcpu *v)
{
    uint64_t unused;
    bool ok = X86_LOAD_SEL("ds", v->ds);

    ok = X86_LOAD_SEL("es", v->es) && ok;
    ok = X86_LOAD_SEL("fs", v->fs) && ok;
    ok = load_gs(v->gs, &unused) && ok;
    x86_wrmsr(MSR_FS_BASE, v->fs_base);
    x86_wrmsr(MSR_KERNEL_GS,
              v->in_kernel ? v->gs_base_kernel : v->gs_base_user);
    return ok;
}

void selector_set_user_gs(struct vcpu *v, uint16_t sel)
{
    (void)load_gs(sel, &v->gs_base_user);
}
