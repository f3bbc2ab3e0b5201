/* SPDX-License-Identifier: MIT */
/*
 * image.h: a saved domain, as bytes: the format, and the memory it is kept in.
 *
 * An image is a row of pages. Page 0 holds the header, each section starts on
 * a page of its own, in the order of enum image_section, with nothing between
 * but zeroes up to the page's end:
 *    HV       the hypervisor's own record (hv/), opaque here, not empty
 *    EXTENTS  struct extent, ascending pfn, no overlaps
 *    TABLES   struct snapshot_table, ascending pfn: those of the domain's
 *             memory, then supplied ones, numbered from SNAPSHOT_SUPPLIED on
 *    P2M      uint64_t, pfns of the pages of the guest's p2m, in order; a page
 *             may serve more than once, none is a table
 *    INDEX    uint64_t, ascending: the pfns (or SNAPSHOT_SUPPLIED + n) whose
 *             content follows; all others of the extents are zeroes
 *    PAGES    that many pages, tables in normalised form
 * All numbers are little-endian. Everything behind page 0 is under one
 * checksum (XXH64, seed 0), the header under its own; the rest of page 0 is
 * zero. So there is one image of a domain's state, whoever writes it, where no
 * supplied tables are left.
 *
 * Its memory belongs to a domain of its own without vCPUs, so it is accounted
 * for, audited and given back like any other, and no guest can touch it.
 */
#pragma once

#include "mm/base/job.h"
#include "mm/base/xxh64.h"
#include "mm/save/snapshot.h"

#define IMAGE_MAGIC   UINT64_C(0x31474d4953474c46) /* "FLGSIMG1" */
#define IMAGE_VERSION 1u
#define IMAGE_HV_MAX  (UINT64_C(1) << 20) /* bytes */

enum image_section {
    IMAGE_HV,
    IMAGE_EXTENTS,
    IMAGE_TABLES,
    IMAGE_P2M,
    IMAGE_INDEX,
    IMAGE_PAGES,
    IMAGE_SECTIONS
};

struct image_header {
    uint64_t magic;
    uint32_t version;
    uint32_t header_size; /* sizeof(struct image_header) of this version */
    uint64_t total_bytes; /* a multiple of 4096 */
    uint64_t body_sum;    /* XXH64 of all bytes from 4096 on */
    uint64_t nr_pfns;     /* highest pfn + 1 */
    uint64_t nr_frames;   /* sum of the extents */
    uint64_t large;       /* superpage mappings when it was saved */
    uint64_t reserved[4]; /* zero */
    struct {
        uint64_t offset, bytes; /* offset is a multiple of 4096 */
    } section[IMAGE_SECTIONS];
    uint64_t header_sum; /* XXH64 of all before it */
};
_Static_assert(sizeof(struct image_header) == 192, "the format");
_Static_assert(sizeof(struct extent) == 16, "the format");
_Static_assert(sizeof(struct snapshot_table) == 16, "the format");
_Static_assert(offsetof(struct image_header, version) == 8 &&
                   offsetof(struct image_header, header_size) == 12 &&
                   offsetof(struct image_header, total_bytes) == 16 &&
                   offsetof(struct image_header, body_sum) == 24,
               "the format: what a receiver looks at first");
_Static_assert(offsetof(struct image_header, section) == 88 &&
                   IMAGE_SECTIONS == 6,
               "the format: offset and length of each section");
_Static_assert(offsetof(struct image_header, header_sum) ==
                   sizeof(struct image_header) - sizeof(uint64_t),
               "the sum is of all before it");
_Static_assert(sizeof(struct image_header) <= PAGE_SIZE, "page 0 holds it");
_Static_assert(IMAGE_MAGIC >> 56 == '1' && (IMAGE_MAGIC & 0xff) == 'F',
               "little-endian: it reads FLGSIMG1");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "numbers as they are");
_Static_assert(PAGE_SIZE % sizeof(struct extent) == 0 &&
                   PAGE_SIZE % sizeof(struct snapshot_table) == 0,
               "no record crosses a page's end");
_Static_assert(IMAGE_HV_MAX % PAGE_SIZE == 0, "whole pages");

struct image {
    struct mm_domain store;
    struct mm_vcpu none; /* to have something to operate with */
    struct pfnmap pages; /* page of the image to mfn */
    uint64_t nr_pages;   /* that there is memory for */
    uint64_t bytes;      /* that have been written */
};

/*
 * Empty; owner: an id that no domain has. max_pages bounds what it may take.
 * ERR_NOMEM. It stays where it is in memory until image_free().
 */
enum err image_init(struct image *i, struct mm *mm, domid_t owner,
                    uint64_t max_pages);
/* Gives back all memory. ERR_RESTART: call again. */
enum err image_free(struct image *i);
/* Room for n pages in all: whole blocks while there are, then frames.
 * ERR_NOMEM. */
enum err image_grow(struct image *i, uint64_t n);
/* Page n of it, n < nr_pages; to write to or to read from. */
void *image_page(const struct image *i, uint64_t n);
/* Bytes at the end, growing it. ERR_NOMEM: nothing was appended. */
enum err image_append(struct image *i, const void *data, size_t n);
/* Zeroes up to the end of its last page. */
void image_pad(struct image *i);
/* Only the first n bytes are left; its memory stays. n <= bytes. */
void image_truncate(struct image *i, uint64_t n);
/* It has pages. */
const struct image_header *image_header(const struct image *i);

/*
 * Is it an image, whole, undamaged, of this version, and does everything in
 * it fit together? Nothing is believed before; afterwards the accessors below
 * may be used. In steps: ERR_RESTART; ERR_INVAL: job.why says in one line what
 * is wrong ("truncated: 8192 of 73728 bytes", ...).
 */
struct image_check {
    const struct image *image;
    struct job job;
    struct xxh64 sum;  /* of the pages so far */
    uint64_t at;       /* frames in the extents so far */
    uint64_t last;     /* pfn of the record before, + 1 */
    uint64_t supplied; /* tables numbered so far */
};
void image_check_begin(struct image_check *c, const struct image *i);
enum err image_check_step(struct image_check *c);
/* Only the header, from its first bytes: how long will it be? For receiving. */
enum err image_check_header(const struct image_header *h, char why[160]);

/* n bytes at an offset of a section, wherever page ends are. */
void image_read(const struct image *i, enum image_section s, uint64_t offset,
                void *out, size_t n);
/* Records of a section; record n of it. */
uint64_t image_nr(const struct image *i, enum image_section s, size_t size);
static inline struct extent image_extent(const struct image *i, uint64_t n)
{
    struct extent e;

    image_read(i, IMAGE_EXTENTS, n * sizeof(e), &e, sizeof(e));
    return e;
}
static inline struct snapshot_table image_table(const struct image *i,
                                                uint64_t n)
{
    struct snapshot_table t;

    image_read(i, IMAGE_TABLES, n * sizeof(t), &t, sizeof(t));
    return t;
}
/* The nth of P2M or INDEX. */
static inline uint64_t image_word(const struct image *i, enum image_section s,
                                  uint64_t n)
{
    uint64_t v;

    image_read(i, s, n * sizeof(v), &v, sizeof(v));
    return v;
}
/* The nth of PAGES: the content of the nth of INDEX. */
const void *image_indexed(const struct image *i, uint64_t n);
