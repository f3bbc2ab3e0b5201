/* SPDX-License-Identifier: MIT */
/*
 * image.c: the memory of an image, and reading from it. Nobody ever runs on
 * the domain it belongs to, so what its operations owe costs nothing.
 */
#include "mm/save/image.h"

#include <string.h>

#include "mm/alloc/dmem.h"

enum err image_init(struct image *i, struct mm *mm, domid_t owner,
                    uint64_t max_pages)
{
    uint64_t blocks = max_pages / BLOCK_FRAMES + !!(max_pages % BLOCK_FRAMES);
    enum err rc;

    memset(i, 0, sizeof(*i));
    rc = pfnmap_init(&i->pages, mm, blocks);
    if (rc)
        return rc;
    i->store.id = owner;
    i->store.max_pages = max_pages;
    dmem_domain_init(mm, &i->store);
    dmem_vcpu_init(&i->store, &i->none);
    return ERR_NONE;
}

enum err image_free(struct image *i)
{
    struct mm_op op;
    enum err rc;

    mm_op_begin(&op, &i->store, &i->none);
    rc = dmem_domain_destroy(&op);
    mm_op_end(&op);
    if (rc)
        return rc;
    while (pfnmap_free(&i->pages) == ERR_RESTART)
        ; /* whole blocks only: a page for each GiB */
    i->nr_pages = i->bytes = 0;
    return ERR_NONE;
}

/* 512 pages more, scrubbed. */
static enum err grow_block(struct image *i, struct mm_op *op)
{
    blk_t b;
    enum err rc;

    if (!dmem_may_grow(&i->store, BLOCK_FRAMES))
        return ERR_NOMEM;
    rc = dmem_block_get(op, &b);
    if (rc)
        return rc;
    rc = pfnmap_set_block(&i->pages, i->nr_pages / BLOCK_FRAMES, mfn_of_blk(b));
    if (rc) {
        MUST(dmem_block_put(op, b));
        return rc;
    }
    i->nr_pages += BLOCK_FRAMES;
    return ERR_NONE;
}

static enum err grow_frame(struct image *i, struct mm_op *op)
{
    unsigned done;
    mfn_t m;
    enum err rc;

    if (!dmem_may_grow(&i->store, 1))
        return ERR_NOMEM;
    rc = dmem_frames_get(op, &m, 1, &done);
    if (rc)
        return rc;
    rc = pfnmap_set(&i->pages, pfn_of(i->nr_pages), m);
    if (rc) {
        MUST(dmem_frame_put(op, m));
        return rc;
    }
    memset(mm_frame_ptr(op->mm, m), 0, PAGE_SIZE);
    i->nr_pages++;
    return ERR_NONE;
}

enum err image_grow(struct image *i, uint64_t n)
{
    enum err rc = ERR_NONE;
    struct mm_op op;

    mm_op_begin(&op, &i->store, &i->none);
    while (i->nr_pages < n && !rc) {
        bool whole =
            i->nr_pages % BLOCK_FRAMES == 0 && grow_block(i, &op) == ERR_NONE;

        rc = whole ? ERR_NONE : grow_frame(i, &op);
    }
    mm_op_end(&op);
    return rc;
}

void *image_page(const struct image *i, uint64_t n)
{
    ASSERT(n < i->nr_pages);
    return mm_frame_ptr(i->store.mm, pfnmap_get(&i->pages, pfn_of(n)));
}

enum err image_append(struct image *i, const void *data, size_t n)
{
    const uint8_t *from = data;
    enum err rc;

    if (n > UINT64_MAX - PAGE_SIZE - i->bytes)
        return ERR_NOMEM;
    rc = image_grow(i, (i->bytes + n + PAGE_SIZE - 1) / PAGE_SIZE);
    if (rc)
        return rc;
    while (n > 0) {
        size_t at = i->bytes % PAGE_SIZE, part = MIN(n, PAGE_SIZE - at);

        memcpy((uint8_t *)image_page(i, i->bytes / PAGE_SIZE) + at, from, part);
        i->bytes += part;
        from += part;
        n -= part;
    }
    return ERR_NONE;
}

void image_pad(struct image *i)
{
    size_t at = i->bytes % PAGE_SIZE;

    if (at == 0)
        return;
    memset((uint8_t *)image_page(i, i->bytes / PAGE_SIZE) + at, 0,
           PAGE_SIZE - at);
    i->bytes += PAGE_SIZE - at;
}

void image_truncate(struct image *i, uint64_t n)
{
    ASSERT(n <= i->bytes);
    i->bytes = n;
}

const struct image_header *image_header(const struct image *i)
{
    return image_page(i, 0);
}

/* --- what follows is for images that have passed their check ------------- */

void image_read(const struct image *i, enum image_section s, uint64_t offset,
                void *out, size_t n)
{
    const struct image_header *h = image_header(i);
    uint64_t from = h->section[s].offset + offset;
    uint8_t *to = out;

    ASSERT(offset <= h->section[s].bytes && n <= h->section[s].bytes - offset);
    while (n > 0) {
        size_t at = from % PAGE_SIZE, part = MIN(n, PAGE_SIZE - at);

        memcpy(to, (const uint8_t *)image_page(i, from / PAGE_SIZE) + at, part);
        from += part;
        to += part;
        n -= part;
    }
}

uint64_t image_nr(const struct image *i, enum image_section s, size_t size)
{
    return image_header(i)->section[s].bytes / size;
}

const void *image_indexed(const struct image *i, uint64_t n)
{
    const struct image_header *h = image_header(i);

    return image_page(i, h->section[IMAGE_PAGES].offset / PAGE_SIZE + n);
}
