/* SPDX-License-Identifier: MIT */
/*
 * fuzz_image.c: images from an enemy. The fuzzer's bytes are an image as they
 * are, or changes to a good one, cut short or longer, whose checksums are
 * mostly made right again, so that what is behind them is reached; or they are
 * a header only, as it comes before the image that is to be received: what is
 * let through says where everything is. Whatever passes the check is restored,
 * on as much memory as the bytes say, with interruptions; then it is saved
 * again if it can be. No crash, every audit clean, and all memory back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actor.h"
#include "mm/save/restore.h"
#include "port.h"
#include "saving.h"

#define MACHINE_BLOCKS 40
#define GUEST_BLOCKS   7
#define PATCHES_MAX    40

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *model; /* the good image */
static uint64_t model_bytes;

/* A guest of large and small mappings, with a p2m and something in memory. */
static void make_model(void)
{
    const struct actor_kind kind = {
        .id = 1, .nr_blocks = GUEST_BLOCKS, .superpages = SUPERPAGES_PREFER};
    static struct world w;
    static struct actor a;
    static struct image i;

    world_make(&w, MACHINE_BLOCKS);
    assert_int_equal(actor_make(&a, &w, kind), ERR_NONE);
    for (unsigned b = 1; b < GUEST_BLOCKS; b++)
        actor_write(&a, b * 512ul + 3, b + 1);
    actor_alias(&a, 2);
    assert_int_equal(actor_small(&a, 3), ERR_NONE);
    assert_int_equal(actor_frame_out(&a, 3 * 512 + 9), ERR_NONE);
    assert_int_equal(actor_save(&a, &i, IMAGE_OWNER), ERR_NONE);
    model = saving_bytes(&i);
    model_bytes = i.bytes;
    saving_free(&i);
    actor_end(&a);
    world_end(&w);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    make_model();
    /* What a test asserts is to be seen by the fuzzer as a crash. */
    return setenv("CMOCKA_TEST_ABORT", "1", 1);
}

/* --- the image ----------------------------------------------------------- */

/* A word that means something somewhere. */
static uint64_t any_word(struct dice *d, uint64_t was)
{
    switch (dice_upto(d, 8)) {
    case 0:
        return dice_upto(d, 0x1000);
    case 1:
        return SNAPSHOT_SUPPLIED + dice_upto(d, 4);
    case 2:
        return was ^ BIT(dice_upto(d, 64));
    case 3:
        return was + 1 - 2 * dice_upto(d, 2);
    case 4:
        return ~UINT64_C(0) >> dice_upto(d, 64);
    case 5: /* an entry */
        return dice_upto(d, 0x1000) << PAGE_SHIFT | dice_upto(d, 0x1000);
    case 6:
        return was & ~(UINT64_C(0xffff) << 8 * dice_upto(d, 8));
    default:
        return dice_upto(d, UINT64_C(1) << 32) << 32 |
               dice_upto(d, UINT64_C(1) << 32);
    }
}

static void patch(struct dice *d, uint8_t *image, uint64_t bytes)
{
    /* Header and lists as often as content; tables have few entries. */
    uint64_t at = dice_upto(d, 3) ? dice_upto(d, 8 * PAGE_SIZE)
                                  : dice_upto(d, bytes),
             was;

    if (dice_upto(d, 4))
        at = at / PAGE_SIZE * PAGE_SIZE + at % 256;
    at = at % (bytes - 8) / 8 * 8;
    memcpy(&was, image + at, sizeof(was));
    was = any_word(d, was);
    memcpy(image + at, &was, sizeof(was));
}

static void seal(uint8_t *image, uint64_t bytes)
{
    struct image_header h;

    memcpy(&h, image, sizeof(h));
    h.body_sum = xxh64(image + PAGE_SIZE, bytes - PAGE_SIZE);
    h.header_sum = xxh64(&h, offsetof(struct image_header, header_sum));
    memcpy(image, &h, sizeof(h));
}

/* Mostly all of it; or not, or with something behind it. */
static uint64_t any_length(struct dice *d)
{
    if (dice_upto(d, 8))
        return model_bytes;
    return dice_upto(d, 2) ? dice_upto(d, model_bytes + 1)
                           : model_bytes + dice_upto(d, 2 * PAGE_SIZE);
}

static void make_image(struct image *i, struct world *w, struct dice *d)
{
    uint64_t length;
    uint8_t *bytes;

    if (dice_upto(d, 32) == 0) {
        saving_image(i, w, d->at, (uint64_t)(d->end - d->at));
        return;
    }
    length = any_length(d);
    bytes = calloc(1, model_bytes + 2 * PAGE_SIZE);
    memcpy(bytes, model, model_bytes);
    if (dice_upto(d, 16)) {
        for (unsigned n = 0; n < PATCHES_MAX && d->at < d->end; n++)
            patch(d, bytes, model_bytes);
        seal(bytes, model_bytes);
    } else { /* damaged */
        patch(d, bytes, model_bytes);
    }
    saving_image(i, w, bytes, length);
    free(bytes);
}

/* --- a header only -------------------------------------------------------- */

/* What a receiver makes of it: pages to get, and sections within them. */
static void check_places(const struct image_header *h)
{
    uint64_t end = PAGE_SIZE;

    assert_true(h->total_bytes % PAGE_SIZE == 0);
    assert_true(h->nr_pfns <= SNAPSHOT_PFNS_MAX && h->nr_frames <= h->nr_pfns);
    for (unsigned s = 0; s < IMAGE_SECTIONS; s++) {
        uint64_t at = h->section[s].offset, bytes = h->section[s].bytes;

        assert_true(at % PAGE_SIZE == 0 && at >= end && at - end < PAGE_SIZE);
        assert_true(at <= h->total_bytes && bytes <= h->total_bytes - at);
        end = at + bytes;
    }
    assert_true(h->total_bytes - end < PAGE_SIZE);
    assert_true(h->section[IMAGE_HV].bytes > 0 &&
                h->section[IMAGE_HV].bytes <= IMAGE_HV_MAX);
    assert_int_equal(h->section[IMAGE_PAGES].bytes / PAGE_SIZE,
                     h->section[IMAGE_INDEX].bytes / sizeof(uint64_t));
}

/* Some of its words. */
static void patch_header(struct dice *d, struct image_header *h)
{
    uint64_t *word = (uint64_t *)(void *)h;
    const unsigned words = sizeof(*h) / sizeof(*word);

    for (uint64_t n = dice_upto(d, 8); n > 0; n--) {
        unsigned i = (unsigned)dice_upto(d, words);

        word[i] = any_word(d, word[i]);
    }
}

/* The sections one behind the other, whatever their sizes. */
static void arrange(struct image_header *h)
{
    uint64_t at = PAGE_SIZE;

    for (unsigned s = 0; s < IMAGE_SECTIONS; s++) {
        h->section[s].offset = at;
        at += (h->section[s].bytes + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    }
    h->total_bytes = at;
}

static void header_only(struct dice *d)
{
    char why[160] = "";
    struct image_header h;

    memcpy(&h, model, sizeof(h));
    patch_header(d, &h);
    if (dice_upto(d, 2))
        arrange(&h);
    if (dice_upto(d, 16))
        h.header_sum = xxh64(&h, offsetof(struct image_header, header_sum));
    if (image_check_header(&h, why) == ERR_NONE)
        check_places(&h);
    else
        assert_true(why[0] && memchr(why, 0, sizeof(why)));
}

/* --- what becomes of it -------------------------------------------------- */

/* Its top-level tables can be loaded, and what it is can be saved. */
static void go_on(struct world *w, struct world_domain *x, struct restore *r)
{
    struct mm_op op = mm_op_on(&x->d, &x->v);
    struct image_check check;
    struct snapshot c;
    struct image i;
    struct save s;

    for (uint64_t n = 0;
         n < image_nr(r->image, IMAGE_TABLES, sizeof(struct snapshot_table));
         n++) {
        struct snapshot_table t = image_table(r->image, n);

        if (t.level == 4 && t.pfn < SNAPSHOT_SUPPLIED)
            (void)mmu_new_baseptr(&op, restore_mfn(r, pfn_of(t.pfn)));
    }
    world_done(&op);
    world_audit(w, "loading the roots");
    if (saving_snapshot(&c, &op, no_p2m, NULL) == ERR_NONE) {
        assert_int_equal(image_init(&i, &w->mm, IMAGE_OWNER + 1, 8192), 0);
        if (saving_save(&s, &c, &i, NULL) == ERR_NONE &&
            saving_check(&check, &i, NULL))
            fail_msg("saved again: %s", check.job.why);
        saving_free(&i);
    }
    HOST_END(snapshot_end(&c));
    world_done(&op);
    world_audit(w, "saving it again");
}

static void restore_it(struct world *w, const struct image *i, struct dice *d)
{
    static struct restore r;
    struct world_domain x;
    struct mm_op op;
    enum err rc;

    world_domain(w, &x, 1, BLOCK_FRAMES * (5 + dice_upto(d, 12)));
    x.d.superpages =
        dice_upto(d, 8) ? SUPERPAGES_PREFER : (enum superpages)dice_upto(d, 3);
    op = mm_op_on(&x.d, &x.v);
    restore_begin(&r, &op, i, (enum restore_policy)dice_upto(d, 3));
    if (dice_upto(d, 3) == 0)
        host_preempt_every(1 + dice_upto(d, 4));
    if (dice_upto(d, 4) == 0)
        w->mm.alloc.fail_in = 1 + dice_upto(d, 64);
    do
        rc = restore_step(&r);
    while (rc == ERR_RESTART);
    host_preempt_at(0);
    w->mm.alloc.fail_in = 0;
    if (rc && !r.job.why[0])
        fail_msg("refused with no word");
    world_done(&op);
    world_audit(w, "a restore");
    if (!rc)
        go_on(w, &x, &r);
    HOST_END(restore_end(&r));
    world_destroy(w, &x);
}

/* Memory somebody else has, in whole blocks, so that not all is to be had. */
static void press(struct world *w, struct world_domain *x, struct dice *d)
{
    struct mm_op op;
    blk_t b;

    world_domain(w, x, 7, 64 * BLOCK_FRAMES);
    op = mm_op_on(&x->d, &x->v);
    for (uint64_t n = dice_upto(d, MACHINE_BLOCKS); n > 0; n--)
        if (dmem_block_get(&op, &b))
            break;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dice d = {.at = data, .end = data + size};
    static struct image_check check;
    struct world_domain filler;
    static struct world w;
    static struct image i;

    if (size < 8)
        return 0;
    if (data[0] % 4 == 0) {
        d.at++;
        header_only(&d);
        return 0;
    }
    world_make(&w, MACHINE_BLOCKS);
    make_image(&i, &w, &d);
    d.at = data; /* the first bytes once more, for what is not the image */
    press(&w, &filler, &d);
    if (saving_check(&check, &i, NULL) == ERR_NONE)
        restore_it(&w, &i, &d);
    else if (!check.job.why[0])
        fail_msg("refused with no word");
    saving_free(&i);
    world_destroy(&w, &filler);
    world_end(&w);
    return 0;
}
