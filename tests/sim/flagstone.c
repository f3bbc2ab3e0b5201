/* SPDX-License-Identifier: MIT */
/*
 * flagstone.c: the real mm/, as a hypervisor uses it: domains with their
 * quotas and claims, blocks and frames by mm/alloc/dmem.h, references of frame
 * words, compaction by mm/resize/compact.h. Nothing is modelled but who calls
 * and when; content is left out (content.h).
 *
 * A domain's struct is used again by the next of its number: all it had has
 * come back by then, which is checked.
 */
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "content.h"
#include "mm/alloc/shared.h"
#include "mm/resize/compact.h"
#include "port.h"
#include "settle.h"

struct owner {
    struct mm_domain d;
    struct mm_vcpu v;
    bool made;
};

struct flagstone {
    struct mm mm;
    struct mm_owed owed;
    void *meta;
    uint64_t blocks;
    enum relinquish relinquish;
    struct owner *owner[ALLOCATOR_OWNERS + 1];
};

static _Thread_local unsigned this_cpu;
static unsigned nr_cpus;
static struct mm_owed *this_owed;

static unsigned cpu(void)
{
    return this_cpu;
}

static struct mm_owed *owed(void)
{
    return this_owed;
}

static void discharge(struct mm_domain *d, const struct tlb *tlb)
{
    d->tlb_epoch += tlb->what == TLB_FULL;
}

static const struct host_cpus cpus = {
    .cpu = cpu, .owed = owed, .discharge = discharge};

static struct flagstone *boot(const struct allocator_config *c)
{
    struct flagstone *f = calloc(1, sizeof(*f));
    uint64_t frames = c->blocks * BLOCK_FRAMES;

    f->blocks = c->blocks;
    f->meta = sim_map(alloc_metadata_size(frames));
    f->mm.direct = sim_map(c->blocks * BLOCK_SIZE);
    f->mm.m2p = sim_map(frames * sizeof(*f->mm.m2p));
    f->mm.owed = this_owed = &f->owed;
    content_of(f->mm.direct, f->mm.m2p, c->blocks);
    host_cpus = &cpus;
    nr_cpus = c->cpus;
    this_cpu = 0;
    alloc_init(&f->mm, f->meta, frames, c->reserve);
    alloc_add(&f->mm, mfn_of(1), frames - 1);
    (void)alloc_scrub(&f->mm, c->blocks); /* as it has been idle since boot */
    return f;
}

static void *make(const struct allocator_config *c)
{
    return boot(c);
}

static void *make_cut(const struct allocator_config *c)
{
    struct flagstone *f = boot(c);

    f->relinquish = RELINQUISH_CUT;
    return f;
}

static void end(void *a)
{
    struct flagstone *f = a;

    for (unsigned i = 0; i <= ALLOCATOR_OWNERS; i++)
        free(f->owner[i]);
    content_of(NULL, NULL, 0);
    sim_unmap(f->meta, alloc_metadata_size(f->blocks * BLOCK_FRAMES));
    sim_unmap(f->mm.direct, f->blocks * BLOCK_SIZE);
    sim_unmap(f->mm.m2p, f->blocks * BLOCK_FRAMES * sizeof(*f->mm.m2p));
    free(f);
}

static struct mm_op op_of(struct flagstone *f, unsigned owner)
{
    struct owner *o = f->owner[owner];
    struct mm_op op;

    this_cpu = owner % nr_cpus;
    mm_op_begin(&op, &o->d, &o->v);
    return op;
}

static struct owner *owner_made(struct flagstone *f, unsigned owner)
{
    struct owner *o = f->owner[owner];

    if (!o) {
        o = f->owner[owner] = aligned_alloc(64, (sizeof(*o) + 63) & ~63ul);
        memset(o, 0, sizeof(*o));
        o->d.id = (domid_t)owner;
        dmem_domain_init(&f->mm, &o->d);
        dmem_vcpu_init(&o->d, &o->v);
    } else {
        o->d.incarnation = atomic_fetch_add(&f->mm.incarnations, 1) + 1;
    }
    return o;
}

static bool begin(void *a, unsigned owner, uint64_t blocks)
{
    struct flagstone *f = a;
    struct owner *o;

    this_cpu = owner % nr_cpus;
    if (alloc_claim(&f->mm, blocks))
        return false;
    o = owner_made(f, owner);
    o->d.relinquish = f->relinquish;
    o->d.max_pages = blocks * BLOCK_FRAMES;
    o->d.claim = blocks;
    return true;
}

static void leave(void *a, unsigned owner)
{
    struct flagstone *f = a;
    struct mm_domain *d = &f->owner[owner]->d;

    alloc_unclaim(&f->mm, d->claim);
    d->claim = 0;
    BUG_IF(d->blocks || d->tot_pages || d->holes || d->shared_frames ||
           d->kept_blocks || d->frame_tables);
}

static bool block_get(void *a, unsigned owner, bool back, mfn_t *out)
{
    struct mm_op op = op_of(a, owner);
    blk_t b;
    enum err rc = back ? dmem_block_get_own(&op, &b) : dmem_block_get(&op, &b);

    mm_op_end(&op);
    if (!rc)
        *out = mfn_of_blk(b);
    return !rc;
}

static bool region_get(void *a, unsigned owner, mfn_t *out)
{
    struct flagstone *f = a;
    struct mm_op op = op_of(f, owner);
    blk_t first;
    enum err rc = dmem_region_get_dirty(&op, &first);

    for (unsigned i = 0; !rc && i < REGION_BLOCKS; i++) {
        const blk_t b = blk_of(first.v + i);

        if (mm_block(&f->mm, b)->word & BLOCK_DIRTY)
            atomic_fetch_add(&f->mm.alloc.sync_scrubs, 1);
        dmem_block_scrub(&op, b);
    }
    mm_op_end(&op);
    if (!rc)
        *out = mfn_of_blk(first);
    return !rc;
}

static void block_put(void *a, unsigned owner, mfn_t m)
{
    struct mm_op op = op_of(a, owner);

    MUST(dmem_block_put(&op, blk_of_mfn(m)));
    mm_op_end(&op);
}

static unsigned frames_get(void *a, unsigned owner, mfn_t *out, unsigned n)
{
    struct mm_op op = op_of(a, owner);
    unsigned done;

    (void)dmem_frames_get(&op, out, n, &done); /* those there were will do */
    mm_op_end(&op);
    return done;
}

static void frames_put(void *a, unsigned owner, const mfn_t *m, unsigned n)
{
    struct mm_op op = op_of(a, owner);
    unsigned done;

    MUST(dmem_frames_put(&op, m, n, &done));
    mm_op_end(&op);
}

static bool hv_get(void *a, unsigned owner, mfn_t *out)
{
    struct flagstone *f = a;

    this_cpu = owner % nr_cpus;
    return alloc_hv_get(&f->mm, 0, out) == ERR_NONE;
}

static void hv_put(void *a, mfn_t m)
{
    alloc_hv_put(&((struct flagstone *)a)->mm, m, 0);
}

static bool ref(void *a, unsigned owner, mfn_t m, bool type)
{
    struct mm_op op = op_of(a, owner);
    struct frame f;
    bool ok = frame_find(&op, m, &f) == ERR_NONE;

    if (ok && type) {
        MUST(block_try(f.block, block_excl_get));
        MUST(frame_try(&f, frame_type_get, owner, FRAME_L1));
    } else if (ok) {
        MUST(frame_try(&f, frame_get, owner));
    }
    mm_op_end(&op);
    return ok;
}

/* Where ref() was refused, there is nothing to take back. */
static void unref(void *a, unsigned owner, mfn_t m, bool type)
{
    struct flagstone *fs = a;
    struct mm_op op = op_of(fs, owner);
    struct frame f = {0};

    if (mm_block(&fs->mm, blk_of_mfn(m))->table)
        f = frame_held(&fs->mm, m);
    if (f.table && type && frame_count(frame_word(&f)) > 0) {
        MUST(frame_try(&f, frame_type_put));
        MUST(block_try(f.block, block_excl_put));
    } else if (f.table && !type && frame_refs(frame_word(&f)) > 1) {
        MUST(frame_try(&f, frame_put));
    }
    mm_op_end(&op);
}

static bool small(void *a, unsigned owner, mfn_t m)
{
    struct mm_op op = op_of(a, owner);
    struct frame f;
    bool ok = frame_find(&op, m, &f) == ERR_NONE;

    mm_op_end(&op);
    return ok;
}

static void idle(void *a, uint64_t blocks)
{
    struct flagstone *f = a;

    (void)alloc_scrub(&f->mm, blocks);
    if (f->relinquish == RELINQUISH_CUT)
        (void)shared_scrub(&f->mm, blocks);
}

static bool move(void *a, unsigned owner, mfn_t *m)
{
    struct mm_op op = op_of(a, owner);
    const mfn_t was = *m;
    bool moved =
        compact_move(&op, m, (maddr_t){0}) == ERR_NONE && !mfn_eq(*m, was);

    mm_op_end(&op);
    return moved;
}

/* A cut block is described in one of its frames; the partial one is block 0. */
static void stats(void *a, struct allocator_stats *out)
{
    struct flagstone *f = a;
    struct alloc_stats s;
    struct shared_stats sh = shared_stats(&f->mm);

    settle(&f->mm);
    s = alloc_stats(&f->mm);
    *out = (struct allocator_stats){
        .free_frames = s.free * BLOCK_FRAMES + sh.free_frames +
                       s.hv_blocks * (BLOCK_FRAMES - 1) +
                       s.hv_partial * (BLOCK_FRAMES - 2) - s.hv_frames,
        .whole = s.free,
        .reserve = MIN(s.reserve, s.free),
        .regions = s.whole_regions,
        .dirty = s.dirty,
        .sync_scrubs = s.sync_scrubs,
        .own = s.unscrubbed,
        .cut_blocks = s.hv_blocks,
    };
    for (const struct mm_domain *d = f->mm.domains; d; d = d->next) {
        out->free_frames += d->holes;
        out->stranded += d->holes;
        out->joinable += d->holes / BLOCK_FRAMES;
        out->stranded_most = MAX(out->stranded_most, d->holes);
        out->frame_tables += d->frame_tables;
    }
    out->frame_tables += sh.blocks;
}

/* The frame tables, and the frame that describes a cut block. */
static void own_frames(void *a, void (*fn)(void *ctx, mfn_t m), void *ctx)
{
    struct flagstone *f = a;

    for (uint64_t i = 0; i < f->blocks; i++) {
        const struct block *b = &f->mm.blocks[i];

        if (block_class(b->word) == BLOCK_HV)
            fn(ctx, mfn_of(b->next));
        if (b->table) {
            fn(ctx, mfn_of(b->table));
            fn(ctx, mfn_of(b->table + 1));
        }
    }
}

static const char *check(void *a)
{
    return alloc_check(&((struct flagstone *)a)->mm);
}

#define FLAGSTONE_OPS                                                          \
    .end = end, .begin = begin, .leave = leave, .block_get = block_get,        \
    .region_get = region_get, .block_put = block_put,                          \
    .frames_get = frames_get, .frames_put = frames_put, .hv_get = hv_get,      \
    .hv_put = hv_put, .ref = ref, .unref = unref, .small = small,              \
    .idle = idle, .stats = stats, .own_frames = own_frames, .check = check

const struct allocator_ops flagstone_ops = {
    .name = "flagstone", .make = make, FLAGSTONE_OPS};
const struct allocator_ops flagstone_cut_ops = {
    .name = "flagstone-cut", .make = make_cut, FLAGSTONE_OPS};
const struct allocator_ops flagstone_compact_ops = {.name = "flagstone-compact",
                                                    .make = make,
                                                    .moves = true,
                                                    .move = move,
                                                    FLAGSTONE_OPS};

/* --- blocks alone, without a domain's accounting: cost.h ------------------ */

static bool core_get(void *a, unsigned owner, bool back, mfn_t *out)
{
    struct flagstone *f = a;
    blk_t b;

    (void)back;
    if (alloc_block_get_on(&f->mm, owner, owner, ALLOC_WHOLE, ALLOC_ANYTHING,
                           &b))
        return false;
    *out = mfn_of_blk(b);
    return true;
}

static void core_put(void *a, unsigned owner, mfn_t m)
{
    struct flagstone *f = a;

    alloc_block_put_on(&f->mm, owner, blk_of_mfn(m), ALLOC_ANYTHING);
}

static bool core_begin(void *a, unsigned owner, uint64_t blocks)
{
    (void)a, (void)owner, (void)blocks;
    return true;
}

const struct allocator_ops flagstone_core_ops = {.name = "mm/alloc",
                                                 .make = make,
                                                 .end = end,
                                                 .begin = core_begin,
                                                 .block_get = core_get,
                                                 .block_put = core_put,
                                                 .stats = stats,
                                                 .check = check};
