/* SPDX-License-Identifier: MIT */
/*
 * A domain is restored on whatever frames there are, under each policy, with
 * every byte of its memory and every mapping; what could not be large is
 * said; images that pass their check and still are nonsense end in one line
 * and nothing is left; so do interruptions and want of memory anywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actor.h"
#include "flagstone/flagstone.h"
#include "look.h"
#include "port.h"
#include "pressure.h"

#define BLOCKS 8u

struct stage {
    struct world w;
    struct world_domain filler;
    struct actor a;
    struct actor_model is;
    struct image image;
    struct restore r;
};

static const struct actor_kind kind = {
    .id = 5, .nr_blocks = BLOCKS, .superpages = SUPERPAGES_PREFER};

/* A saved actor that is gone: a picture of it is what there is. */
static void take_picture(struct stage *s, struct actor_kind k)
{
    assert_int_equal(actor_make(&s->a, &s->w, k), ERR_NONE);
    for (uint64_t pfn = ACTOR_FIRST; pfn < BLOCKS * 512ul; pfn += 3)
        actor_write(&s->a, pfn, pfn * 7 + 1);
    actor_alias(&s->a, 2);
    actor_alias(&s->a, 3);
    assert_int_equal(actor_frame_out(&s->a, 4 * 512 + 9), ERR_NONE);
    actor_block_out(&s->a, 6);
    actor_check(&s->a);
    assert_int_equal(actor_save(&s->a, &s->image, IMAGE_OWNER), ERR_NONE);
    s->is = s->a.is;
    actor_end(&s->a);
}

static int make(void **state)
{
    struct stage *s = calloc(1, sizeof(*s));

    world_make(&s->w, 40);
    pressure_make(&s->w, &s->filler, 7);
    take_picture(s, kind);
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct stage *s = *state;

    world_audit(&s->w, "the test");
    saving_free(&s->image);
    world_destroy(&s->w, &s->filler);
    world_end(&s->w);
    free(s);
    return 0;
}

#define stage_test(f) cmocka_unit_test_setup_teardown(f, make, end)

static void press(struct stage *s, uint64_t n, uint64_t frag)
{
    pressure_put(&s->filler, n, frag);
}

static enum err restore(struct stage *s, enum restore_policy policy)
{
    enum err rc =
        actor_restore(&s->a, &s->w, kind, &s->image, &s->is, policy, &s->r);

    world_audit(&s->w, "restore");
    return rc;
}

static void gone(struct stage *s)
{
    s->a.thorough = true;
    actor_check(&s->a);
    actor_end(&s->a);
}

/* --- policies ------------------------------------------------------------ */

static void whole_as_it_was(void **state)
{
    struct stage *s = *state;

    assert_int_equal(restore(s, RESTORE_FAIL), ERR_NONE);
    assert_int_equal(s->r.result.large_before, 7);
    assert_int_equal(s->r.result.large_after, 7);
    assert_int_equal(s->r.result.scattered, 0);
    assert_int_equal(s->a.x->d.super_maps, 7);
    assert_int_equal(s->a.x->d.claim, 0);
    assert_int_equal(s->a.x->d.supplied, 0);
    gone(s);
}

/* Of the span that had a page missing, all the others are in their places. */
static void what_was_out_comes_to_its_place(void **state)
{
    struct stage *s = *state;
    struct actor_kind k = kind;
    uint64_t first;

    k.large_shown = true;
    assert_int_equal(
        actor_restore(&s->a, &s->w, k, &s->image, &s->is, RESTORE_FAIL, &s->r),
        ERR_NONE);
    world_audit(&s->w, "restore");
    first = actor_mfn(&s->a, 4 * 512).v;
    assert_int_equal(actor_frame_in(&s->a, 4 * 512 + 9), ERR_NONE);
    assert_int_equal(first % BLOCK_FRAMES, 0);
    for (uint64_t i = 0; i < BLOCK_FRAMES; i++)
        assert_int_equal(actor_mfn(&s->a, 4 * 512 + i).v, first + i);
    assert_int_equal(actor_large(&s->a, 4), ERR_NONE);
    gone(s);
}

static void fail_says_so(void **state)
{
    struct stage *s = *state;

    press(s, 4, 20);
    assert_int_equal(restore(s, RESTORE_FAIL), ERR_NOMEM);
    assert_string_equal(s->r.job.why,
                        "restore=fail needs 5 whole blocks, there are 4");
}

/* As a superpage is not, nor may what stands for it be: kernel and user. */
static void not_global(struct stage *s, mfn_t table)
{
    const pte_t *e = mm_frame_ptr(&s->w.mm, table);

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        assert_false(e[i].v & PTE_G);
}

static void shatter(void **state)
{
    struct stage *s = *state;
    struct range range;

    press(s, 2, 20);
    if (restore(s, RESTORE_SHATTER))
        fail_msg("%s", s->r.job.why);
    assert_int_equal(s->r.result.large_before, 7);
    /* Blocks 1 and 2 got one; 3 has an alias, which has the same table. */
    assert_int_equal(s->r.result.large_after, 3);
    assert_int_equal(s->r.result.shattered, 4);
    assert_int_equal(s->r.result.supplied, 3);
    assert_int_equal(s->a.x->d.supplied, 3);
    assert_int_equal(range_count(&s->a.x->d, RANGE_SHATTERED), 3);
    assert_true(look_range(&s->a.x->d, pfn_of(3 * 512), &range));
    assert_int_equal(range.state, RANGE_SHATTERED);
    assert_true(pte_has(actor_entry(&s->a, 3), FLAGSTONE_PTE_SHATTERED));
    assert_int_equal(pte_mfn(actor_entry(&s->a, 3)).v,
                     pte_mfn(actor_entry(&s->a, 3 + 256)).v);
    not_global(s, pte_mfn(actor_entry(&s->a, 3)));
    actor_check(&s->a);
    assert_int_equal(actor_small(&s->a, 3), ERR_NONE);
    actor_block_out(&s->a, 5);
    world_audit(&s->w, "what the guest did");
    gone(s);
}

static void left_to_the_guest(void **state)
{
    struct stage *s = *state;

    press(s, 1, 20);
    if (restore(s, RESTORE_GUEST))
        fail_msg("%s", s->r.job.why);
    assert_int_equal(s->r.result.large_after, 1);
    assert_int_equal(s->r.result.remap, 6);
    assert_int_equal(s->a.x->d.supplied, 0);
    assert_int_equal(range_count(&s->a.x->d, RANGE_REMAP), 4);
    assert_int_equal(FLAGSTONE_REMAP_PFN(actor_entry(&s->a, 5).v), 5 * 512);
    assert_false(pte_present(actor_entry(&s->a, 5)));
    assert_int_equal(actor_remap(&s->a), ERR_NONE);
    gone(s);
}

static void off_and_require(void **state)
{
    struct stage *s = *state;
    struct actor_kind k = kind;

    k.superpages = SUPERPAGES_OFF;
    assert_int_equal(actor_restore(&s->a, &s->w, k, &s->image, &s->is,
                                   RESTORE_SHATTER, &s->r),
                     ERR_INVAL);
    assert_string_equal(s->r.job.why, "5 blocks were mapped large, which "
                                      "superpages=off forbids");
    press(s, 4, 20);
    k.superpages = SUPERPAGES_REQUIRE;
    assert_int_equal(actor_restore(&s->a, &s->w, k, &s->image, &s->is,
                                   RESTORE_SHATTER, &s->r),
                     ERR_NOMEM);
    assert_string_equal(s->r.job.why,
                        "superpages=require needs 6 whole blocks, there are 4");
    k.nr_blocks = BLOCKS - 2;
    assert_int_equal(actor_restore(&s->a, &s->w, k, &s->image, &s->is,
                                   RESTORE_SHATTER, &s->r),
                     ERR_NOMEM);
    assert_string_equal(s->r.job.why, "3583 pages, the domain may have 3072");
}

/* --- images that pass their check ---------------------------------------- */

/* As whoever can compute a checksum may have them. */
static void sign(struct image *i)
{
    struct image_header *h = image_page(i, 0);
    struct xxh64 sum;

    xxh64_begin(&sum);
    for (uint64_t n = 1; n < i->bytes / PAGE_SIZE; n++)
        xxh64_stripes(&sum, image_page(i, n), PAGE_SIZE);
    h->body_sum = xxh64_end(&sum, NULL, 0);
    h->header_sum = xxh64(h, offsetof(struct image_header, header_sum));
}

/* Its tables' pfns, as actor.c has them. */
enum { L4 = 1, L3, L2, L1 };

/* Restored with this entry in this table; the entry there was comes back. */
static enum err restore_with(struct stage *s, uint64_t table, unsigned i,
                             uint64_t entry)
{
    uint64_t *e = (uint64_t *)(uintptr_t)look_content(&s->image, table) + i;
    uint64_t was = *e;
    enum err rc;

    *e = entry;
    sign(&s->image);
    rc = restore(s, RESTORE_SHATTER);
    if (!rc)
        actor_end(&s->a);
    *e = was;
    sign(&s->image);
    return rc;
}

static void refused(struct stage *s, uint64_t table, unsigned i, uint64_t entry,
                    const char *why)
{
    assert_int_equal(restore_with(s, table, i, entry), ERR_INVAL);
    assert_string_equal(s->r.job.why, why);
}

#define P(pfn, flags) ((uint64_t)(pfn) << PAGE_SHIFT | (flags))
#define KERNEL        (PTE_P | PTE_RW | PTE_US)

static void names_that_are_nothing(void **state)
{
    struct stage *s = *state;

    refused(s, L1, 100, P(0x5000, KERNEL),
            "an entry is onto pfn 5000, which does not exist");
    refused(s, L2, 100, P(0xffffffffff, KERNEL),
            "an entry is onto pfn ffffffffff, which does not exist");
    refused(s, L3, 5, P(SNAPSHOT_SUPPLIED, KERNEL),
            "an entry is onto pfn 8000000000, which does not exist");
    /* It has been ballooned out. */
    refused(s, L1, 100, P(6 * 512, KERNEL),
            "an entry is onto pfn c00, which does not exist");
}

static void large_entries_onto_anything(void **state)
{
    struct stage *s = *state;
    const uint64_t large = KERNEL | PTE_PSE;

    refused(s, L2, 100, P(512 + 1, large),
            "a large entry is onto pfn 201, where no whole block was");
    refused(s, L2, 100, P(4 * 512, large), /* small, with a hole */
            "a large entry is onto pfn 800, where no whole block was");
    refused(s, L2, 100, P(0, large), /* its tables are there */
            "a large entry is onto pfn 0, where no whole block was");
    refused(s, L3, 100, P(512, large), /* 1 GiB of it is not there */
            "a large entry is onto pfn 200, where no whole block was");
    refused(s, L2, 100, P(512, large | PTE_PCD),
            "the level 4 table at pfn 1 is not valid");
    assert_int_equal(restore_with(s, L2, 100, P(512, large)), ERR_NONE);
}

static void tables_that_are_none(void **state)
{
    struct stage *s = *state;
    const char *invalid = "the level 4 table at pfn 1 is not valid";

    refused(s, L3, 1, P(L4, KERNEL), invalid);          /* a loop */
    refused(s, L2, 1, P(L3, KERNEL), invalid);          /* another */
    refused(s, L1, 100, P(L4, KERNEL), invalid);        /* a writable table */
    refused(s, L2, 100, P(512 + 7, KERNEL), invalid);   /* in a large page */
    refused(s, L2, 100, P(L1, PTE_P | PTE_G), invalid); /* forbidden flags */
    refused(s, L4, 1, P(L3, KERNEL | PTE_PSE), invalid);
    refused(s, L1, 100, P(70, 0), invalid); /* absent, and names memory */
    refused(s, L3, 9, PTE_PSE, invalid);
    /* Our own slots are not read, a table may name itself. */
    assert_int_equal(restore_with(s, L4, 256, P(L1, KERNEL)), ERR_NONE);
    assert_int_equal(restore_with(s, L4, 9, P(L4, PTE_P | PTE_US)), ERR_NONE);
}

/* With isolate=on; of one that was saved without, it says why. */
static void roots_that_map_roots_may_be_forbidden(void **state)
{
    struct stage *s = *state;

    s->w.mm.no_linear_l4 = true;
    refused(s, L4, 9, P(L4, PTE_P | PTE_US),
            "the root at pfn 1 maps a root, which isolate=on does not allow");
    assert_int_equal(restore_with(s, L3, 9, P(L3, PTE_P | PTE_US)), ERR_NONE);
    s->w.mm.no_linear_l4 = false;
}

/* Only the hypervisor leaves entries to the guest. */
static void an_entry_to_remap_is_the_guests(void **state)
{
    struct stage *s = *state;
    uint64_t e = (~(uint64_t)512 << PAGE_SHIFT & PTE_ADDR) |
                 FLAGSTONE_PTE_SHATTERED | PTE_RW | PTE_US;

    assert_int_equal(restore_with(s, L2, 100, e), ERR_NONE);
    assert_int_equal(s->r.result.large_before, 7);
}

/* --- interrupted, and without memory ------------------------------------- */

static void stops_everywhere(void **state)
{
    struct stage *s = *state;

    press(s, 2, 20);
    for (unsigned every = 1; every < 4; every++) {
        host_preempt_every(every);
        if (restore(s, RESTORE_SHATTER))
            fail_msg("%s", s->r.job.why);
        assert_int_equal(s->r.result.supplied, 3);
        host_preempt_at(0);
        gone(s);
    }
}

static void no_memory_anywhere(void **state)
{
    struct stage *s = *state;
    enum restore_policy policy;
    enum err rc;

    press(s, 2, 20);
    for (policy = RESTORE_GUEST; policy <= RESTORE_SHATTER; policy++) {
        unsigned failed = 0;

        for (uint64_t n = 1;; n++) {
            uint64_t left;

            s->w.mm.alloc.fail_in = n;
            rc = restore(s, policy);
            left = s->w.mm.alloc.fail_in;
            s->w.mm.alloc.fail_in = 0;
            failed += rc == ERR_NOMEM;
            if (!rc) {
                assert_int_equal(actor_remap(&s->a), ERR_NONE);
                gone(s);
            }
            if (left)
                break;
        }
        assert_int_equal(rc, ERR_NONE);
        assert_in_range(failed, 1, 100);
    }
}

/* The same where it is all or nothing: what is promised is there, then. */
static void no_memory_although_promised(void **state)
{
    struct stage *s = *state;
    unsigned failed = 0;
    uint64_t left = 0;

    for (uint64_t n = 1; left == 0; n++) {
        enum err rc;

        s->w.mm.alloc.fail_in = n;
        rc = restore(s, RESTORE_FAIL);
        left = s->w.mm.alloc.fail_in;
        s->w.mm.alloc.fail_in = 0;
        failed += rc == ERR_NOMEM;
        if (rc)
            continue;
        assert_int_equal(s->r.result.large_after, 7);
        gone(s);
    }
    assert_in_range(failed, 1, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stage_test(whole_as_it_was),
        stage_test(what_was_out_comes_to_its_place),
        stage_test(fail_says_so),
        stage_test(shatter),
        stage_test(left_to_the_guest),
        stage_test(off_and_require),
        stage_test(names_that_are_nothing),
        stage_test(large_entries_onto_anything),
        stage_test(tables_that_are_none),
        stage_test(roots_that_map_roots_may_be_forbidden),
        stage_test(an_entry_to_remap_is_the_guests),
        stage_test(stops_everywhere),
        stage_test(no_memory_anywhere),
        stage_test(no_memory_although_promised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
