/* SPDX-License-Identifier: MIT */
/*
 * audit.c: what every count and type should be, worked out anew from the page
 * tables, roots, pins and slots; then compared. Shares no arithmetic with the
 * code it checks: it only counts.
 */
#include "mm/audit/audit.h"

#include <string.h>

#include "mm/alloc/span.h"
#include "mm/base/say.h"
#include "mm/pv/entry.h"
#include "mm/pv/grant.h"
#include "mm/pv/super.h"
#include "mm/pv/supply.h"

struct tally {
    uint32_t refs, count;
    int16_t linear;
    uint8_t type;
    uint8_t spare;
};
_Static_assert(sizeof(struct tally) == 12, "scratch is 12 bytes a frame");
_Static_assert(FRAME_REF_BITS <= 32 && FRAME_COUNT_BITS <= 32,
               "and counts as far as the words do");
_Static_assert(FRAME_WRITABLE <= UINT8_MAX, "any type fits");
_Static_assert(BLOCK_SUPER_BITS <= 32, "superpage mappings are counted, too");

struct auditor {
    struct mm *mm;
    struct mm_domain *d;
    struct tally *frame; /* by mfn */
    uint32_t *super;     /* by block */
    struct mm_audit out;
    uint64_t tables[5], super_maps, holes, blocks, cut, owned, with_table,
        with_free, fixed, supplied, shared, partial;
};

size_t mm_audit_scratch_size(const struct mm *mm)
{
    return mm->nr_frames * sizeof(struct tally) +
           mm->nr_blocks * sizeof(uint32_t);
}

#define differ(a, ...)                                                         \
    do {                                                                       \
        if ((a)->out.clean)                                                    \
            say((a)->out.text, sizeof((a)->out.text), __VA_ARGS__);            \
        (a)->out.clean = false;                                                \
    } while (0)

static bool own(struct auditor *a, mfn_t m)
{
    struct mm_op op = {.mm = a->mm, .d = a->d};
    uint64_t w;

    if (!mm_mfn_valid(a->mm, m))
        return false;
    w = mm_block(a->mm, blk_of_mfn(m))->word;
    return block_owned_by(w, a->d->id) ||
           (block_class(w) == BLOCK_SHARED && frame_owned(&op, m));
}

/* Somebody refers to m: as type t, or generally (FRAME_NONE). */
static void tally(struct auditor *a, mfn_t m, enum frame_type t,
                  const char *who)
{
    struct tally *x;

    if (!own(a, m)) {
        differ(a, "%s refers to frame %lx, not of domain %lu", who, m.v,
               (uint64_t)a->d->id);
        return;
    }
    x = &a->frame[m.v];
    x->refs++;
    if (t == FRAME_NONE)
        return;
    if (x->count++ && x->type != (uint8_t)t)
        differ(a, "frame %lx is used as type %lu and as type %lu", m.v,
               (uint64_t)x->type, (uint64_t)t);
    x->type = (uint8_t)t;
}

static void tally_super(struct auditor *a, pte_t e, unsigned level)
{
    uint64_t n = level == 2 ? 1 : REGION_BLOCKS;

    a->super_maps++;
    if (e.v & (level == 2 ? SUPER_MUST_BE_ZERO : SUPER_REGION_ZERO))
        differ(a, "superpage entry %lx is not aligned", e.v);
    for (uint64_t i = 0; i < n; i++) {
        mfn_t m = mfn_add(pte_mfn(e), i * BLOCK_FRAMES);

        if (!mm_mfn_valid(a->mm, m) ||
            !block_owned_by(mm_block(a->mm, blk_of_mfn(m))->word, a->d->id)) {
            differ(a, "superpage entry %lx not onto blocks of the domain", e.v);
            return;
        }
        a->super[super_block(e).v + i]++;
    }
}

static bool is_linear(struct auditor *a, unsigned level, mfn_t target)
{
    return own(a, target) &&
           (unsigned)frame_type(frame_word_of(a->mm, target, a->d->id)) ==
               level;
}

static bool is_grant(struct auditor *a, mfn_t table, unsigned level, unsigned i,
                     mfn_t m)
{
    const maddr_t entry_maddr =
        maddr_of(table.v << PAGE_SHIFT | i * sizeof(pte_t));

    return level == 1 && !own(a, m) && grant_covers(a->d, entry_maddr, m);
}

static void tally_entry(struct auditor *a, mfn_t table, unsigned level,
                        unsigned i, pte_t e)
{
    mfn_t m = pte_mfn(e);

    if (!(e.v & PTE_US))
        differ(a, "entry %lx in table %lx is not for ring 3", e.v, table.v);
    if ((level == 2 || (level == 3 && a->mm->pages_1g)) && (e.v & PTE_PSE)) {
        tally_super(a, e, level);
        return;
    }
    if (e.v & ENTRY_FORBIDDEN(level))
        differ(a, "entry %lx in table %lx has forbidden flags", e.v, table.v);
    if (is_grant(a, table, level, i, m))
        return; /* counts for its owner */
    if (level == 1) {
        tally(a, m, (e.v & PTE_RW) ? FRAME_WRITABLE : FRAME_NONE, "an entry");
    } else if (!is_linear(a, level, m)) {
        tally(a, m, (enum frame_type)(level - 1), "a table");
    } else if (!mfn_eq(m, table)) {
        tally(a, m, (enum frame_type)level, "a linear entry");
        a->frame[table.v].linear++;
        a->frame[m.v].linear--;
    }
}

static void tally_table(struct auditor *a, const struct frame *f, uint64_t w)
{
    unsigned level = (unsigned)frame_type(w);
    unsigned n = (w & FRAME_VALIDATED) ? PT_ENTRIES : 0;
    const pte_t *e = mm_frame_ptr(a->mm, f->mfn);

    if (w & FRAME_PARTIAL)
        n = f->table->pt[f->i].progress;
    for (unsigned i = 0; i < n; i++) {
        const pte_t x = pte_of(READ_ONCE(e[i].v)); /* A and D may come */

        if (level == 4 && l4_slot_is_hv(i)) {
            if ((w & FRAME_VALIDATED) && x.v != a->mm->l4_hv[i - L4_HV_FIRST].v)
                differ(a, "L4 %lx: hypervisor slot %lu is %lx", f->mfn.v,
                       (uint64_t)i, x.v);
        } else if (pte_present(x)) {
            tally_entry(a, f->mfn, level, i, x);
        } else if (x.v && !entry_absent_ok(a->mm, x, level)) {
            differ(a, "table %lx has the unsafe entry %lx", f->mfn.v, x.v);
        }
    }
    if (w & FRAME_VALIDATED)
        a->tables[level]++;
}

/* What the frame's own flags hold. */
static void tally_flags(struct auditor *a, const struct frame *f, uint64_t w)
{
    enum frame_type t = frame_type(w);

    if (w & FRAME_ALLOCATED)
        tally(a, f->mfn, FRAME_NONE, "its owner");
    if (w & FRAME_PINNED)
        tally(a, f->mfn, t, "a pin");
    if (w & FRAME_PARTIAL) {
        tally(a, f->mfn, t, "a partial table");
        a->partial++;
    }
    if (supply_word(w)) {
        tally(a, f->mfn, FRAME_NONE, "the hypervisor that supplied it");
        a->supplied++;
    } else if (w & FRAME_FIXED) {
        tally(a, f->mfn, FRAME_WRITABLE, "the hypervisor");
        a->fixed++;
    }
    if (frame_is_table(t) && frame_count(w) > 0)
        tally_table(a, f, w);
}

static void tally_block(struct auditor *a, blk_t b)
{
    if (!mm_block(a->mm, b)->table)
        return;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        struct frame f = frame_held(a->mm, mfn_add(mfn_of_blk(b), i));
        uint64_t w = frame_word(&f);

        if (frame_owner(w) == a->d->id)
            tally_flags(a, &f, w);
    }
}

static void tally_vcpu(struct auditor *a, const struct mm_vcpu *v)
{
    if (!mfn_eq(v->root_kernel, MFN_NONE))
        tally(a, v->root_kernel, FRAME_L4, "a kernel root");
    if (!mfn_eq(v->root_user, MFN_NONE))
        tally(a, v->root_user, FRAME_L4, "a user root");
    if (!mfn_eq(v->info, MFN_NONE))
        tally(a, v->info, FRAME_WRITABLE, "a vcpu_info");
    for (unsigned i = 0; i < MM_SEG_SLOTS; i++)
        if (!mfn_eq(v->seg[i], MFN_NONE))
            tally(a, v->seg[i], FRAME_SEG, "a descriptor slot");
}

static void compare_type(struct auditor *a, mfn_t m, uint64_t w,
                         const struct tally *x)
{
    bool ready = w & (FRAME_VALIDATED | FRAME_PARTIAL);

    if (x->count == 0)
        return;
    if (x->type != (uint8_t)frame_type(w))
        differ(a, "frame %lx has type %lu, is used as %lu", m.v,
               (uint64_t)frame_type(w), (uint64_t)x->type);
    if (frame_type_exclusive(frame_type(w)) && !ready)
        differ(a, "frame %lx is in use but not validated", m.v);
}

static void compare_frame(struct auditor *a, const struct frame *f)
{
    uint64_t w = frame_word(f);
    const struct tally *x = &a->frame[f->mfn.v];
    bool hole = f->table->hole_map[f->i / 64] >> (f->i % 64) & 1;

    if (frame_refs(w) != x->refs)
        differ(a, "frame %lx has %lu references, should have %lu", f->mfn.v,
               (uint64_t)frame_refs(w), (uint64_t)x->refs);
    if (frame_count(w) != x->count)
        differ(a, "frame %lx has type count %lu, should have %lu", f->mfn.v,
               (uint64_t)frame_count(w), (uint64_t)x->count);
    if (f->table->pt[f->i].linear != x->linear)
        differ(a, "frame %lx has a wrong linear count", f->mfn.v);
    if (frame_owner(w) != OWNER_NONE && !a->d->large_shown &&
        (f->table->pt[f->i].lapsed || f->table->pt[f->i].wanted))
        differ(a, "frame %lx is marked as a table that was let go", f->mfn.v);
    if (hole != (frame_owner(w) == OWNER_NONE) || hole != (x->refs == 0))
        differ(a, "frame %lx: hole or not?", f->mfn.v);
    compare_type(a, f->mfn, w, x);
}

/* The domain's frames in a block that is not its own: audit_shared.c. */
static void compare_shared(struct auditor *a, blk_t b)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        mfn_t m = mfn_add(mfn_of_blk(b), i);
        struct frame f = frame_held(a->mm, m);

        if (frame_owner(frame_word(&f)) != a->d->id)
            continue;
        compare_frame(a, &f);
        a->owned++;
        a->shared++;
    }
}

/* What it serves no other does. */
static void compare_span(struct auditor *a, const struct block *blk, blk_t b)
{
    const uint64_t span = frame_table_at(a->mm, blk->table)->span;
    struct mm_op op = {.mm = a->mm, .d = a->d};

    if (span && span_block(&op, span - 1) != blk)
        differ(a, "block %lx serves span %lu and is not known to", b.v,
               span - 1);
}

static void compare_block(struct auditor *a, blk_t b)
{
    const struct block *blk = mm_block(a->mm, b);
    uint64_t w = blk->word;
    unsigned excl = 0, holes = 0, nr_free = 0;

    if (block_class(w) == BLOCK_SHARED) {
        compare_shared(a, b);
        return;
    }
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        mfn_t m = mfn_add(mfn_of_blk(b), i);

        if (blk->table) {
            struct frame f = frame_held(a->mm, m);

            compare_frame(a, &f);
            holes += !(frame_word(&f) & FRAME_ALLOCATED);
            nr_free += frame_owner(frame_word(&f)) == OWNER_NONE;
            a->owned += frame_owner(frame_word(&f)) == a->d->id;
            excl += a->frame[m.v].count > 0 &&
                    frame_type_exclusive(a->frame[m.v].type);
        } else if (a->frame[m.v].refs) {
            differ(a, "frame %lx is in use, its block has no table", m.v);
        }
    }
    if (blk->table && frame_table_at(a->mm, blk->table)->nr_free != nr_free)
        differ(a, "block %lx: wrong number of free frames", b.v);
    if (blk->table)
        compare_span(a, blk, b);
    a->with_free += nr_free > 0;
    a->owned += blk->table ? 0 : BLOCK_FRAMES;
    a->holes += holes;
    a->blocks++;
    a->cut += !!(w & BLOCK_CUT);
    a->with_table += !!blk->table;
    if (block_super(w) != a->super[b.v])
        differ(a, "block %lx has %lu superpage mappings, should have %lu", b.v,
               (uint64_t)block_super(w), (uint64_t)a->super[b.v]);
    if (block_excl(w) != excl || block_holes(w) != holes)
        differ(a, "block %lx: %lu exclusive %lu holes, should be %lu and %lu",
               b.v, (uint64_t)block_excl(w), (uint64_t)block_holes(w),
               (uint64_t)excl, (uint64_t)holes);
    if ((block_super(w) || (w & BLOCK_MARK)) && (excl || holes))
        differ(a, "block %lx is a superpage with exclusive frames", b.v);
}

/* One of the two lists of blocks that have free frames: how many. */
static uint64_t compare_list(struct auditor *a, uint32_t first, bool serving)
{
    uint64_t n = 0;
    uint32_t prev = 0;

    for (uint32_t b = first; b && n <= a->with_free; n++) {
        const struct block *blk = &a->mm->blocks[b];
        const struct frame_table *t = frame_table_at(a->mm, blk->table);

        if (!block_owned_by(blk->word, a->d->id) || !blk->table ||
            t->nr_free == 0 || t->prev != prev || !t->span == serving) {
            differ(a, "block %lx is wrong on the list of those with holes",
                   (uint64_t)b);
            return n;
        }
        prev = b;
        b = blk->next;
    }
    return n;
}

/* They are not kept in destruction. */
static void compare_lists(struct auditor *a)
{
    uint64_t n = compare_list(a, a->d->holed, false) +
                 compare_list(a, a->d->serving, true);

    if (n != a->with_free)
        differ(a, "%lu blocks have free frames, %lu are listed", a->with_free,
               n);
}

static void compare_total(struct auditor *a, const char *what, uint64_t is,
                          uint64_t should)
{
    if (is != should)
        differ(a, "domain %lu: %s is %lu, should be %lu", (uint64_t)a->d->id,
               what, is, should);
}

static void compare_totals(struct auditor *a)
{
    const struct mm_domain *d = a->d;

    compare_total(a, "entries absent for a moment", d->absent & 1, 0);
    compare_total(a, "tot_pages", d->tot_pages,
                  a->owned - a->fixed - a->supplied);
    compare_total(a, "fixed frames", d->fixed, a->fixed);
    compare_total(a, "frames in shared blocks", d->shared_frames, a->shared);
    compare_total(a, "supplied tables", d->supplied, a->supplied);
    compare_total(a, "blocks", d->blocks, a->blocks);
    compare_total(a, "cut blocks", d->blocks_cut, a->cut);
    compare_total(a, "holes", d->holes, a->holes);
    compare_total(a, "frame tables", d->frame_tables, a->with_table);
    compare_total(a, "partial tables", d->partial, a->partial);
    compare_total(a, "superpage mappings", d->super_maps, a->super_maps);
    for (unsigned l = 1; l <= PT_LEVELS; l++)
        compare_total(a, "number of tables", d->tables[l], a->tables[l]);
}

static void tally_foreign(void *ctx, mfn_t m, bool rw)
{
    tally(ctx, m, rw ? FRAME_WRITABLE : FRAME_NONE, "another domain's entry");
}

static void tally_grants(struct auditor *a)
{
    const char *wrong = grant_check(a->mm, a->d);

    grant_each_foreign(a->mm, a->d, tally_foreign, a);
    if (wrong)
        differ(a, "domain %lu: %s", (uint64_t)a->d->id, wrong);
}

static void for_blocks(struct auditor *a, void (*fn)(struct auditor *, blk_t))
{
    for (uint64_t b = 0; b < a->mm->nr_blocks; b++)
        if (block_concerns(a->mm->blocks[b].word, a->d->id))
            fn(a, blk_of(b));
}

struct mm_audit audit_domain(struct mm *mm, struct mm_domain *d, void *scratch)
{
    struct auditor a = {
        .mm = mm, .d = d, .frame = scratch, .out = {.clean = true}};

    memset(scratch, 0, mm_audit_scratch_size(mm));
    a.super = (uint32_t *)(void *)(a.frame + mm->nr_frames);
    for_blocks(&a, tally_block);
    for (const struct mm_vcpu *v = d->vcpus; v; v = v->next)
        tally_vcpu(&a, v);
    if (!mfn_eq(d->downgrade_ring, MFN_NONE))
        tally(&a, d->downgrade_ring, FRAME_WRITABLE, "the ring");
    tally_grants(&a);
    for_blocks(&a, compare_block);
    if (!d->dying)
        compare_lists(&a);
    compare_totals(&a);
    return a.out.clean ? audit_quota(mm, d) : a.out;
}

struct mm_audit mm_audit_domain(struct mm *mm, struct mm_domain *d,
                                void *scratch)
{
    struct mm_audit out;

    mm_stop_all(mm);
    out = audit_domain(mm, d, scratch);
    mm_go_all(mm);
    return out;
}
