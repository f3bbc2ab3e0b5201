/* SPDX-License-Identifier: MIT */
/* saving.c: see saving.h. */
#include "saving.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc/m2p.h"

const struct p2m_location no_p2m = {.list_list = {~UINT64_C(0)}};

static const char hv_record[] = "what hv/ has to say";

#define all_steps(n, step)                                                     \
    ({                                                                         \
        enum err rc_;                                                          \
        unsigned n_ = 0;                                                       \
        do {                                                                   \
            rc_ = (step);                                                      \
            n_++;                                                              \
        } while (rc_ == ERR_RESTART);                                          \
        if (n)                                                                 \
            *(n) = n_;                                                         \
        rc_;                                                                   \
    })

enum err saving_snapshot(struct snapshot *c, struct mm_op *op,
                         struct p2m_location p2m, unsigned *steps)
{
    snapshot_begin(c, op, p2m);
    return all_steps(steps, snapshot_step(c));
}

enum err saving_save(struct save *s, const struct snapshot *c, struct image *to,
                     unsigned *steps)
{
    save_begin(s, c, to, hv_record, sizeof(hv_record));
    return all_steps(steps, save_step(s));
}

enum err saving_check(struct image_check *c, const struct image *i,
                      unsigned *steps)
{
    image_check_begin(c, i);
    return all_steps(steps, image_check_step(c));
}

void saving_free(struct image *i)
{
    assert_int_equal(all_steps((unsigned *)NULL, image_free(i)), ERR_NONE);
}

uint8_t *saving_bytes(const struct image *i)
{
    uint8_t *out = malloc(i->bytes + 1);

    for (uint64_t at = 0; at < i->bytes; at += PAGE_SIZE)
        memcpy(out + at, image_page(i, at / PAGE_SIZE),
               MIN(PAGE_SIZE, i->bytes - at));
    return out;
}

void saving_image(struct image *i, struct world *w, const uint8_t *bytes,
                  uint64_t n)
{
    assert_int_equal(image_init(i, &w->mm, IMAGE_OWNER, n / PAGE_SIZE + 1),
                     ERR_NONE);
    assert_int_equal(image_append(i, bytes, n), ERR_NONE);
}

/* --- pfns ---------------------------------------------------------------- */

static bool has(const struct mm *mm, const struct mm_domain *d, mfn_t m)
{
    const struct block *b = mm_block(mm, blk_of_mfn(m));
    struct frame f;

    if (!b->table)
        return block_owned_by(b->word, d->id);
    f = frame_held(mm, m);
    return frame_owner(frame_word(&f)) == d->id &&
           !(frame_word(&f) & FRAME_FIXED);
}

static bool has_all(const struct mm *mm, const struct mm_domain *d, blk_t b)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        if (!has(mm, d, mfn_add(mfn_of_blk(b), i)))
            return false;
    return true;
}

/* One after the other from the dice' step on, so that all are different. */
static uint64_t number_block(struct world *w, struct mm_domain *d, blk_t b,
                             uint64_t pfn, uint64_t step)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        mfn_t m = mfn_add(mfn_of_blk(b), i);

        if (!has(&w->mm, d, m))
            continue;
        m2p_set(&w->mm, m, pfn_of(pfn + i * step % BLOCK_FRAMES), 1);
        n++;
    }
    return n;
}

uint64_t saving_number(struct world *w, struct mm_domain *d, struct dice *dice)
{
    uint64_t pfn = 0, n = 0;

    for (uint64_t b = w->mm.nr_blocks; b-- > 0;) {
        bool large = w->mm.blocks[b].word & BLOCK_SUPER_USE;
        uint64_t gap = dice_upto(dice, 3) ? 0 : dice_upto(dice, 100);
        uint64_t step = 1 + 2 * dice_upto(dice, 200);
        uint64_t got;

        if (has_all(&w->mm, d, blk_of(b)) && (large || dice_upto(dice, 4)))
            step = 1;
        got = number_block(w, d, blk_of(b), pfn + gap, step);
        n += got;
        if (got)
            pfn += gap + BLOCK_FRAMES;
    }
    return n;
}
