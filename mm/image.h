/* SPDX-License-Identifier: MIT */
/*
 * image.h: a saved domain, as bytes: the format, and the memory it is kept in.
 *
 * An image is a row of pages. Page 0 holds the header, each section starts on
 * a page of its own, in the order of enum image_section, with nothing between
 * but zeroes up to the page's end:
 *    HV       the hypervisor's own record (hv/), opaque here
 *    EXTENTS  struct extent, ascending pfn, no overlaps
 *    TABLES   struct census_table
 *    P2M      uint64_t, pfns of the pages of the guest's p2m, in order
 *    INDEX    uint64_t, ascending: the pfns (or CENSUS_SUPPLIED + n) whose
 *             content follows; all others of the extents are zeroes
 *    PAGES    that many pages, tables in canonical form
 * All numbers are little-endian. Everything behind the header is under one
 * checksum (XXH64, seed 0), the header under its own.
 *
 * Its memory belongs to a domain of its own without vCPUs, so it is accounted
 * for, audited and given back like any other, and no guest can touch it.
 */
#pragma once

#include "mm/census.h"

#define IMAGE_MAGIC   UINT64_C(0x31474d4953474c46) /* "FLGSIMG1" */
#define IMAGE_VERSION 1u

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

struct image {
    struct mm_domain store;
    struct mm_vcpu none;  /* to have something to operate with */
    struct pfnmap pages;  /* page of the image to mfn */
    uint64_t nr_pages;    /* that there is memory for */
    uint64_t bytes;       /* that have been written */
};

/* Empty; owner: an id that no domain has. max_pages bounds what it may take. */
must_check enum err image_init(struct image *i, struct mm *mm, domid_t owner,
                               uint64_t max_pages);
/* Gives back all memory. ERR_RESTART: call again. */
must_check enum err image_free(struct image *i);
/* Room for n pages in all: whole blocks while there are, then frames. ERR_NOMEM. */
must_check enum err image_grow(struct image *i, uint64_t n);
/* Page n of it, n < nr_pages; to write to or to read from. */
void *image_page(const struct image *i, uint64_t n);
/* Bytes at the end, growing it. ERR_NOMEM: nothing was appended. */
must_check enum err image_append(struct image *i, const void *data, size_t n);
const struct image_header *image_header(const struct image *i);

/*
 * Is it an image, whole, undamaged, of this version, and does everything in
 * it fit together? Nothing is believed before; afterwards the accessors below
 * may be used. In steps: ERR_RESTART; ERR_INVAL: `why` says in one line what
 * is wrong ("truncated: 8192 of 73728 bytes", ...).
 */
struct image_check {
    const struct image *image;
    uint64_t cursor;
    uint64_t sum[8]; /* of the hash so far */
    unsigned phase;
    char why[160];
};
void image_check_begin(struct image_check *c, const struct image *i);
must_check enum err image_check_step(struct image_check *c);
/* Only the header, from its first bytes: how long will it be? For receiving. */
must_check enum err image_check_header(const struct image_header *h,
                                       char why[160]);

/* n bytes at an offset of a section, wherever page ends are. */
void image_read(const struct image *i, enum image_section s, uint64_t offset,
                void *out, size_t n);
/* The content of a pfn in canonical form; NULL: zeroes. */
const void *image_content(const struct image *i, uint64_t pfn);
