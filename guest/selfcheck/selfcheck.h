/* SPDX-License-Identifier: MIT */
/*
 * selfcheck.h: one finding for each property of the machine under us. A check
 * says PASS only for what it has seen, FAIL with what it saw instead, and n.a.
 * where this machine, or the domain's options, give it nothing to look at.
 */
#pragma once

#include "flagstone/control.h"
#include "guest/lib/guest.h"

enum verdict { VERDICT_NOT_RUN, VERDICT_PASS, VERDICT_FAIL, VERDICT_NONE };

struct finding {
    const char *name;
    enum verdict verdict;
    char text[62]; /* with the two words before it 79 characters */
};
printf_like(3, 4) void found(struct finding *f, enum verdict v, const char *fmt,
                             ...);

typedef void check_t(struct finding *f);
check_t check_processor, check_timer, check_smp, check_memory, check_pages,
    check_tlb, check_exceptions, check_console;

/* In the order of their names; the summary's digits have this order. */
enum { FINDINGS = 8 };

/* Is this fault to be committed here? fault=NAME; the others the hypervisor
 * commits (selftest=NAME). */
static inline bool fault_is(const char *name)
{
    return cmdline_is("fault", name);
}

/* --- machine.c: what the hypervisor tells ----------------------------------
 */

/* All of it 0 if we are not the control guest. */
extern struct flagstone_hardware machine;
void machine_look(void);
/* The second that the real-time clock shows, or FLAGSTONE_RTC_NONE. */
uint32_t machine_rtc(void);
/* How many whole blocks are free; this domain may have them from now on. */
uint64_t machine_claim_free(void);
/* Ends the machine if that is ours; else returns. */
void machine_end(bool well);

/* --- crew.c: one vCPU for each processor -----------------------------------
 */

unsigned crew_size(void);
/* fn((void *)id) on each at once; false: one has not come to its end in ms. */
bool crew_run(vcpu_fn_t *fn, unsigned ms);
/* All of them are here, so often; false: not within a second. */
bool crew_meet(unsigned n);

/* --- processor.c -----------------------------------------------------------
 */

struct cpuid processor_native(uint32_t leaf, uint32_t sub);
/* Distinct processors that the vCPUs have been seen on. */
unsigned processor_seats(void);

/* --- memory.c: free memory, held between check_memory() and release ------- */

uint64_t memory_held(void);
mfn_t memory_nth(uint64_t i);
/* A 1 GiB region of which all blocks are held; MFN_NONE: there is none. */
mfn_t memory_region(void);
void memory_release(void);

#define WINDOW(n) (UINT64_C(0xffffc10000000000) + (uint64_t)(n)*BIT(30))
/* One entry of level 2 or 3 at va, of a page that large; 0: none. Flushed. */
int64_t window_map(uint64_t va, unsigned level, mfn_t m);
int64_t window_unmap(uint64_t va, unsigned level);

/* --- digits.c --------------------------------------------------------------
 */

#define DIGITS      24u
#define DIGITS_TEXT (DIGITS + DIGITS / 4) /* in fours, with a 0 at its end */
void digits_make(const struct finding *f, char text[DIGITS_TEXT]);
