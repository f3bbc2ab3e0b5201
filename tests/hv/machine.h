/* SPDX-License-Identifier: MIT */
/*
 * machine.h: as much of a machine as the services of hv/ need to run in a
 * test: a processor (GS points at its per-CPU area, as in the hypervisor), a
 * few domains with vCPUs, and guest addresses that are the test's own.
 */
#pragma once

#include "hv/call/hypercall.h"
#include "hv/domain/domain.h"
#include "tests/hv/check.h"

#define MACHINE_FRAMES 256u /* what alloc_hv_get() can give in all */

/* Domains 1..n of so many vCPUs each, all runnable; vCPU 0 of 1 is current. */
void machine_make(unsigned domains, unsigned vcpus);
void machine_end(void);
struct domain *machine_domain(unsigned id);
/* One that is in no list. */
struct domain *machine_domain_make(unsigned id, unsigned vcpus);
void machine_domain_free(struct domain *d);
void machine_run(struct vcpu *v);

/* So many processors, as new; the test is on the first, or the one it says. */
#define MACHINE_CPUS 4u
void machine_cpus(unsigned n);
void machine_be(unsigned id);

/* Guest addresses from..to are not mapped, or merely read-only. */
extern uintptr_t machine_bad_from, machine_bad_to;
extern bool machine_bad_reads;
/*
 * Where a guest's address is, to the end of its page; NULL: it faults. NULL
 * itself: guest addresses are the test's own.
 */
extern uint8_t *(*machine_translate)(uint64_t va, bool write);
/* The n-th allocation from now fails; 0: none. */
extern unsigned machine_alloc_fails;
/* Whose memory guests have: hv_mm, unless a test says otherwise. */
extern struct mm *machine_mm;
/* What is owed stays so where the hypervisor touches a guest's memory. */
extern bool machine_hasty;
/* How often something was owed and discharged. */
extern unsigned machine_discharges;

/* The last hypercall that is to come again. */
extern unsigned machine_again;

/* xorshift64*: the same life for the same seed. */
uint64_t machine_dice(uint64_t *seed, uint64_t n);
