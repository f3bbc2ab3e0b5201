/* SPDX-License-Identifier: MIT */
/* world.c: see world.h. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory.h"
#include "mm/pv/grant.h"
#include "port.h"
#include "simtlb.h"

/*
 * Fuzzers make machines by the thousand: the memory of the last one serves
 * again, full of what it left there, as memory is when a machine boots.
 */
static uint8_t *memory_of(uint64_t frames)
{
    static uint8_t *kept;
    static uint64_t kept_frames;

    if (kept_frames != frames) {
        if (kept)
            host_memory_end(kept, kept_frames);
        kept = host_memory_make(frames);
        kept_frames = frames;
    }
    return kept;
}

void world_make(struct world *w, uint64_t blocks)
{
    uint64_t frames = blocks * BLOCK_FRAMES;

    simtlb_reset();
    memset(w, 0, sizeof(*w));
    w->mm.direct = memory_of(frames);
    w->mm.owed = &w->owed;
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
    x->d.tlb_epoch = 0x51234; /* no stamp says this by chance */
    dmem_domain_init(&w->mm, &x->d);
    dmem_vcpu_init(&x->d, &x->v);
}

void world_done(struct mm_op *op)
{
    mm_op_end(op);
}

void world_destroy(struct world *w, struct world_domain *x)
{
    struct mm_op op = mm_op_on(&x->d, &x->v);
    enum err rc;

    do
        rc = dmem_domain_destroy(&op);
    while (rc == ERR_RESTART);
    assert_int_equal(rc, ERR_NONE);
    assert_int_equal(x->d.blocks_cut, 0);
    world_done(&op);
    world_audit(w, "destroy");
}

void world_audit(struct world *w, const char *after)
{
    struct mm_audit a;
    const char *wrong;

    (void)mm_discharge(&w->mm); /* the step is over, ended or not */
    a = mm_audit(&w->mm, w->scratch);
    if (!a.clean)
        fail_msg("after %s: %s", after, a.text);
    wrong = simtlb_check(&w->mm);
    if (wrong)
        fail_msg("after %s: %s", after, wrong);
}

static uint64_t dice_bytes(struct dice *d, uint64_t most)
{
    uint64_t v = 0;

    for (; most > 0; most >>= 8)
        v = v << 8 | (d->at < d->end ? *d->at++ : 0);
    return v;
}

uint64_t dice_upto(struct dice *d, uint64_t n)
{
    if (d->end)
        return dice_bytes(d, n - 1) % n;
    d->s ^= d->s >> 12;
    d->s ^= d->s << 25;
    d->s ^= d->s >> 27;
    return d->s * UINT64_C(2685821657736338717) % n;
}

/* A handle that is none is the domain's own mistake: any granter will do. */
static struct mm_op granter_of(const struct mm_op *op, uint32_t handle)
{
    const domid_t id = grant_granter(op, handle);
    struct mm_domain *from = op->mm->domains;

    while (from && from->id != id)
        from = from->next;
    return mm_op_on(from ? from : op->d, NULL);
}

int world_unmap(struct mm_op *op, uint32_t handle, uint64_t host_addr,
                uint64_t dev_addr)
{
    struct mm_op theirs = granter_of(op, handle);

    return grant_unmap(op, &theirs, handle, host_addr, dev_addr);
}

int world_replace(struct mm_op *op, uint32_t handle, uint64_t host_addr,
                  uint64_t new_addr)
{
    struct mm_op theirs = granter_of(op, handle);

    return grant_replace(op, &theirs, handle, host_addr, new_addr);
}
