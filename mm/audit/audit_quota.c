/* SPDX-License-Identifier: MIT */
/*
 * audit_quota.c: what a domain holds of the machine, counted anew from the
 * blocks; and that it is no more than its quota.
 */
#include "mm/alloc/quota.h"
#include "mm/audit/audit.h"
#include "mm/base/say.h"

struct counts {
    uint64_t own, kept, kept_free, kept_listed, kept_reserved, joined, reserved;
};

static void differ(struct mm_audit *out, const struct mm_domain *d,
                   const char *what, uint64_t is, uint64_t should)
{
    if (is == should || !out->clean)
        return;
    say(out->text, sizeof(out->text), "domain %lu: %s is %lu, should be %lu",
        (uint64_t)d->id, what, is, should);
    out->clean = false;
}

static uint64_t frames_in(const struct frame_table *t, unsigned owner)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        n += frame_owner(t->word[i]) == owner;
    return n;
}

static void count_shared(const struct mm *mm, const struct mm_domain *d,
                         const struct block *b, struct counts *c,
                         struct mm_audit *out)
{
    const struct frame_table *t = frame_table_at(mm, b->table);
    uint64_t has = frames_in(t, d->id), noted = 0;
    bool keeps = t->owner[0].d == d, charged = keeps && !t->inherited;

    for (unsigned i = 0; i < SHARED_OWNERS && t->owner[i].d; i++)
        if (t->owner[i].d == d)
            noted += t->owner[i].frames;
    differ(out, d, "what it has in a shared block", noted, has);
    c->kept += keeps;
    c->kept_free += charged ? t->nr_free : 0;
    c->kept_listed += charged && t->nr_free;
    c->kept_reserved += keeps && (b->word & BLOCK_RESERVED);
    c->joined += has && !keeps;
}

static struct counts count(const struct mm *mm, const struct mm_domain *d,
                           struct mm_audit *out)
{
    struct counts c = {0};

    for (uint64_t i = 0; i < mm->nr_blocks; i++) {
        const struct block *b = &mm->blocks[i];

        if (block_owned_by(b->word, d->id)) {
            c.own++;
            c.reserved += !!(b->word & BLOCK_RESERVED);
        } else if (block_class(b->word) == BLOCK_SHARED && b->table) {
            count_shared(mm, d, b, &c, out);
        }
    }
    return c;
}

/* The list of those it keeps that have free frames. */
static uint64_t listed(const struct mm *mm, const struct mm_domain *d,
                       uint64_t most)
{
    uint64_t n = 0;
    uint32_t prev = 0;

    for (uint32_t at = d->kept; at && n <= most; n++) {
        const struct frame_table *t = frame_table_at(mm, mm->blocks[at].table);

        if (t->owner[0].d != d || t->inherited || !t->nr_free ||
            t->kept_prev != prev)
            return UINT64_MAX;
        prev = at;
        at = t->kept_next;
    }
    return n;
}

static void check_bounds(const struct mm_domain *d, struct mm_audit *out)
{
    const uint64_t most = quota_blocks(d);
    const char *wrong = NULL;

    if (d->blocks > most)
        wrong = "more blocks than its quota";
    else if (d->joined > QUOTA_WIDTH / 2 * most)
        wrong = "frames in too many blocks of others";
    else if (quota_width(d) > QUOTA_WIDTH * most)
        wrong = "frames in too many blocks";
    if (!wrong || !out->clean)
        return;
    say(out->text, sizeof(out->text),
        "domain %lu has %s of %lu: %lu own, %lu kept, %lu of others",
        (uint64_t)d->id, wrong, most, d->blocks, d->kept_blocks, d->joined);
    out->clean = false;
}

struct mm_audit audit_quota(const struct mm *mm, const struct mm_domain *d)
{
    struct mm_audit out = {.clean = true};
    struct counts c = count(mm, d, &out);

    differ(&out, d, "its own blocks", d->blocks, c.own);
    differ(&out, d, "the blocks it keeps", d->kept_blocks, c.kept);
    differ(&out, d, "the free frames it keeps", d->kept_free, c.kept_free);
    differ(&out, d, "the list of those", listed(mm, d, c.kept_listed),
           c.kept_listed);
    differ(&out, d, "the blocks of others it is in", d->joined, c.joined);
    differ(&out, d, "its part of the reserve", d->reserved, c.reserved);
    differ(&out, d, "the part it keeps", d->kept_reserved, c.kept_reserved);
    check_bounds(d, &out);
    return out;
}
