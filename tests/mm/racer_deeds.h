/* SPDX-License-Identifier: MIT */
/* racer_deeds.h: what racer.c and racer_deeds.c have in common. */
#pragma once

#include "mm/alloc/shared.h"
#include "racer.h"

/* As enum domain_stage of hv/domain/domain.h. */
enum racer_stage { RACER_NONE, RACER_WHOLE, RACER_GOING };

struct racer_domain {
    struct mm_domain d;
    struct mm_vcpu v[CPUS_MOST];       /* one for each CPU */
    _Atomic unsigned loaded;           /* CPUs that run it */
    _Atomic bool open;                 /* to be run */
    enum racer_stage stage;            /* racer.c's, as those who have */
    _Atomic unsigned refs;             /* a reference */
    _Atomic uint64_t pool[RACER_POOL]; /* frames it thinks it has */
    uint64_t tag;                      /* in all that it writes */
};

/* A CPU. */
struct racer {
    unsigned cpu;
    struct dice *dice;
    struct racer_domain *x; /* that it runs */
    const char *what;       /* it did last */
    struct racer_result n;
};

extern struct world racer_world;
extern struct racer_domain racer_domains[RACER_DOMAINS];
extern const struct racer_plan *racer_plan;

/* As the guest: some accesses; one word, read or written. */
void racer_guest(struct racer *r);
uint64_t racer_load(const uint64_t *p);
void racer_store(uint64_t *p, uint64_t v);
uint64_t racer_tagged(const struct racer_domain *x, uint64_t v);
void racer_check_word(const struct racer_domain *x, uint64_t v);
void racer_check_tlb(struct racer *r);

/*
 * As domain_get(), domain_get_going() and domain_put() of hv/domain/domain.h:
 * it stays meanwhile, whatever becomes of its memory. NULL: it is none.
 */
struct racer_domain *racer_get(struct racer_domain *x, bool going);
void racer_put(struct racer_domain *x);

/* An entry that makes trouble. */
pte_t racer_entry(struct racer *r);
/* A new domain's memory and tables. */
void racer_furnish(struct racer_domain *x, struct mm_op *op);
/* One operation or a few of the domain that this CPU runs. */
void racer_deed(struct racer *r);
/* racer_grants.c: one that concerns two domains. */
void racer_grant_deed(struct racer *r);
mfn_t racer_mfn(struct racer *r);
