/* SPDX-License-Identifier: MIT */
/*
 * audit_shared.c: shared blocks as a whole: what their words, their lists of
 * free frames and the machine's totals should be. What is in the word of a
 * frame that somebody has is checked with its domain, in audit.c.
 */
#include "mm/audit/audit.h"
#include "mm/base/say.h"

#define differ(out, ...)                                                       \
    do {                                                                       \
        if ((out)->clean)                                                      \
            say((out)->text, sizeof((out)->text), __VA_ARGS__);                \
        (out)->clean = false;                                                  \
    } while (0)

bool audit_owner_known(const struct mm *mm, unsigned owner)
{
    for (const struct mm_domain *d = mm->domains; d; d = d->next)
        if (d->id == owner)
            return true;
    return false;
}

struct sums {
    unsigned excl, holes, nr_free;
};

static void sum_frame(const struct mm *mm, const struct frame *f,
                      struct sums *s, struct mm_audit *out)
{
    uint64_t w = frame_word(f);
    bool hole = f->table->hole_map[f->i / 64] >> (f->i % 64) & 1;

    s->holes += !(w & FRAME_ALLOCATED);
    s->nr_free += hole;
    s->excl += frame_count(w) > 0 && frame_type_exclusive(frame_type(w));
    if (hole != ((w & ~FRAME_CLEAN) == frame_word_hole()))
        differ(out, "frame %lx in a shared block: free or not?", f->mfn.v);
    if (!hole && !audit_owner_known(mm, frame_owner(w)))
        differ(out, "frame %lx belongs to no domain", f->mfn.v);
}

/* Those who have frames, without gaps: the sum; who has how many, by domain. */
static void check_owners(const struct frame_table *t, uint64_t b,
                         struct mm_audit *out)
{
    uint64_t frames = 0, slots = 0;

    for (unsigned i = 0; i < SHARED_OWNERS; i++) {
        frames += t->owner[i].frames;
        slots += !!t->owner[i].d;
        if (!t->owner[i].d != !t->owner[i].frames ||
            (t->owner[i].d && slots != i + 1))
            differ(out, "shared block %lx: wrong owners", b);
    }
    if (frames + t->nr_free != BLOCK_FRAMES)
        differ(out,
               "shared block %lx: its owners have %lu frames, %lu are free", b,
               frames, (uint64_t)t->nr_free);
}

static struct sums check_block(const struct mm *mm, uint64_t b,
                               struct mm_audit *out)
{
    const struct block *blk = &mm->blocks[b];
    uint64_t w = blk->word;
    struct sums s = {0};

    if (!blk->table) {
        differ(out, "shared block %lx has no table", b);
        return s;
    }
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        struct frame f = frame_held(mm, mfn_add(mfn_of_blk(blk_of(b)), i));

        sum_frame(mm, &f, &s, out);
    }
    if (block_owner(w) != OWNER_NONE || (w & (BLOCK_SUPER_USE | BLOCK_CUT)))
        differ(out, "shared block %lx has the word %lx", b, w);
    if (block_excl(w) != s.excl || block_holes(w) != s.holes)
        differ(out,
               "shared block %lx: %lu exclusive %lu holes, should be %lu "
               "and %lu",
               b, (uint64_t)block_excl(w), (uint64_t)block_holes(w),
               (uint64_t)s.excl, (uint64_t)s.holes);
    if (frame_table_at(mm, blk->table)->nr_free != s.nr_free)
        differ(out, "shared block %lx: wrong number of free frames", b);
    if (s.nr_free == BLOCK_FRAMES)
        differ(out, "shared block %lx is nobody's", b);
    check_owners(frame_table_at(mm, blk->table), b, out);
    return s;
}

/* The list has each block with free frames, `n` of them, once. */
static void check_list(const struct mm *mm, uint64_t n, struct mm_audit *out)
{
    uint32_t prev = 0;
    uint64_t listed = 0;

    for (uint32_t b = mm->shared.first; b && listed <= n; listed++) {
        const struct block *blk = &mm->blocks[b];

        if (block_class(blk->word) != BLOCK_SHARED || !blk->table ||
            frame_table_at(mm, blk->table)->nr_free == 0 ||
            frame_table_at(mm, blk->table)->prev != prev) {
            differ(out, "block %lx is wrong on the list of shared ones",
                   (uint64_t)b);
            return;
        }
        prev = b;
        b = blk->next;
    }
    if (listed != n)
        differ(out, "%lu shared blocks have free frames, %lu are listed", n,
               listed);
}

struct mm_audit audit_shared(const struct mm *mm)
{
    struct mm_audit out = {.clean = true};
    uint64_t blocks = 0, frames = 0, with_free = 0;

    for (uint64_t b = 0; b < mm->nr_blocks && out.clean; b++) {
        struct sums s;

        if (block_class(mm->blocks[b].word) != BLOCK_SHARED)
            continue;
        s = check_block(mm, b, &out);
        blocks++;
        frames += s.nr_free;
        with_free += s.nr_free > 0;
    }
    if (!out.clean)
        return out;
    check_list(mm, with_free, &out);
    if (blocks != mm->shared.blocks || frames != mm->shared.free_frames)
        differ(&out, "%lu shared blocks, %lu free frames, should be %lu, %lu",
               mm->shared.blocks, mm->shared.free_frames, blocks, frames);
    return out;
}
