/* SPDX-License-Identifier: MIT */
/*
 * cpuid.c: the written policy: which CPUID leaves and which bits of CR4 a
 * guest may know of. What is not listed (features: in shown.c) is zero.
 *
 * Hidden on purpose: everything that takes privilege a guest does not have
 * (VMX, SVM, MONITOR, SMEP, SMAP, PKU, LA57, UMIP, PCID, INVPCID, MTRR, MCE,
 * performance and power interfaces), global pages, PSE36, and what depends on
 * MSRs not virtualised. Large pages (PSE, 1 GiB) as the domain's pse= says.
 */
#include "hv/trap/cpuid.h"

#include "hv/arch/cpu.h"
#include "hv/base/cmdline.h"
#include "hv/base/fail.h"
#include "hv/base/string.h"
#include "hv/domain/fpu.h"
#include "hv/domain/vcpu.h"
#include "xen/xen.h"

/* --- CPUID -------------------------------------------------------------- */

#define LEAF1_AES        ((uint32_t)BIT(25))
#define LEAF1_XSAVE      BIT(26)
#define LEAF1_OSXSAVE    BIT(27)
#define LEAF1_AVX        BIT(28)
#define LEAF7_AVX512F    BIT(16)
#define LEAF1_HYPERVISOR BIT(31)

#define XEN_LEAF_LAST    (XEN_CPUID_FIRST_LEAF + 5)
#define XEN_MSR_PAGE     0x40000000u
#define XEN_FEATURE_AD   1u /* MMU_PT_UPDATE_PRESERVE_AD works */
#define XEN_VERSION_4_17 (4u << 16 | 17u)

/* All that this processor has, as far as guests may be shown it. */
static struct shown host;

void cpuid_init(void)
{
    const struct x86_cpuid one = x86_cpuid(1, 0),
                           seven = x86_cpuid_or_none(7, 0),
                           ext = x86_cpuid(0x80000001, 0);
    const struct xstate_layout layout = fpu_layout();

    host = (struct shown){
        .word = {[SHOWN_1C] = one.ecx,
                 [SHOWN_1D] = one.edx,
                 [SHOWN_7B] = seven.ebx,
                 [SHOWN_7C] = seven.ecx,
                 [SHOWN_7D] = seven.edx,
                 [SHOWN_D1A] = layout.mask ? x86_cpuid(0xd, 1).eax : 0,
                 [SHOWN_X1C] = ext.ecx,
                 [SHOWN_X1D] = ext.edx,
                 [SHOWN_X7D] = x86_cpuid_or_none(0x80000007, 0).edx},
        .signature = one.eax,
        .leaves = MIN(x86_cpuid(0, 0).eax, 0xdu),
        .xleaves = MIN(x86_cpuid(0x80000000, 0).eax, 0x80000008u),
    };
    memcpy(host.vendor, cpu_features.vendor, sizeof(host.vendor));
    memcpy(host.offset, layout.offset, sizeof(host.offset));
    if (!layout.mask)
        host.word[SHOWN_1C] &= ~(uint32_t)LEAF1_XSAVE;
    if (!(layout.mask & XCR0_AVX))
        host.word[SHOWN_1C] &= ~(uint32_t)LEAF1_AVX;
    if (!(layout.mask & XCR0_AVX512))
        host.word[SHOWN_7B] &= ~(uint32_t)LEAF7_AVX512F;
    shown_filter(&host);
}

enum err cpuid_choose(const struct shown_choice *c, struct shown *out,
                      char *text)
{
    char why[SHOWN_WHY];

    return shown_make(out, &host, c, why) ? fail(text, ERR_INVAL, "%s", why)
                                          : ERR_NONE;
}

enum err cpuid_fits(const struct shown *s, const char *name, char *text)
{
    char why[SHOWN_WHY];

    if (!shown_fits(s, &host, why))
        return ERR_NONE;
    return fail(text, ERR_INVAL, "%s: %s, which the guest was shown", name,
                why);
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
    const struct shown *shown = &v->d->shown;
    const struct xstate_layout layout = shown_layout(shown);
    struct x86_cpuid c = {0};

    if (!layout.mask)
        return c;
    if (sub == 0) {
        c.eax = (uint32_t)layout.mask;
        c.ebx = v->cr4 & CR4_OSXSAVE ? x86_cpuid(0xd, 0).ebx /* for its XCR0 */
                                     : XSTATE_LEGACY + XSTATE_HEADER;
        c.ecx = xstate_size(&layout);
    } else if (sub == 1) {
        c.eax = shown->word[SHOWN_D1A];
    } else if (sub < XSTATE_N && (layout.mask & BIT(sub))) {
        c.eax = xstate_bytes(sub);
        c.ebx = layout.offset[sub];
    }
    return c;
}

static struct x86_cpuid features(const struct vcpu *v)
{
    const struct shown *shown = &v->d->shown;
    struct x86_cpuid c = x86_cpuid(1, 0);

    c.eax = shown->signature;
    c.ebx = (c.ebx & 0xffff) | 1u << 16 | v->id << 25;
    c.ecx = shown->word[SHOWN_1C] | (uint32_t)LEAF1_HYPERVISOR;
    /*
     * A kernel is shown that we have CR4.OSXSAVE set before it says that it
     * wants it: Xen always did, and Linux does not use XSAVE otherwise.
     */
    if ((c.ecx & LEAF1_XSAVE) && ((v->cr4 & CR4_OSXSAVE) || v->in_kernel))
        c.ecx |= LEAF1_OSXSAVE;
    c.edx = shown_now(shown, SHOWN_1D);
    if (selftest_is(SELFTEST_FEATURE) && this_cpu()->id)
        c.ecx ^= LEAF1_AES;
    return c;
}

/* Leaf 0 of either range: the highest of it, and whose it is. */
static struct x86_cpuid first_leaf(const struct shown *shown, uint32_t leaf)
{
    struct x86_cpuid c = x86_cpuid(leaf, 0);

    c.eax = leaf ? shown->xleaves : shown->leaves;
    return c;
}

/* Leaves that are only about names, caches and widths. */
static bool plain_leaf(uint32_t leaf)
{
    return leaf == 2 || leaf == 4 || leaf == 0x16 ||
           (leaf >= 0x80000002 && leaf <= 0x80000006);
}

/* Of the domain's features, what this leaf has. */
static struct x86_cpuid shown_leaf(const struct vcpu *v, uint32_t leaf,
                                   uint32_t sub)
{
    const uint32_t *w = v->d->shown.word;

    switch (leaf) {
    case 0:
    case 0x80000000:
        return first_leaf(&v->d->shown, leaf);
    case 1:
        return features(v);
    case 7: /* no further subleaf */
        return sub ? (struct x86_cpuid){0}
                   : (struct x86_cpuid){0, w[SHOWN_7B], w[SHOWN_7C],
                                        w[SHOWN_7D]};
    case 0xd:
        return extended_state(v, sub);
    case 0x80000001: {
        /* Where leaf 1 is repeated here, it is that of the guest. */
        bool again = x86_cpuid_or_none(leaf, 0).eax;

        return (struct x86_cpuid){again ? v->d->shown.signature : 0, 0,
                                  w[SHOWN_X1C],
                                  shown_now(&v->d->shown, SHOWN_X1D)};
    }
    case 0x80000007: /* an invariant TSC is what makes PV time right */
        return (struct x86_cpuid){.edx = w[SHOWN_X7D]};
    case 0x80000008:
        return (struct x86_cpuid){.eax = x86_cpuid_or_none(leaf, 0).eax};
    default:
        return (struct x86_cpuid){0};
    }
}

struct x86_cpuid cpuid_leaf(const struct vcpu *v, uint32_t leaf, uint32_t sub)
{
    const struct shown *shown = &v->d->shown;

    if (leaf >= XEN_CPUID_FIRST_LEAF && leaf <= XEN_CPUID_FIRST_LEAF + 0xff)
        return xen_leaf(leaf);
    if (plain_leaf(leaf))
        return x86_cpuid_or_none(leaf, sub);
    if (leaf > (leaf & 0x80000000 ? shown->xleaves : shown->leaves))
        return (struct x86_cpuid){0};
    return shown_leaf(v, leaf, sub);
}

/* --- CR4 ---------------------------------------------------------------- */

uint64_t cpuid_cr4(const struct vcpu *v)
{
    return CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT |
           (v->cr4 & CPUID_CR4_GUEST);
}
