/* SPDX-License-Identifier: MIT */
/*
 * spec_cpu.c: see spec_cpu.h. Invariant: all CPUs do what was decided for the
 * first, of whose kind they are (hv/arch/cpu_match.h); an MSR that is not there
 * is not written a second time. What one of them refuses is open on the
 * machine.
 */
#include "hv/arch/spec_cpu.h"

#include <stdatomic.h>

#include "hv/arch/cpu.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"

#define MSR_SPEC_CTRL    0x48u
#define MSR_UCODE_REV    0x8bu
#define MSR_ARCH_CAPS    0x10au
#define MSR_TSX_CTRL     0x122u
#define MSR_MCU_OPT_CTRL 0x123u
#define MSR_DE_CFG       0xc0011029u

#define EDX_MCU_OPT     BIT(9)  /* CPUID 7.0: there is that MSR, ... */
#define EDX_ARCH_CAPS   BIT(29) /* ... and that */
#define TSX_RTM_DISABLE BIT(0)
#define DE_CFG_LFENCE   BIT(1)
#define DE_CFG_ZENBLEED BIT(9)
#define EFER_AUTO_IBRS  BIT(21)

struct spec_policy spec_policy;

static struct spec_cpu boot;
static _Atomic unsigned unlike, refused; /* processors after the first */

/* --- looking ------------------------------------------------------------- */

static uint64_t msr_or_0(uint32_t msr, bool there)
{
    uint64_t v = 0;

    return there && x86_rdmsr_safe(msr, &v) ? v : 0;
}

/*
 * Intel's wants to be cleared, and CPUID to have been asked (SDM vol. 3,
 * 10.11.7.1); AMD's is in the lower half.
 */
static uint32_t microcode(void)
{
    uint64_t v = 0;

    if (cpu_features.intel)
        (void)x86_wrmsr_safe(MSR_UCODE_REV, 0); /* there is none, then */
    (void)x86_cpuid(1, 0);
    v = msr_or_0(MSR_UCODE_REV, true);
    return (uint32_t)(cpu_features.intel ? v >> 32 : v);
}

static enum spec_vendor vendor(void)
{
    if (cpu_features.intel)
        return SPEC_INTEL;
    return cpu_features.amd ? SPEC_AMD : SPEC_OTHER;
}

/* Of the first level of topology, where there is one; of AMD's else. */
static bool has_smt(void)
{
    const struct x86_cpuid topology = x86_cpuid_or_none(0xb, 0);

    if ((topology.ecx >> 8 & 0xff) == 1)
        return (topology.ebx & 0xffff) > 1;
    return cpu_features.amd &&
           (x86_cpuid_or_none(0x8000001e, 0).ebx >> 8 & 0xff);
}

static void look(struct spec_cpu *c)
{
    const struct x86_cpuid seven = x86_cpuid_or_none(7, 0);

    c->vendor = vendor();
    c->family = cpu_features.family;
    c->model = cpu_features.model;
    c->stepping = cpu_features.stepping;
    c->hypervisor = cpu_features.hypervisor;
    c->smt = has_smt();
    c->microcode = microcode();
    c->leaf7_ebx = seven.ebx;
    c->leaf7_edx = seven.edx;
    if (seven.eax >= 2)
        c->leaf7_2_edx = x86_cpuid(7, 2).edx;
    c->ext8_ebx = x86_cpuid_or_none(0x80000008, 0).ebx;
    c->ext21_eax = x86_cpuid_or_none(0x80000021, 0).eax;
    c->arch_caps = msr_or_0(MSR_ARCH_CAPS, c->leaf7_edx & EDX_ARCH_CAPS);
    c->mcu_opt_ctrl = msr_or_0(MSR_MCU_OPT_CTRL, c->leaf7_edx & EDX_MCU_OPT);
}

/* --- doing --------------------------------------------------------------- */

static bool set_bits(uint32_t msr, uint64_t bits)
{
    uint64_t v;

    return x86_rdmsr_safe(msr, &v) && x86_wrmsr_safe(msr, v | bits);
}

/* True: it was not wanted, or is done. Else its flaws are open. */
static bool want(bool wanted, uint32_t msr, uint64_t bits,
                 enum spec_means means)
{
    if (!wanted || set_bits(msr, bits))
        return true;
    spec_refused(&spec_policy, means);
    return false;
}

/*
 * What one processor refuses none is asked for again: a domain's next vCPU may
 * run there. It cannot be read, so a first one is tried.
 */
static bool want_ibpb(void)
{
    if (!spec_policy.ibpb || x86_wrmsr_safe(MSR_PRED_CMD, PRED_CMD_IBPB))
        return true;
    spec_refused(&spec_policy, SPEC_BY_IBPB);
    return false;
}

/* Has it taken all? */
static bool apply(void)
{
    const struct spec_policy *p = &spec_policy;
    bool all = want_ibpb();

    all &= want(p->spec_ctrl != 0, MSR_SPEC_CTRL, p->spec_ctrl, SPEC_BY_CTRL);
    all &= want(p->auto_ibrs, MSR_EFER, EFER_AUTO_IBRS, SPEC_BY_AUTO_IBRS);
    all &= want(p->tsx_off, MSR_TSX_CTRL, TSX_RTM_DISABLE, SPEC_BY_TSX_OFF);
    all &= want(p->zen2_bit, MSR_DE_CFG, DE_CFG_ZENBLEED, SPEC_BY_ZEN2_BIT);
    if (p->lfence)
        (void)set_bits(MSR_DE_CFG, DE_CFG_LFENCE); /* as if it was not asked */
    return all;
}

/* --- saying -------------------------------------------------------------- */

/* For whom the one line is not enough. */
static void say_each(void)
{
    log_say("  %x-%x-%x; before a guest: %s; another domain: %s; "
            "SPEC_CTRL %lx",
            boot.family, boot.model, boot.stepping,
            spec_policy.verw ? "VERW" : "nothing",
            spec_policy.ibpb ? "IBPB" : "nothing", spec_policy.spec_ctrl);
    for (unsigned i = 0; i < SPEC_FLAWS; i++)
        if (spec_policy.flaw[i].state != SPEC_NOT_AFFECTED)
            log_say("  %s: %s: %s", spec_flaw_names[i],
                    spec_state_names[spec_policy.flaw[i].state],
                    spec_policy.flaw[i].how);
}

static void say(void)
{
    char text[3][SPEC_NAMES];
    unsigned n[3];

    for (unsigned i = 0; i < 3; i++)
        n[i] = spec_list(&spec_policy, (enum spec_state)(SPEC_DONE + i),
                         text[i], SPEC_NAMES);
    log_say("side channels, microcode %x%s: done%s; partly%s", boot.microcode,
            boot.hypervisor ? " of a hypervisor" : "", n[0] ? text[0] : " none",
            n[1] ? text[1] : " none");
    log_say("  open%s%s", n[2] ? text[2] : " none",
            spec_policy.flaw[SPEC_MELTDOWN].state == SPEC_OPEN
                ? "; isolate=on is for meltdown"
                : "");
    if (options.spec == OPT_SPEC_TELL || options.spec == OPT_SPEC_FORCE)
        say_each();
}

void spec_init(void)
{
    look(&boot);
    spec_policy =
        spec_decide(&boot, (enum option_spec)options.spec, options.isolate);
    (void)apply(); /* the line tells of each flaw how it stands then */
    say();
}

void spec_start(void)
{
    if (!apply())
        atomic_fetch_add(&refused, 1);
    if (microcode() != boot.microcode)
        atomic_fetch_add(&unlike, 1);
}

void spec_say_unlike(void)
{
    char open[SPEC_NAMES];

    if (unlike)
        log_say("%u processors have another microcode than the first: what was "
                "decided for that one they do, too",
                unlike);
    if (!refused)
        return;
    (void)spec_list(&spec_policy, SPEC_OPEN, open, sizeof(open));
    log_say("%u processors refuse what the first one does against side "
            "channels: open%s",
            refused, open);
}
