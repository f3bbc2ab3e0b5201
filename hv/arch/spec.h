/* SPDX-License-Identifier: MIT */
/*
 * spec.h: which flaws of speculation a processor has, and what is done about
 * each: from what CPUID and some MSRs say, and nothing else. Pure: the host
 * tests it with what real processors say. hv/arch/spec_cpu.h asks this one.
 */
#pragma once

#include "base.h"
#include "hv/base/cmdline.h"

enum spec_vendor { SPEC_INTEL, SPEC_AMD, SPEC_OTHER };

/* As it is read: CPUID by leaf and register, MSRs by name; 0: not there. */
struct spec_cpu {
    enum spec_vendor vendor;
    unsigned family, model, stepping;
    uint32_t microcode;
    bool hypervisor;       /* says that it is not a real one */
    bool smt;              /* two threads of a core, at least */
    uint32_t leaf7_ebx;    /* 7.0 */
    uint32_t leaf7_edx;    /* 7.0 */
    uint32_t leaf7_2_edx;  /* 7.2 */
    uint32_t ext8_ebx;     /* 80000008h */
    uint32_t ext21_eax;    /* 80000021h */
    uint64_t arch_caps;    /* IA32_ARCH_CAPABILITIES */
    uint64_t mcu_opt_ctrl; /* IA32_MCU_OPT_CTRL */
};

enum spec_flaw {
    SPEC_MELTDOWN,
    SPEC_L1TF,
    SPEC_MDS,
    SPEC_TAA,
    SPEC_RFDS,
    SPEC_V1,
    SPEC_V2,
    SPEC_BHI,
    SPEC_RETBLEED,
    SPEC_SRSO,
    SPEC_SSB,
    SPEC_MULTIHIT,
    SPEC_GDS,
    SPEC_ZENBLEED,
    SPEC_FLAWS,
};

enum spec_state {
    SPEC_NOT_AFFECTED,
    SPEC_DONE,
    SPEC_PARTLY,
    SPEC_OPEN,
};

/* IA32_SPEC_CTRL; its fourth is Intel's only. */
#define SPEC_CTRL_IBRS  BIT(0)
#define SPEC_CTRL_STIBP BIT(1)
#define SPEC_CTRL_BHI   BIT(10)

/* What every processor does, and how each flaw stands then. */
struct spec_policy {
    bool verw;          /* on the way to a guest: overwrite what was buffered */
    bool ibpb;          /* when another domain runs: forget branch targets */
    bool auto_ibrs;     /* EFER: AMD's form of what follows */
    uint64_t spec_ctrl; /* what the MSR has, always; 0: is left alone */
    bool tsx_off;       /* every transaction aborts */
    bool zen2_bit;      /* DE_CFG[9] */
    bool lfence;        /* DE_CFG[1]: LFENCE waits */
    struct {
        enum spec_state state;
        const char *how;
    } flaw[SPEC_FLAWS];
};

extern const char *const spec_flaw_names[SPEC_FLAWS];
extern const char *const spec_state_names[];

/* With isolate=on, memory of others is not mapped while a guest runs. */
struct spec_policy spec_decide(const struct spec_cpu *cpu,
                               enum option_spec wish, bool isolate);

/* What a processor may refuse although it was decided by what it says. */
enum spec_means {
    SPEC_BY_IBPB,
    SPEC_BY_CTRL, /* IA32_SPEC_CTRL */
    SPEC_BY_AUTO_IBRS,
    SPEC_BY_TSX_OFF,
    SPEC_BY_ZEN2_BIT,
};
/* It did: what was done about a flaw by these means leaves it open. */
void spec_refused(struct spec_policy *p, enum spec_means means);

/*
 * The names of all flaws in a state, a space before each, as far as there is
 * room; how many there are.
 */
#define SPEC_NAMES 160u
unsigned spec_list(const struct spec_policy *p, enum spec_state state,
                   char *text, unsigned size);
