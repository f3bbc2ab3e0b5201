/* SPDX-License-Identifier: MIT */
/*
 * shown.h: which features of the processor a guest is shown, by name. Pure:
 * the host tests it.
 *
 * Invariant: what has no name here is shown to nobody. What a guest was shown
 * when it was built it is shown as long as it lives, through images too: it
 * goes to no processor that lacks any of it (shown_fits()).
 */
#pragma once

#include "hv/arch/xstate.h"

/* The words of CPUID that hold features. */
enum shown_word {
    SHOWN_1C,
    SHOWN_1D,
    SHOWN_7B,
    SHOWN_7C,
    SHOWN_7D,
    SHOWN_D1A, /* leaf 0xd, 1 */
    SHOWN_X1C, /* 0x80000001 */
    SHOWN_X1D,
    SHOWN_X7D, /* 0x80000007 */
    SHOWN_WORDS
};

/*
 * When a guest is shown large pages (PSE, 1 GiB), if the processor has them.
 * LATE: from the moment on at which vCPU 0 binds its timer, when Linux has laid
 * its direct map, which must stay small, and has yet to look again; then NOW.
 */
enum shown_pse {
    SHOWN_PSE_OFF,
    SHOWN_PSE_LATE,
    SHOWN_PSE_ALWAYS,
    SHOWN_PSE_NOW
};

/* In images as it is. */
struct shown {
    uint32_t word[SHOWN_WORDS];
    uint32_t signature;        /* leaf 1, EAX */
    uint32_t leaves, xleaves;  /* the highest of each range */
    char vendor[12];           /* as CPUID has it, no zero at its end */
    uint16_t offset[XSTATE_N]; /* in the XSAVE area, of what shown_xcr0() has */
    uint32_t pse;              /* enum shown_pse; 0 before there was any */
};
_Static_assert(sizeof(struct shown) == 80, "fixed layout");

/* What cpu= says: a level, and what is taken away from it. All zero: host. */
struct shown_choice {
    uint32_t level; /* 0: all there is; 1 to 4: x86-64, x86-64-v2, ... */
    uint32_t less[SHOWN_WORDS];
    uint32_t pse; /* what pse= says; no level has it */
};

#define SHOWN_WHY 80

/*
 * "host" or "x86-64[-v2|-v3|-v4]", then "-NAME" any number of times, with
 * commas between; c->pse stays as it is. false: not that.
 */
bool shown_choice_parse(struct shown_choice *c, const char *text, size_t len);

/* Of what a processor has, what may be shown. */
void shown_filter(struct shown *s);
/*
 * From what the host has. ERR_INVAL: it lacks something of the level, and
 * `why` names it.
 */
enum err shown_make(struct shown *out, const struct shown *host,
                    const struct shown_choice *c, char why[SHOWN_WHY]);
/* Could shown_make() have made it, somewhere? */
bool shown_sane(const struct shown *s);
/* ERR_INVAL: not on this host, for `why` ("this processor lacks avx2"). */
enum err shown_fits(const struct shown *s, const struct shown *host,
                    char why[SHOWN_WHY]);

/* What it is shown of that word by now. */
uint32_t shown_now(const struct shown *s, enum shown_word word);
/* The moment that SHOWN_PSE_LATE waits for. */
static inline void shown_timer_bound(struct shown *s)
{
    if (s->pse == SHOWN_PSE_LATE)
        __atomic_store_n(&s->pse, SHOWN_PSE_NOW, __ATOMIC_RELAXED);
}

/* The bits of XCR0 that go with it; 0 without XSAVE. */
uint64_t shown_xcr0(const struct shown *s);
/* Where its parts of an XSAVE area are. */
struct xstate_layout shown_layout(const struct shown *s);
