/* SPDX-License-Identifier: MIT */
/*
 * The memory of images, the hash, and what the check says of images that
 * somebody has made up, checksums and all: one line for each thing that can
 * be wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "look.h"
#include "port.h"
#include "saving.h"

/* --- the hash ------------------------------------------------------------ */

/* Values as published with implementations of XXH64. */
static void hash_as_published(void **state)
{
    static const struct {
        const char *text;
        uint64_t hash;
    } known[] = {
        {"", UINT64_C(0xef46db3751d8e999)},
        {"a", UINT64_C(0xd24ec4f1a98c6e5b)},
        {"as", UINT64_C(0x1c330fb2d66be179)},
        {"asd", UINT64_C(0x631c37ce72a97393)},
        {"asdf", UINT64_C(0x415872f599cea71e)},
        {"abc", UINT64_C(0x44bc2cf5ad770999)},
        {"xxhash", UINT64_C(0x32dd38952c4bc720)},
        {"Call me Ishmael. Some years ago--never mind how long precisely-",
         UINT64_C(0x02a2e85470d6fd96)},
        {"Nobody inspects the spammish repetition",
         UINT64_C(0xfbcea83c8a378bf1)},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
        assert_int_equal(xxh64(known[i].text, strlen(known[i].text)),
                         known[i].hash);
}

static void hash_in_parts(void **state)
{
    uint8_t bytes[200];
    struct xxh64 h;

    (void)state;
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 37);
    for (unsigned n = 0; n <= sizeof(bytes) - 1; n++) {
        unsigned stripes = n / 32 * 32, first = stripes / 64 * 32;

        xxh64_begin(&h);
        xxh64_stripes(&h, bytes + 1, first);
        xxh64_stripes(&h, bytes + 1 + first, stripes - first);
        assert_int_equal(xxh64_end(&h, bytes + 1 + stripes, n - stripes),
                         xxh64(bytes + 1, n));
    }
}

/* --- memory -------------------------------------------------------------- */

static struct world w;

static int make_world(void **state)
{
    (void)state;
    world_make(&w, 36);
    return 0;
}

static int end_world(void **state)
{
    (void)state;
    world_audit(&w, "the test");
    world_end(&w);
    return 0;
}

static void appends_in_any_portions(void **state)
{
    uint8_t *bytes = malloc(3 * PAGE_SIZE), *out;
    struct image i;
    uint64_t at = 0;

    (void)state;
    for (unsigned k = 0; k < 3 * PAGE_SIZE; k++)
        bytes[k] = (uint8_t)(k * 7 + k / 256);
    assert_int_equal(image_init(&i, &w.mm, IMAGE_OWNER, 4), ERR_NONE);
    for (uint64_t n = 1; at < 2 * PAGE_SIZE; at += n, n = n * 3 % 1013)
        assert_int_equal(image_append(&i, bytes + at, n), ERR_NONE);
    assert_int_equal(i.bytes, at);
    out = saving_bytes(&i);
    assert_memory_equal(out, bytes, at);
    image_pad(&i);
    assert_int_equal(i.bytes % PAGE_SIZE, 0);
    image_pad(&i);
    image_truncate(&i, 5);
    assert_int_equal(i.bytes, 5);
    saving_free(&i);
    free(out);
    free(bytes);
}

static void takes_blocks_and_then_frames(void **state)
{
    uint64_t free_blocks = alloc_stats(&w.mm).free;
    struct image i;

    (void)state;
    assert_int_equal(image_init(&i, &w.mm, IMAGE_OWNER, 40 * 512), ERR_NONE);
    assert_int_equal(image_grow(&i, 1), ERR_NONE);
    assert_int_equal(i.store.blocks, 1);
    assert_int_equal(i.store.blocks_cut, 0);
    assert_int_equal(image_grow(&i, 40 * 512), ERR_NOMEM);
    assert_true(i.store.blocks_cut > 0); /* the reserve may be cut */
    assert_int_equal(alloc_stats(&w.mm).free, 0);
    for (uint64_t n = 0; n < i.nr_pages; n++)
        for (unsigned k = 0; k < 512; k++)
            assert_int_equal(((uint64_t *)image_page(&i, n))[k], 0);
    world_audit(&w, "growing");
    saving_free(&i);
    assert_int_equal(alloc_stats(&w.mm).free, free_blocks);
}

static void stays_in_its_bound(void **state)
{
    struct image i;
    uint8_t byte = 1;

    (void)state;
    assert_int_equal(image_init(&i, &w.mm, IMAGE_OWNER, 3), ERR_NONE);
    assert_int_equal(image_grow(&i, 3), ERR_NONE);
    assert_int_equal(image_grow(&i, 4), ERR_NOMEM);
    image_truncate(&i, 0);
    assert_int_equal(image_append(&i, image_page(&i, 0), PAGE_SIZE), ERR_NONE);
    assert_int_equal(image_append(&i, &byte, ~(size_t)0), ERR_NOMEM);
    assert_int_equal(image_append(&i, &byte, 3 * PAGE_SIZE), ERR_NOMEM);
    assert_int_equal(i.bytes, PAGE_SIZE);
    saving_free(&i);
    assert_int_equal(image_init(&i, &w.mm, IMAGE_OWNER, ~UINT64_C(0)),
                     ERR_NOMEM);
}

static void freeing_may_be_interrupted(void **state)
{
    struct image i;
    unsigned n = 0;
    enum err rc;

    (void)state;
    assert_int_equal(image_init(&i, &w.mm, IMAGE_OWNER, 5 * 512), ERR_NONE);
    assert_int_equal(image_grow(&i, 3 * 512 + 7), ERR_NONE);
    host_preempt_every(1);
    do {
        rc = image_free(&i);
        world_audit(&w, "part of freeing an image");
        n++;
    } while (rc == ERR_RESTART);
    host_preempt_at(0);
    assert_int_equal(rc, ERR_NONE);
    assert_true(n > 1);
}

/* --- images that somebody made up ---------------------------------------- */

/* What is in one; all of it good, until a test spoils it. */
struct recipe {
    struct image_header h;
    struct extent extents[4];
    struct snapshot_table tables[5];
    uint64_t p2m[3], index[4];
    unsigned nr_extents, nr_tables, nr_p2m, nr_index;
    size_t hv_len;
};

static struct recipe good(void)
{
    return (struct recipe){
        .h = {.magic = IMAGE_MAGIC,
              .version = IMAGE_VERSION,
              .header_size = sizeof(struct image_header),
              .nr_pfns = 2000,
              .nr_frames = 10 + 512 + 100,
              .large = 1},
        .extents = {{.pfn = 0, .count = 10},
                    {.pfn = 700, .count = 512, .flags = EXTENT_LARGE},
                    {.pfn = 1900, .count = 100}},
        .nr_extents = 3,
        .tables = {{.pfn = 2, .level = 4, .pinned = 1},
                   {.pfn = 1999, .level = 1},
                   {.pfn = SNAPSHOT_SUPPLIED, .level = 1},
                   {.pfn = SNAPSHOT_SUPPLIED + 1, .level = 2}},
        .nr_tables = 4,
        .p2m = {1950, 0, 1950},
        .nr_p2m = 3,
        .index = {2, 700, 1999, SNAPSHOT_SUPPLIED + 1},
        .nr_index = 4,
        .hv_len = 100,
    };
}

static void put(struct image *i, struct image_header *h, unsigned section,
                const void *data, size_t n)
{
    image_pad(i);
    h->section[section].offset = i->bytes;
    h->section[section].bytes = n;
    assert_int_equal(image_append(i, data, n), ERR_NONE);
}

/* The header's sum over what it is now, and the image has it. */
static void seal_header(struct image *i, struct image_header *h)
{
    h->header_sum = xxh64(h, offsetof(struct image_header, header_sum));
    memcpy(image_page(i, 0), h, sizeof(*h));
}

static void seal(struct image *i, struct image_header *h)
{
    uint8_t *bytes = saving_bytes(i);

    h->total_bytes = i->bytes;
    h->body_sum = xxh64(bytes + PAGE_SIZE, i->bytes - PAGE_SIZE);
    seal_header(i, h);
    free(bytes);
}

static void cook(struct image *i, struct recipe *r)
{
    static const uint8_t hv[IMAGE_HV_MAX + PAGE_SIZE] = "about the domain";
    uint8_t pages[4 * PAGE_SIZE];

    memset(pages, 0x5a, sizeof(pages));
    assert_int_equal(image_init(i, &w.mm, IMAGE_OWNER, 4096), ERR_NONE);
    assert_int_equal(image_append(i, &r->h, sizeof(r->h)), ERR_NONE);
    put(i, &r->h, IMAGE_HV, hv, r->hv_len);
    put(i, &r->h, IMAGE_EXTENTS, r->extents,
        r->nr_extents * sizeof(r->extents[0]));
    put(i, &r->h, IMAGE_TABLES, r->tables, r->nr_tables * sizeof(r->tables[0]));
    put(i, &r->h, IMAGE_P2M, r->p2m, r->nr_p2m * sizeof(r->p2m[0]));
    put(i, &r->h, IMAGE_INDEX, r->index, r->nr_index * sizeof(r->index[0]));
    put(i, &r->h, IMAGE_PAGES, pages, r->nr_index * PAGE_SIZE);
    seal(i, &r->h);
}

/* What the check says; NULL: the image is good. Once more with stops. */
static const char *verdict(const struct image *i)
{
    static struct image_check once, again;
    enum err rc = saving_check(&once, i, NULL);

    host_preempt_every(1);
    assert_int_equal(saving_check(&again, i, NULL), rc);
    host_preempt_at(0);
    assert_string_equal(once.job.why, again.job.why);
    assert_true(rc == ERR_NONE || rc == ERR_INVAL);
    return rc ? once.job.why : NULL;
}

static void assert_says(const struct image *i, const char *why)
{
    const char *is = verdict(i);

    assert_non_null(is);
    assert_string_equal(is, why);
}

static void refuses(struct recipe r, const char *why)
{
    struct image i;

    cook(&i, &r);
    assert_says(&i, why);
    saving_free(&i);
}

static void reads_good_ones(void **state)
{
    struct recipe r = good();
    struct image i;

    (void)state;
    cook(&i, &r);
    assert_null(verdict(&i));
    assert_int_equal(image_extent(&i, 1).pfn, 700);
    assert_int_equal(image_table(&i, 3).level, 2);
    assert_int_equal(image_word(&i, IMAGE_INDEX, 3), SNAPSHOT_SUPPLIED + 1);
    assert_int_equal(*(const uint8_t *)look_content(&i, 1999), 0x5a);
    assert_non_null(look_content(&i, SNAPSHOT_SUPPLIED + 1));
    assert_null(look_content(&i, 3));
    assert_null(look_content(&i, 5000));
    assert_ptr_equal(look_content(&i, 700), image_indexed(&i, 1));
    saving_free(&i);
    r = good(); /* nothing but a record */
    r.nr_extents = r.nr_tables = r.nr_p2m = r.nr_index = 0;
    r.h.nr_pfns = r.h.nr_frames = 0;
    cook(&i, &r);
    assert_null(verdict(&i));
    saving_free(&i);
}

static void refuses_foreign_headers(void **state)
{
    struct recipe r;

    (void)state;
    r = good(), r.h.magic ^= 1;
    refuses(r, "not a Flagstone image");
    r = good(), r.h.version = 2, r.h.header_size = 300;
    refuses(r, "made by a newer version 2, this is 1");
    r = good(), r.h.version = 0;
    refuses(r, "damaged: version 0, a header of 192 bytes");
    r = good(), r.h.header_size = 200;
    refuses(r, "damaged: version 1, a header of 200 bytes");
    r = good(), r.h.reserved[3] = 1;
    refuses(r, "reserved words of the header are not zero");
    r = good(), r.h.nr_pfns = SNAPSHOT_PFNS_MAX + 1;
    refuses(r, "impossible size: 622 frames up to pfn 40000001");
    r = good(), r.h.nr_frames = 2001;
    refuses(r, "impossible size: 2001 frames up to pfn 7d0");
    r = good(), r.hv_len = 0;
    refuses(r, "section HV has 0 bytes");
    r = good(), r.hv_len = IMAGE_HV_MAX + 1;
    refuses(r, "section HV has 1048577 bytes");
}

/* Spoils the header of a good one, whose checksum is right again then. */
static void refuses_header(void (*spoil)(struct image_header *),
                           const char *why)
{
    struct recipe r = good();
    struct image i;

    cook(&i, &r);
    spoil(&r.h);
    seal_header(&i, &r.h);
    assert_says(&i, why);
    saving_free(&i);
}

static void move_section(struct image_header *h)
{
    h->section[IMAGE_TABLES].offset += PAGE_SIZE;
}

static void huge_section(struct image_header *h)
{
    h->section[IMAGE_P2M].bytes = ~UINT64_C(0) - 7;
}

static void odd_section(struct image_header *h)
{
    h->section[IMAGE_EXTENTS].bytes -= 1;
}

static void fewer_pages(struct image_header *h)
{
    h->section[IMAGE_PAGES].bytes -= PAGE_SIZE;
}

static void longer(struct image_header *h)
{
    h->total_bytes += PAGE_SIZE;
}

static void other_sum(struct image_header *h)
{
    h->body_sum = 0x123;
}

static void refuses_wrong_places(void **state)
{
    struct recipe r = good();
    struct image i;
    char text[160];

    (void)state;
    refuses_header(move_section,
                   "section TABLES: 64 bytes at 16384, should be at 12288");
    refuses_header(huge_section, "section P2M: 18446744073709551608 bytes at "
                                 "16384, should be at 16384");
    refuses_header(odd_section,
                   "section EXTENTS: 47 bytes at 8192, should be at 8192");
    refuses_header(fewer_pages,
                   "an index of 32 bytes for 12288 bytes of pages");
    refuses_header(longer, "its sections end at 40960, but it has 45056 bytes");
    cook(&i, &r);
    say(text, sizeof(text),
        "damaged: the content's checksum is %lx, should be 123", r.h.body_sum);
    saving_free(&i);
    refuses_header(other_sum, text);
}

static void refuses_other_lengths(void **state)
{
    struct recipe r = good();
    struct image i;

    (void)state;
    cook(&i, &r);
    image_truncate(&i, 36864);
    assert_says(&i, "truncated: 36864 of 40960 bytes");
    image_truncate(&i, 4097);
    assert_says(&i, "truncated: 4097 of 40960 bytes");
    image_truncate(&i, 192);
    assert_says(&i, "truncated: 192 of 40960 bytes");
    image_truncate(&i, 191);
    assert_says(&i, "truncated: 191 bytes, a header has 192");
    image_truncate(&i, 0);
    assert_says(&i, "truncated: 0 bytes, a header has 192");
    saving_free(&i);
    cook(&i, &r);
    assert_int_equal(image_append(&i, "", 1), ERR_NONE);
    assert_says(&i, "40961 bytes, but its header says 40960");
    saving_free(&i);
}

static void refuses_bytes_between(void **state)
{
    struct recipe r = good();
    struct image i;

    (void)state;
    cook(&i, &r);
    *((uint8_t *)image_page(&i, 0) + 192) = 1;
    assert_says(&i, "damaged: byte 192 is not zero");
    *((uint8_t *)image_page(&i, 0) + 192) = 0;
    *((uint8_t *)image_page(&i, 2) + 4095) = 1; /* behind EXTENTS */
    seal(&i, &r.h);
    assert_says(&i, "damaged: byte 12287 is not zero");
    *((uint8_t *)image_page(&i, 2) + 4095) = 0;
    *((uint8_t *)image_page(&i, 1) + 4000) = 9; /* behind HV */
    seal(&i, &r.h);
    assert_says(&i, "damaged: byte 8096 is not zero");
    saving_free(&i);
}

static void refuses_extents(void **state)
{
    struct recipe r;

    (void)state;
    r = good(), r.extents[0].count = 0;
    refuses(r, "extent 0: 0 pfns with flags 0");
    r = good(), r.extents[2].count = 513;
    refuses(r, "extent 2: 513 pfns with flags 0");
    r = good(), r.extents[1].flags = 16;
    refuses(r, "extent 1: 512 pfns with flags 10");
    r = good(), r.extents[0].flags = EXTENT_WHOLE;
    refuses(r, "extent 0: 10 pfns with flags 1");
    r = good(), r.extents[1].flags = EXTENT_1G | EXTENT_WHOLE;
    refuses(r, "extent 1: 512 pfns with flags 5");
    r = good(), r.extents[1].pfn = 9;
    refuses(r, "extent 1: pfn 9 is out of order or beyond 7d0");
    r = good(), r.extents[2].pfn = 1901;
    refuses(r, "extent 2: pfn 76d is out of order or beyond 7d0");
    r = good(), r.extents[2].pfn = ~UINT64_C(0) - 3;
    refuses(r, "extent 2: pfn fffffffffffffffc is out of order or beyond 7d0");
    r = good(), r.nr_extents = 2;
    refuses(r, "its extents have 522 frames up to pfn 4bc, its header says 622 "
               "and 7d0");
    r = good(), r.h.nr_frames--;
    refuses(r, "its extents have 622 frames up to pfn 7d0, its header says 621 "
               "and 7d0");
}

static void refuses_tables(void **state)
{
    struct recipe r;

    (void)state;
    r = good(), r.tables[0].pfn = 10;
    refuses(r, "table 0: pfn a is out of order or in no extent");
    r = good(), r.tables[1].pfn = 2;
    refuses(r, "table 1: pfn 2 is out of order or in no extent");
    r = good(), r.tables[1].pfn = 1;
    refuses(r, "table 1: pfn 1 is out of order or in no extent");
    r = good(), r.tables[1].pfn = 2000;
    refuses(r, "table 1: pfn 7d0 is out of order or in no extent");
    r = good(), r.tables[2].pfn++;
    refuses(r, "table 2: pfn 8000000001 is out of order or in no extent");
    r = good(), r.tables[3].pfn--;
    refuses(r, "table 3: pfn 8000000000 is out of order or in no extent");
    r = good(), r.tables[3].pfn = 1999;
    refuses(r, "table 3: pfn 7cf is out of order or in no extent");
    r = good(), r.tables[1] = r.tables[2], r.tables[2].pfn = 1999;
    refuses(r, "table 2: pfn 7cf is out of order or in no extent");
    r = good(), r.tables[1].level = 0;
    refuses(r, "table 1: level 0, pinned 0");
    r = good(), r.tables[1].level = 5;
    refuses(r, "table 1: level 5, pinned 0");
    r = good(), r.tables[0].pinned = 2;
    refuses(r, "table 0: level 4, pinned 2");
    r = good(), r.tables[0].marks = 4;
    refuses(r, "table 0: level 4, pinned 1");
    for (unsigned i = 0; i < sizeof(r.tables[0].pad); i++) {
        r = good(), r.tables[0].pad[i] = 1;
        refuses(r, "table 0: level 4, pinned 1");
    }
}

static void refuses_p2m_and_index(void **state)
{
    struct recipe r;

    (void)state;
    r = good(), r.p2m[0] = 699;
    refuses(r, "p2m page 0: pfn 2bb is in no extent or a table");
    r = good(), r.p2m[2] = 1999;
    refuses(r, "p2m page 2: pfn 7cf is in no extent or a table");
    r = good(), r.p2m[1] = 2000;
    refuses(r, "p2m page 1: pfn 7d0 is in no extent or a table");
    r = good(), r.p2m[1] = SNAPSHOT_SUPPLIED;
    refuses(r, "p2m page 1: pfn 8000000000 is in no extent or a table");
    r = good(), r.index[1] = 2;
    refuses(r, "page 1: pfn 2 is out of order or in no extent");
    r = good(), r.index[1] = 10;
    refuses(r, "page 1: pfn a is out of order or in no extent");
    r = good(), r.index[3] = 2000;
    refuses(r, "page 3: pfn 7d0 is out of order or in no extent");
    r = good(), r.index[3] = SNAPSHOT_SUPPLIED + 2;
    refuses(r, "page 3: pfn 8000000002 is out of order or in no extent");
    r = good(), r.index[2] = r.index[3];
    refuses(r, "page 3: pfn 8000000001 is out of order or in no extent");
    r = good(), r.index[3] = ~UINT64_C(0);
    refuses(r, "page 3: pfn ffffffffffffffff is out of order or in no extent");
}

#define world_test(f) cmocka_unit_test_setup_teardown(f, make_world, end_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_as_published),
        cmocka_unit_test(hash_in_parts),
        world_test(appends_in_any_portions),
        world_test(takes_blocks_and_then_frames),
        world_test(stays_in_its_bound),
        world_test(freeing_may_be_interrupted),
        world_test(reads_good_ones),
        world_test(refuses_foreign_headers),
        world_test(refuses_wrong_places),
        world_test(refuses_other_lengths),
        world_test(refuses_bytes_between),
        world_test(refuses_extents),
        world_test(refuses_tables),
        world_test(refuses_p2m_and_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
