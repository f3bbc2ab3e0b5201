/* SPDX-License-Identifier: MIT */
/*
 * Lists of requests: whatever is in one, it does what its requests would have
 * done one by one, to the same words, and stops at the same. A life at random
 * is lived twice, once by lists and once without, and what is seen in the first
 * is to be seen in the second; tables and frames are in blocks of the domain's
 * own, in a shared one, and not the domain's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mm/base/xxh64.h"
#include "scene.h"

#define POOL  48
#define SLOTS 24
#define LIST  12
#define LISTS 4000

struct life {
    struct scene *s;
    struct dice dice;
    bool lists;
    mfn_t table[4]; /* what requests are for: the first three are level-1 */
    mfn_t pool[POOL];
    unsigned asked, did;
};

static uint64_t upto(struct life *f, uint64_t n)
{
    return dice_upto(&f->dice, n);
}

/* --- what is seen --------------------------------------------------------- */

static struct {
    uint64_t seen[4 * LISTS * LIST];
    unsigned n;
    bool again;
} story;

static void see(uint64_t v)
{
    assert_in_range(story.n, 0, ARRAY_SIZE(story.seen) - 1);
    if (story.again)
        assert_int_equal(v, story.seen[story.n]);
    story.seen[story.n++] = v;
}

static void see_bytes(const void *p, size_t n)
{
    see(xxh64(p, n));
}

static void see_all(const struct life *f)
{
    const struct mm *mm = &f->s->w.mm;

    for (uint64_t i = 0; i < mm->nr_blocks; i++) {
        const struct block *b = &mm->blocks[i];
        const struct frame_table *t;

        if (!block_has_frames(b->word))
            continue;
        see(b->word);
        if (!b->table)
            continue;
        t = frame_table_at(mm, b->table);
        see_bytes(t->word, sizeof(t->word));
        see_bytes(t->stamp, sizeof(t->stamp));
    }
    for (unsigned i = 0; i < 3; i++)
        see_bytes(mm_frame_ptr(mm, f->table[i]), PAGE_SIZE);
    see(f->s->us.d.tlb_epoch);
}

/* --- the stage ------------------------------------------------------------ */

static void make_table(struct life *f, mfn_t m)
{
    memset(mm_frame_ptr(&f->s->w.mm, m), 0, PAGE_SIZE);
    assert_int_equal(mmu_pin(&f->s->op, m, 1), ERR_NONE);
    world_done(&f->s->op);
}

static void fill_pool(struct life *f)
{
    struct scene *s = f->s;

    for (unsigned i = 0; i < POOL; i++)
        f->pool[i] = i < 4    ? scene_member(s, 3 + i) /* three are nobody's */
                     : i < 24 ? scene_member(s, 8 + i)
                     : i < 44 ? scene_frame(s)
                              : mfn_of(0);
    f->pool[44] = s->foreign;
    f->pool[45] = s->l2;
    f->pool[46] = f->table[0];
    f->pool[47] = mfn_of(s->w.mm.nr_frames + 7);
}

static void begin(struct life *f, uint64_t seed, bool lists)
{
    void *state;

    scene_make(&state);
    *f = (struct life){.s = state, .dice = {.s = seed}, .lists = lists};
    f->table[0] = f->s->l1;
    f->table[1] = scene_frame(f->s);
    scene_share(f->s);
    f->table[2] = scene_member(f->s, 400);
    make_table(f, f->table[1]);
    make_table(f, f->table[2]);
    fill_pool(f);
    f->table[3] = seed % 2 ? f->s->l2 : f->pool[upto(f, POOL)];
}

/* --- what is done --------------------------------------------------------- */

static uint64_t any_value(struct life *f, mfn_t frame)
{
    static const uint64_t flags[] = {
        KERNEL, KERNEL,         KERNEL | PTE_NX, READ,
        READ,   KERNEL | PTE_G, KERNEL | PTE_A,  KERNEL | PTE_PCD,
    };

    if (upto(f, 4) == 0)
        return upto(f, 12) ? 0 : PTE_RW;
    return pte_make(frame, flags[upto(f, ARRAY_SIZE(flags))]).v;
}

/* Neighbours have the same table and frames of one block, as a rule. */
static unsigned any_list(struct life *f, struct mmu_request *r)
{
    const unsigned n = 1 + (unsigned)upto(f, LIST);
    unsigned table = (unsigned)upto(f, 3), at = (unsigned)upto(f, POOL);

    for (unsigned i = 0; i < n; i++) {
        if (upto(f, 6) == 0)
            table = (unsigned)upto(f, ARRAY_SIZE(f->table));
        at = upto(f, 4) ? (at + 1) % POOL : (unsigned)upto(f, POOL);
        r[i].ptr = f->table[table].v << PAGE_SHIFT | upto(f, SLOTS) * 8;
        if (upto(f, 25) == 0)
            r[i].ptr |= upto(f, 8);
        r[i].val = any_value(f, f->pool[at]);
    }
    return n;
}

static enum err do_some(struct life *f, const struct mmu_request *r, unsigned n,
                        unsigned *done)
{
    enum err rc = ERR_NONE;

    if (f->lists)
        return mmu_update_list(&f->s->op, r, n, done);
    for (*done = 0; !rc && *done < n; *done += !rc)
        rc = mmu_update(&f->s->op, r[*done].ptr, r[*done].val);
    return rc;
}

/* What is refused is left out, and the rest goes on. */
static void do_list(struct life *f)
{
    struct mmu_request r[LIST];
    unsigned n = any_list(f, r), done;

    for (unsigned from = 0; from < n; from += done + 1) {
        enum err rc = do_some(f, r + from, n - from, &done);

        assert_int_equal(done == n - from, rc == ERR_NONE);
        see(rc);
        see(done);
        f->did += done;
    }
    f->asked += n;
    world_done(&f->s->op);
}

/* The owner gives one up, which is free as soon as no entry holds it. */
static void exchange(struct life *f)
{
    mfn_t *m = &f->pool[7 + upto(f, 37)];
    enum err rc = reservation_decrease(&f->s->op, *m, 0);

    world_done(&f->s->op);
    see(rc);
    if (!rc)
        *m = scene_frame(f->s);
}

static void live(uint64_t seed, bool lists)
{
    struct life f;
    void *state;

    begin(&f, seed, lists);
    story.again = !lists;
    story.n = 0;
    for (unsigned k = 0; k < LISTS; k++) {
        do_list(&f);
        if (upto(&f, 3) == 0)
            exchange(&f);
        if (k % 16 == 0) {
            see_all(&f);
            world_audit(&f.s->w, "a list");
        }
    }
    see_all(&f);
    assert_in_range(f.did, f.asked / 2, f.asked - 1); /* both are to be seen */
    state = f.s;
    scene_end(&state);
}

static void a_list_is_its_requests(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        live(seed, true);
        live(seed, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_its_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
