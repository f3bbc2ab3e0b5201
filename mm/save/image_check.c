/* SPDX-License-Identifier: MIT */
/*
 * image_check.c: see image.h. Header first, because it says where all else
 * is; then the checksum over all else; then each section record by record,
 * for whoever can compute a checksum may still have written nonsense.
 */
#include "mm/save/image_check.h"

#include <string.h>

#include "mm/base/port.h"
#include "mm/pv/lapse.h"

static struct image_check *image_check_of(struct job *j)
{
    return container_of(j, struct image_check, job);
}

static enum err check_header(struct job *j)
{
    struct image_check *c = image_check_of(j);
    const struct image *i = c->image;
    struct image_header h;
    const uint8_t *page;
    enum err rc;

    if (i->bytes < sizeof(h))
        return image_wrong(c->job.why, "truncated: %lu bytes, a header has %lu",
                           i->bytes, (uint64_t)sizeof(h));
    h = *image_header(i);
    rc = image_check_header(&h, c->job.why);
    if (rc)
        return rc;
    if (i->bytes < h.total_bytes)
        return image_wrong(c->job.why, "truncated: %lu of %lu bytes", i->bytes,
                           h.total_bytes);
    if (i->bytes > h.total_bytes)
        return image_wrong(c->job.why, "%lu bytes, but its header says %lu",
                           i->bytes, h.total_bytes);
    page = image_page(i, 0);
    for (unsigned k = sizeof(h); k < PAGE_SIZE; k++)
        if (page[k])
            return image_wrong(c->job.why, "damaged: byte %lu is not zero",
                               (uint64_t)k);
    return ERR_NONE;
}

static enum err check_sum(struct job *j)
{
    struct image_check *c = image_check_of(j);
    uint64_t pages = c->image->bytes / PAGE_SIZE, sum;

    while (c->job.cursor + 1 < pages) {
        xxh64_stripes(&c->sum, image_page(c->image, ++c->job.cursor),
                      PAGE_SIZE);
        if (port_preempt())
            return ERR_RESTART;
    }
    sum = xxh64_end(&c->sum, NULL, 0);
    if (sum != image_header(c->image)->body_sum)
        return image_wrong(c->job.why,
                           "damaged: the content's checksum is %lx, should be "
                           "%lx",
                           sum, image_header(c->image)->body_sum);
    return ERR_NONE;
}

/* Between the end of a section and that of its last page. */
static enum err check_padding(struct job *j)
{
    struct image_check *c = image_check_of(j);
    const struct image_header *h = image_header(c->image);

    for (unsigned s = 0; s < IMAGE_SECTIONS; s++) {
        uint64_t at = h->section[s].offset + h->section[s].bytes;
        const uint8_t *page;

        if (at % PAGE_SIZE == 0)
            continue;
        page = image_page(c->image, at / PAGE_SIZE);
        for (; at % PAGE_SIZE; at++)
            if (page[at % PAGE_SIZE])
                return image_wrong(c->job.why, "damaged: byte %lu is not zero",
                                   at);
    }
    return ERR_NONE;
}

/* --- records ------------------------------------------------------------- */

static enum err check_extent(struct image_check *c, uint64_t n)
{
    struct extent e = image_extent(c->image, n);
    const struct image_header *h = image_header(c->image);

    if (e.count == 0 || e.count > BLOCK_FRAMES || (e.flags & ~EXTENT_FLAGS) ||
        (e.flags && e.count != BLOCK_FRAMES) ||
        (e.flags & (EXTENT_1G | EXTENT_LARGE)) == EXTENT_1G)
        return image_wrong(c->job.why, "extent %lu: %lu pfns with flags %lx", n,
                           (uint64_t)e.count, (uint64_t)e.flags);
    if (e.pfn < c->last || e.pfn >= h->nr_pfns || e.count > h->nr_pfns - e.pfn)
        return image_wrong(c->job.why,
                           "extent %lu: pfn %lx is out of order or "
                           "beyond %lx",
                           n, e.pfn, h->nr_pfns);
    c->last = e.pfn + e.count;
    c->at += e.count;
    return ERR_NONE;
}

/* After the last one. */
static enum err check_extents_sum(struct image_check *c)
{
    const struct image_header *h = image_header(c->image);

    if (c->last != h->nr_pfns || c->at != h->nr_frames)
        return image_wrong(c->job.why,
                           "its extents have %lu frames up to pfn %lx, "
                           "its header says %lu and %lx",
                           c->at, c->last, h->nr_frames, h->nr_pfns);
    return ERR_NONE;
}

static uint64_t pfn_of_extent(const struct image *i, uint64_t n)
{
    return image_extent(i, n).pfn;
}

static uint64_t pfn_of_table(const struct image *i, uint64_t n)
{
    return image_table(i, n).pfn;
}

/* How many of n ascending records begin at this pfn or before. */
static uint64_t up_to(const struct image *i, uint64_t n, uint64_t pfn,
                      uint64_t (*pfn_of_record)(const struct image *, uint64_t))
{
    uint64_t lo = 0;

    while (lo < n) {
        uint64_t mid = lo + (n - lo) / 2;

        if (pfn_of_record(i, mid) <= pfn)
            lo = mid + 1;
        else
            n = mid;
    }
    return lo;
}

static bool exists(const struct image *i, uint64_t pfn)
{
    uint64_t nr = image_nr(i, IMAGE_EXTENTS, sizeof(struct extent));
    uint64_t n = up_to(i, nr, pfn, pfn_of_extent);
    struct extent e;

    if (n == 0)
        return false;
    e = image_extent(i, n - 1);
    return pfn - e.pfn < e.count;
}

static bool is_table(const struct image *i, uint64_t pfn)
{
    uint64_t nr = image_nr(i, IMAGE_TABLES, sizeof(struct snapshot_table));
    uint64_t n = up_to(i, nr, pfn, pfn_of_table);

    return n > 0 && image_table(i, n - 1).pfn == pfn;
}

/*
 * Ascending pfns, each in an extent: searched for, because between two pfns
 * there may be all extents there are.
 */
static bool follows(struct image_check *c, uint64_t pfn)
{
    if (pfn < c->last)
        return false;
    c->last = pfn + 1;
    return exists(c->image, pfn);
}

static enum err check_table(struct image_check *c, uint64_t n)
{
    struct snapshot_table t = image_table(c->image, n);
    bool placed = t.pfn < SNAPSHOT_SUPPLIED
                      ? c->supplied == 0 && follows(c, t.pfn)
                      : t.pfn - SNAPSHOT_SUPPLIED == c->supplied++;

    if (!placed)
        return image_wrong(c->job.why,
                           "table %lu: pfn %lx is out of order or in "
                           "no extent",
                           n, t.pfn);
    if (t.level < 1 || t.level > PT_LEVELS || t.pinned > 1 ||
        t.marks & ~LAPSE_MARKS || memcmp(t.pad, (uint8_t[5]){0}, 5))
        return image_wrong(c->job.why, "table %lu: level %lu, pinned %lu", n,
                           (uint64_t)t.level, (uint64_t)t.pinned);
    return ERR_NONE;
}

static enum err check_p2m(struct image_check *c, uint64_t n)
{
    uint64_t pfn = image_word(c->image, IMAGE_P2M, n);

    if (!exists(c->image, pfn) || is_table(c->image, pfn))
        return image_wrong(c->job.why,
                           "p2m page %lu: pfn %lx is in no extent or a "
                           "table",
                           n, pfn);
    return ERR_NONE;
}

static enum err check_index(struct image_check *c, uint64_t n)
{
    uint64_t pfn = image_word(c->image, IMAGE_INDEX, n);
    bool placed;

    if (pfn < SNAPSHOT_SUPPLIED) {
        placed = follows(c, pfn);
    } else {
        placed = pfn >= c->last && pfn - SNAPSHOT_SUPPLIED < c->supplied;
        c->last = pfn + 1;
    }
    return placed ? ERR_NONE
                  : image_wrong(c->job.why,
                                "page %lu: pfn %lx is out of order or "
                                "in no extent",
                                n, pfn);
}

static enum err for_records(struct image_check *c, enum image_section s,
                            size_t size,
                            enum err (*fn)(struct image_check *, uint64_t))
{
    uint64_t nr = image_nr(c->image, s, size);

    if (c->job.cursor == 0)
        c->last = 0;
    while (c->job.cursor < nr) {
        enum err rc = fn(c, c->job.cursor);

        if (rc)
            return rc;
        c->job.cursor++;
        if (c->job.cursor % 64 == 0 && port_preempt())
            return ERR_RESTART;
    }
    return ERR_NONE;
}

static enum err check_extents(struct job *j)
{
    struct image_check *c = image_check_of(j);
    enum err rc =
        for_records(c, IMAGE_EXTENTS, sizeof(struct extent), check_extent);

    return rc ? rc : check_extents_sum(c);
}

static enum err check_tables(struct job *j)
{
    return for_records(image_check_of(j), IMAGE_TABLES,
                       sizeof(struct snapshot_table), check_table);
}

static enum err check_p2m_pages(struct job *j)
{
    return for_records(image_check_of(j), IMAGE_P2M, sizeof(uint64_t),
                       check_p2m);
}

static enum err check_indices(struct job *j)
{
    return for_records(image_check_of(j), IMAGE_INDEX, sizeof(uint64_t),
                       check_index);
}

static const job_step steps[] = {check_header,  check_sum,    check_padding,
                                 check_extents, check_tables, check_p2m_pages,
                                 check_indices, NULL};

void image_check_begin(struct image_check *c, const struct image *i)
{
    *c = (struct image_check){.image = i};
    job_begin(&c->job, steps);
    xxh64_begin(&c->sum);
}

enum err image_check_step(struct image_check *c)
{
    return job_run(&c->job);
}
