/* SPDX-License-Identifier: MIT */
/*
 * image_header.c: is a header one of ours, of this version, undamaged, and
 * does it put the sections where they have to be? All lengths are bounded
 * before they are added up.
 */
#include "mm/save/image_check.h"

#define SECTION_MAX (SNAPSHOT_PFNS_MAX * 2 * PAGE_SIZE)
_Static_assert(SECTION_MAX <= UINT64_MAX / (IMAGE_SECTIONS + 1),
               "so bounded, they can be added up");

static const char *name_of(unsigned s)
{
    switch ((enum image_section)s) {
    case IMAGE_HV:
        return "HV";
    case IMAGE_EXTENTS:
        return "EXTENTS";
    case IMAGE_TABLES:
        return "TABLES";
    case IMAGE_P2M:
        return "P2M";
    case IMAGE_INDEX:
        return "INDEX";
    default:
        return "PAGES";
    }
}

static uint64_t record_of(unsigned s)
{
    switch ((enum image_section)s) {
    case IMAGE_HV:
        return 1;
    case IMAGE_EXTENTS:
        return sizeof(struct extent);
    case IMAGE_TABLES:
        return sizeof(struct snapshot_table);
    case IMAGE_PAGES:
        return PAGE_SIZE;
    default:
        return sizeof(uint64_t);
    }
}

/* Is it ours, and do we know what it means? */
static enum err check_origin(const struct image_header *h, char *why)
{
    if (h->magic != IMAGE_MAGIC)
        return image_wrong(why, "not a Flagstone image");
    if (h->version > IMAGE_VERSION)
        return image_wrong(why, "made by a newer version %lu, this is %lu",
                           (uint64_t)h->version, (uint64_t)IMAGE_VERSION);
    if (h->version < IMAGE_VERSION || h->header_size != sizeof(*h))
        return image_wrong(why, "damaged: version %lu, a header of %lu bytes",
                           (uint64_t)h->version, (uint64_t)h->header_size);
    if (xxh64(h, offsetof(struct image_header, header_sum)) != h->header_sum)
        return image_wrong(why, "damaged: the header's checksum is wrong");
    return ERR_NONE;
}

static enum err check_numbers(const struct image_header *h, char *why)
{
    uint64_t reserved = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(h->reserved); i++)
        reserved |= h->reserved[i];
    if (reserved)
        return image_wrong(why, "reserved words of the header are not zero");
    if (h->nr_pfns > SNAPSHOT_PFNS_MAX || h->nr_frames > h->nr_pfns)
        return image_wrong(why, "impossible size: %lu frames up to pfn %lx",
                           h->nr_frames, h->nr_pfns);
    if (h->section[IMAGE_HV].bytes == 0 ||
        h->section[IMAGE_HV].bytes > IMAGE_HV_MAX)
        return image_wrong(why, "section HV has %lu bytes",
                           h->section[IMAGE_HV].bytes);
    if (h->section[IMAGE_PAGES].bytes / PAGE_SIZE !=
        h->section[IMAGE_INDEX].bytes / sizeof(uint64_t))
        return image_wrong(why, "an index of %lu bytes for %lu bytes of pages",
                           h->section[IMAGE_INDEX].bytes,
                           h->section[IMAGE_PAGES].bytes);
    return ERR_NONE;
}

/* Each begins where the page ends that the one before ended in. */
static enum err check_sections(const struct image_header *h, char *why)
{
    uint64_t at = PAGE_SIZE;

    for (unsigned s = 0; s < IMAGE_SECTIONS; s++) {
        uint64_t bytes = h->section[s].bytes;

        if (h->section[s].offset != at || bytes > SECTION_MAX ||
            bytes % record_of(s))
            return image_wrong(why,
                               "section %s: %lu bytes at %lu, should be "
                               "at %lu",
                               name_of(s), bytes, h->section[s].offset, at);
        at += (bytes + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    }
    if (h->total_bytes != at)
        return image_wrong(why, "its sections end at %lu, but it has %lu bytes",
                           at, h->total_bytes);
    return ERR_NONE;
}

enum err image_check_header(const struct image_header *h, char why[160])
{
    enum err rc = check_origin(h, why);

    if (!rc)
        rc = check_numbers(h, why);
    return rc ? rc : check_sections(h, why);
}
