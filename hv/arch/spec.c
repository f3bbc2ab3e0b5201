/* SPDX-License-Identifier: MIT */
/*
 * spec.c: facts from the SDM (vol. 4, table 2-2), from Intel's "CPUID
 * enumeration and architectural MSRs" for these flaws, from AMD's "Software
 * techniques for managing speculation" and bulletins 7005 to 7008, and from
 * docs.kernel.org/admin-guide/hw-vuln.
 *
 * Invariant: a processor has a flaw unless it is known not to, and a flaw is
 * "done" only if nothing that a guest may do is left open; else there is a word
 * that says what is.
 */
#include "hv/arch/spec.h"

/* IA32_ARCH_CAPABILITIES */
#define CAP_RDCL_NO    BIT(0)
#define CAP_IBRS_ALL   BIT(1)
#define CAP_RSBA       BIT(2)
#define CAP_SSB_NO     BIT(4)
#define CAP_MDS_NO     BIT(5)
#define CAP_MC_NO      BIT(6)
#define CAP_TSX_CTRL   BIT(7)
#define CAP_TAA_NO     BIT(8)
#define CAP_BHI_NO     BIT(20)
#define CAP_GDS_CTRL   BIT(25)
#define CAP_GDS_NO     BIT(26)
#define CAP_RFDS_NO    BIT(27)
#define CAP_RFDS_CLEAR BIT(28)
#define GDS_MITG_OFF   BIT(4) /* of IA32_MCU_OPT_CTRL */

/* CPUID 7.0 */
#define EBX_RTM       BIT(11)
#define EDX_MD_CLEAR  BIT(10)
#define EDX_IBRS_IBPB BIT(26)
#define EDX_STIBP     BIT(27)
/* 7.2 */
#define EDX_BHI_CTRL BIT(4)

/* 80000008h EBX, and 80000021h EAX */
#define AMD_IBPB        BIT(12)
#define AMD_STIBP       BIT(15)
#define AMD_IBRS_ALWAYS BIT(16)
#define AMD_SSB_NO      BIT(26)
#define AMD_BTC_NO      BIT(29)
#define AMD_LFENCE      BIT(2)
#define AMD_AUTO_IBRS   BIT(8)
#define AMD_SRSO_NO     BIT(29)
#define AMD_SRSO_UK_NO  BIT(30)

const char *const spec_flaw_names[SPEC_FLAWS] = {
    "meltdown",   "l1tf",       "mds", "taa",      "rfds",
    "spectre-v1", "spectre-v2", "bhi", "retbleed", "srso",
    "ssb",        "multihit",   "gds", "zenbleed"};
const char *const spec_state_names[] = {"not affected", "done", "partly",
                                        "open"};

/* --- models of Intel's family 6 ------------------------------------------ */

enum {
    IN_ORDER = 1,   /* nothing is speculated on */
    NO_L1TF = 2,    /* and no multihit: Atoms, and Xeon Phi */
    NO_MDS = 4,     /* but RFDS */
    RETURNS = 8,    /* Retbleed */
    GATHER = 16,    /* GDS */
    RFDS_CORES = 32 /* some of its cores are Atoms */
};

static const struct {
    uint8_t model, is;
} models[] = {
    {0x1c, IN_ORDER},
    {0x26, IN_ORDER},
    {0x27, IN_ORDER},
    {0x35, IN_ORDER},
    {0x36, IN_ORDER},
    /* Silvermont, Airmont, Xeon Phi */
    {0x37, NO_L1TF},
    {0x4a, NO_L1TF},
    {0x4c, NO_L1TF},
    {0x4d, NO_L1TF},
    {0x57, NO_L1TF},
    {0x5a, NO_L1TF},
    {0x5d, NO_L1TF},
    {0x75, NO_L1TF},
    {0x85, NO_L1TF},
    /* Goldmont, Tremont, Gracemont */
    {0x5c, NO_L1TF | NO_MDS},
    {0x5f, NO_L1TF | NO_MDS},
    {0x7a, NO_L1TF | NO_MDS},
    {0x86, NO_L1TF | NO_MDS},
    {0x8a, NO_L1TF | NO_MDS},
    {0x96, NO_L1TF | NO_MDS},
    {0x9c, NO_L1TF | NO_MDS},
    {0xbe, NO_L1TF | NO_MDS},
    /* Skylake to Comet Lake, Cannon Lake */
    {0x4e, RETURNS | GATHER},
    {0x5e, RETURNS | GATHER},
    {0x55, RETURNS | GATHER},
    {0x8e, RETURNS | GATHER},
    {0x9e, RETURNS | GATHER},
    {0xa5, RETURNS | GATHER},
    {0xa6, RETURNS | GATHER},
    {0x66, RETURNS | GATHER},
    /* Ice, Tiger and Rocket Lake */
    {0x6a, GATHER},
    {0x6c, GATHER},
    {0x7d, GATHER},
    {0x7e, GATHER},
    {0x8c, GATHER},
    {0x8d, GATHER},
    {0xa7, GATHER},
    /* Alder and Raptor Lake */
    {0x97, RFDS_CORES},
    {0x9a, RFDS_CORES},
    {0xb7, RFDS_CORES},
    {0xba, RFDS_CORES},
    {0xbf, RFDS_CORES},
};

static bool model_is(const struct spec_cpu *c, unsigned what)
{
    for (unsigned i = 0; i < ARRAY_SIZE(models); i++)
        if (c->vendor == SPEC_INTEL && c->family == 6 &&
            c->model == models[i].model)
            return models[i].is & what;
    return false;
}

/* --- what it has --------------------------------------------------------- */

static bool is_amd(const struct spec_cpu *c)
{
    return c->vendor == SPEC_AMD;
}

/* Whatever it says by bits counts on Intel's only. */
static bool cap(const struct spec_cpu *c, uint64_t bit)
{
    return c->vendor == SPEC_INTEL && (c->arch_caps & bit);
}

static bool in_order(const struct spec_cpu *c)
{
    return model_is(c, IN_ORDER);
}

static bool has_meltdown(const struct spec_cpu *c)
{
    return !is_amd(c) && !in_order(c) && !cap(c, CAP_RDCL_NO);
}

static bool has_mds(const struct spec_cpu *c)
{
    return !is_amd(c) && !in_order(c) && !model_is(c, NO_MDS) &&
           !cap(c, CAP_MDS_NO);
}

static bool has_taa(const struct spec_cpu *c)
{
    return !is_amd(c) && (c->leaf7_ebx & EBX_RTM) && !cap(c, CAP_TAA_NO);
}

static bool has_rfds(const struct spec_cpu *c)
{
    return model_is(c, NO_MDS | RFDS_CORES) && !cap(c, CAP_RFDS_NO);
}

static bool has_ibpb(const struct spec_cpu *c)
{
    return is_amd(c) ? (c->ext8_ebx & AMD_IBPB)
                     : (c->leaf7_edx & EDX_IBRS_IBPB);
}

static bool has_stibp(const struct spec_cpu *c)
{
    return is_amd(c) ? (c->ext8_ebx & AMD_STIBP) : (c->leaf7_edx & EDX_STIBP);
}

/* Restricts by itself whatever enters ring 0, once it is switched on. */
static bool has_lasting_ibrs(const struct spec_cpu *c)
{
    return is_amd(c) ? (c->ext21_eax & AMD_AUTO_IBRS) ||
                           (c->ext8_ebx & AMD_IBRS_ALWAYS)
                     : cap(c, CAP_IBRS_ALL);
}

static bool is_zen2(const struct spec_cpu *c)
{
    const unsigned m = c->model;

    return is_amd(c) && c->family == 0x17 &&
           ((m >= 0x30 && m <= 0x4f) || (m >= 0x60 && m <= 0x7f) ||
            (m >= 0x90 && m <= 0x91) || (m >= 0xa0 && m <= 0xaf));
}

static bool has_srso(const struct spec_cpu *c)
{
    return is_amd(c) && (c->family == 0x17 || c->family == 0x19) &&
           !(c->ext21_eax & (AMD_SRSO_NO | AMD_SRSO_UK_NO));
}

static bool has_retbleed(const struct spec_cpu *c)
{
    if (is_amd(c))
        return c->family >= 0x15 && c->family <= 0x17 &&
               !(c->ext8_ebx & AMD_BTC_NO);
    return !has_lasting_ibrs(c) && (model_is(c, RETURNS) || cap(c, CAP_RSBA));
}

static bool has_ssb(const struct spec_cpu *c)
{
    return is_amd(c) ? !(c->ext8_ebx & AMD_SSB_NO)
                     : !in_order(c) && !cap(c, CAP_SSB_NO);
}

/* --- what is done -------------------------------------------------------- */

static void set(struct spec_policy *p, enum spec_flaw f, enum spec_state s,
                const char *how)
{
    p->flaw[f].state = s;
    p->flaw[f].how = how;
}

static void always(const struct spec_cpu *c, struct spec_policy *p,
                   bool isolate)
{
    if (has_meltdown(c))
        set(p, SPEC_MELTDOWN, isolate ? SPEC_DONE : SPEC_OPEN,
            isolate ? "others' memory is not mapped while a guest runs"
                    : "all memory stays mapped; isolate=on unmaps it");
    if (has_meltdown(c) && !model_is(c, NO_L1TF))
        set(p, SPEC_L1TF, SPEC_DONE,
            "an absent entry that names memory is refused");
    if (!is_amd(c) && !in_order(c) && !model_is(c, NO_L1TF) &&
        !cap(c, CAP_MC_NO))
        set(p, SPEC_MULTIHIT, SPEC_DONE,
            "a page changes its size by way of none, and a flush");
    if (!in_order(c))
        set(p, SPEC_V1, SPEC_OPEN, "no index is masked, no load fenced");
    if (has_ssb(c))
        set(p, SPEC_SSB, SPEC_OPEN,
            "SSBD stays off, and no guest can ask for it");
}

/* What VERW overwrites, if the microcode makes it. */
static void buffers(const struct spec_cpu *c, struct spec_policy *p, bool off)
{
    const bool clears = c->leaf7_edx & EDX_MD_CLEAR;
    const bool rfds = has_rfds(c) && cap(c, CAP_RFDS_CLEAR);
    const bool tsx = cap(c, CAP_TSX_CTRL);

    p->verw =
        !off && (((has_mds(c) || (has_taa(c) && !tsx)) && clears) || rfds);
    p->tsx_off = !off && has_taa(c) && tsx;
    if (has_mds(c) && p->verw)
        set(p, SPEC_MDS, c->smt ? SPEC_PARTLY : SPEC_DONE,
            c->smt ? "VERW before each guest; a core's other thread sees on"
                   : "VERW before each guest");
    else if (has_mds(c))
        set(p, SPEC_MDS, SPEC_OPEN,
            off ? "spec=off" : "its microcode knows no MD_CLEAR");
    if (p->tsx_off)
        set(p, SPEC_TAA, SPEC_DONE, "transactions are switched off");
    else if (has_taa(c))
        set(p, SPEC_TAA,
            !p->verw ? SPEC_OPEN
            : c->smt ? SPEC_PARTLY
                     : SPEC_DONE,
            p->verw ? "as mds"
            : off   ? "spec=off"
                    : "neither MD_CLEAR nor a switch for transactions");
    if (has_rfds(c))
        set(p, SPEC_RFDS, p->verw ? SPEC_DONE : SPEC_OPEN,
            p->verw ? "VERW before each guest"
            : off   ? "spec=off"
                    : "its microcode knows no RFDS_CLEAR");
}

static void bhi(const struct spec_cpu *c, struct spec_policy *p, bool off)
{
    if (c->vendor != SPEC_INTEL || !cap(c, CAP_IBRS_ALL) || cap(c, CAP_BHI_NO))
        return;
    if (off || !(c->leaf7_2_edx & EDX_BHI_CTRL)) {
        set(p, SPEC_BHI, SPEC_OPEN,
            off ? "spec=off" : "no BHI_DIS_S; history is not cleared by hand");
        return;
    }
    p->spec_ctrl |= SPEC_CTRL_BHI;
    set(p, SPEC_BHI, SPEC_DONE, "BHI_DIS_S");
}

/* IBRS at each entry, where it is not for good, would cost two MSR writes. */
static void branches(const struct spec_cpu *c, struct spec_policy *p, bool off)
{
    const bool lasting = has_lasting_ibrs(c);

    if (in_order(c))
        return;
    p->ibpb = !off && has_ibpb(c);
    p->auto_ibrs = !off && is_amd(c) && (c->ext21_eax & AMD_AUTO_IBRS);
    if (!off && lasting && !p->auto_ibrs)
        p->spec_ctrl |= SPEC_CTRL_IBRS;
    if (!off && c->smt && has_stibp(c))
        p->spec_ctrl |= SPEC_CTRL_STIBP;
    if (off)
        set(p, SPEC_V2, SPEC_OPEN, "spec=off");
    else if (!p->ibpb)
        set(p, SPEC_V2, SPEC_OPEN, "its microcode knows no IBPB");
    else if (!lasting)
        set(p, SPEC_V2, SPEC_PARTLY,
            "IBPB between domains; the hypervisor's own branches are open");
    else
        set(p, SPEC_V2, SPEC_DONE, "IBRS for good, IBPB between domains");
    bhi(c, p, off);
}

static void returns(const struct spec_cpu *c, struct spec_policy *p)
{
    if (has_retbleed(c))
        set(p, SPEC_RETBLEED, p->ibpb ? SPEC_PARTLY : SPEC_OPEN,
            p->ibpb ? "IBPB between domains; the hypervisor's returns are open"
                    : "no IBPB; the hypervisor's returns are open");
    if (has_srso(c))
        set(p, SPEC_SRSO, p->ibpb ? SPEC_PARTLY : SPEC_OPEN,
            p->ibpb ? "IBPB between domains; the hypervisor's returns are open"
                    : "no IBPB; the hypervisor's returns are open");
}

static void registers(const struct spec_cpu *c, struct spec_policy *p, bool off)
{
    if (is_zen2(c)) {
        p->zen2_bit = !off;
        set(p, SPEC_ZENBLEED, off ? SPEC_OPEN : SPEC_DONE,
            off ? "spec=off" : "DE_CFG bit 9, whatever its microcode");
    }
    if (!model_is(c, GATHER) || cap(c, CAP_GDS_NO))
        return;
    if (cap(c, CAP_GDS_CTRL) && !(c->mcu_opt_ctrl & GDS_MITG_OFF))
        set(p, SPEC_GDS, SPEC_DONE, "its microcode does it");
    else
        set(p, SPEC_GDS, SPEC_OPEN,
            cap(c, CAP_GDS_CTRL) ? "the firmware has switched that off"
                                 : "its microcode is older than that");
}

struct spec_policy spec_decide(const struct spec_cpu *c, enum option_spec wish,
                               bool isolate)
{
    const bool off = wish == OPT_SPEC_OFF;
    struct spec_policy p = {0};

    for (unsigned i = 0; i < SPEC_FLAWS; i++)
        set(&p, (enum spec_flaw)i, SPEC_NOT_AFFECTED, "");
    always(c, &p, isolate);
    buffers(c, &p, off);
    branches(c, &p, off);
    returns(c, &p);
    registers(c, &p, off);
    p.lfence =
        !off && is_amd(c) && c->family >= 0x10 && !(c->ext21_eax & AMD_LFENCE);
    if (wish == OPT_SPEC_FORCE)
        p.verw = p.ibpb = true;
    return p;
}

/* One whose state has its reason already, the lack of them even, keeps it. */
static void reopen(struct spec_policy *p, enum spec_flaw f)
{
    const enum spec_state is = p->flaw[f].state;

    if (is == SPEC_DONE || is == SPEC_PARTLY)
        set(p, f, SPEC_OPEN, "the processor refuses what would help");
}

void spec_refused(struct spec_policy *p, enum spec_means means)
{
    switch (means) {
    case SPEC_BY_IBPB:
        p->ibpb = false;
        reopen(p, SPEC_V2);
        reopen(p, SPEC_RETBLEED);
        reopen(p, SPEC_SRSO);
        break;
    case SPEC_BY_CTRL:
        if (p->spec_ctrl & SPEC_CTRL_BHI)
            reopen(p, SPEC_BHI);
        reopen(p, SPEC_V2);
        break;
    case SPEC_BY_AUTO_IBRS:
        reopen(p, SPEC_V2);
        break;
    case SPEC_BY_TSX_OFF:
        reopen(p, SPEC_TAA);
        break;
    case SPEC_BY_ZEN2_BIT:
        reopen(p, SPEC_ZENBLEED);
        break;
    }
}

unsigned spec_list(const struct spec_policy *p, enum spec_state state,
                   char *text, unsigned size)
{
    unsigned n = 0, at = 0;

    for (unsigned i = 0; i < SPEC_FLAWS; i++) {
        const char *name = spec_flaw_names[i];

        if (p->flaw[i].state != state)
            continue;
        n++;
        if (at + 1 < size)
            text[at++] = ' ';
        while (*name && at + 1 < size)
            text[at++] = *name++;
    }
    text[at] = 0;
    return n;
}
