/* SPDX-License-Identifier: MIT */
/* world.c: see world.h. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "port.h"
#include "simtlb.h"

void world_make(struct world *w, uint64_t blocks)
{
    uint64_t frames = blocks * BLOCK_FRAMES;

    simtlb_reset();
    memset(w, 0, sizeof(*w));
    w->memory = mmap(NULL, frames * PAGE_SIZE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(w->memory != MAP_FAILED);
    w->mm.direct = w->memory;
    w->mm.m2p = calloc(frames, sizeof(uint64_t));
    w->mm.linear_pt = true;
    for (unsigned i = 0; i < L4_HV_SLOTS; i++)
        w->mm.l4_hv[i] = pte_make(mfn_of(7 + i), PTE_P | PTE_RW);
    w->metadata = aligned_alloc(64, (alloc_metadata_size(frames) + 63) & ~63ul);
    memset(w->metadata, 0, alloc_metadata_size(frames));
    alloc_init(&w->mm, w->metadata, frames, 2);
    alloc_add(&w->mm, mfn_of(1), frames - 1);
    w->scratch = malloc(mm_audit_scratch_size(&w->mm));
    w->blocks_at_boot = alloc_stats(&w->mm).free;
}

void world_end(struct world *w)
{
    const char *wrong = alloc_check(&w->mm);

    if (wrong)
        fail_msg("allocator: %s", wrong);
    assert_int_equal(alloc_stats(&w->mm).free, w->blocks_at_boot);
    munmap(w->memory, w->mm.nr_frames * PAGE_SIZE);
    free(w->mm.m2p);
    free(w->metadata);
    free(w->scratch);
}

void world_domain(struct world *w, struct world_domain *x, domid_t id,
                  uint64_t max_pages)
{
    memset(x, 0, sizeof(*x));
    x->d.id = id;
    x->d.max_pages = max_pages;
    x->d.superpages = SUPERPAGES_PREFER;
    dmem_domain_init(&w->mm, &x->d);
    dmem_vcpu_init(&x->d, &x->v);
}

void world_done(struct mm_op *op)
{
    if (op->tlb.what != TLB_NOTHING)
        port_tlb_discharge(op->d, &op->tlb);
    op->tlb.what = TLB_NOTHING;
}

void world_destroy(struct world *w, struct world_domain *x)
{
    struct mm_op op = mm_op_on(&x->d, &x->v);
    enum err rc;

    do
        rc = dmem_domain_destroy(&op);
    while (rc == ERR_RESTART);
    assert_int_equal(rc, ERR_NONE);
    world_done(&op);
    world_audit(w, "destroy");
}

void world_audit(struct world *w, const char *after)
{
    struct mm_audit a = mm_audit(&w->mm, w->scratch);
    const char *wrong;

    if (!a.clean)
        fail_msg("after %s: %s", after, a.text);
    wrong = simtlb_check(&w->mm);
    if (wrong)
        fail_msg("after %s: %s", after, wrong);
}

uint64_t dice_next(struct dice *d)
{
    d->s ^= d->s >> 12;
    d->s ^= d->s << 25;
    d->s ^= d->s >> 27;
    return d->s * UINT64_C(2685821657736338717);
}
