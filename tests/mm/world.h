/* SPDX-License-Identifier: MIT */
/*
 * world.h: a small machine with one or more domains in it, for the tests of
 * mm/. Every step can be followed by the audit.
 */
#pragma once

#include "mm/audit/audit.h"
#include "mm/pv/mmu_fast.h"
#include "mm/resize/reservation.h"

struct world {
    struct mm mm;
    struct mm_owed owed;
    void *metadata;
    void *scratch;
    uint64_t blocks_at_boot;
};

struct world_domain {
    struct mm_domain d;
    struct mm_vcpu v;
};

void world_make(struct world *w, uint64_t blocks);
void world_end(struct world *w); /* asserts that every block is back */
void world_domain(struct world *w, struct world_domain *x, domid_t id,
                  uint64_t max_pages);
void world_destroy(struct world *w, struct world_domain *x);
/*
 * One that owes nothing yet: a value, and several may be held at once, for
 * there is one actor and so no need of locks. Where there are more of them,
 * each begins its own.
 */
static inline struct mm_op mm_op_on(struct mm_domain *d, struct mm_vcpu *v)
{
    return (struct mm_op){.mm = d->mm, .d = d, .v = v};
}
/* Finish an operation; with the same value another one can be carried out. */
void world_done(struct mm_op *op);
/* grant_unmap() and grant_replace(), whoever the granter is. */
int world_unmap(struct mm_op *op, uint32_t handle, uint64_t host_addr,
                uint64_t dev_addr);
int world_replace(struct mm_op *op, uint32_t handle, uint64_t host_addr,
                  uint64_t new_addr);
/* Fails the test with the audit's words. */
void world_audit(struct world *w, const char *after);

/*
 * Where tests take their choices from: xorshift64* seeded by the test, or, if
 * `end` is set, a fuzzer's bytes, and zeroes when those are used up.
 */
struct dice {
    uint64_t s;
    const uint8_t *at, *end;
};
/* 0..n-1. */
uint64_t dice_upto(struct dice *d, uint64_t n);
