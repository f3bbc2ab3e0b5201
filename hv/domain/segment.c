/* SPDX-License-Identifier: MIT */
/*
 * segment.c: descriptors by SDM vol. 3, 3.4.5. Invariant: rights and limit are
 * those the table has now, from one read; what the processor holds of it from
 * before is not looked at, as on Xen.
 */
#include "hv/domain/segment.h"

#include "hv/domain/seg.h"

#define TYPE_WRITABLE    BIT(1) /* of data; of code: readable */
#define TYPE_EXPAND_DOWN BIT(2) /* of data */
#define TYPE_CODE        BIT(3)
#define NOT_SYSTEM       BIT(4)
#define PRESENT          BIT(7)
#define LONG             BIT(13)
#define BIG              BIT(14)
#define GRANULAR         BIT(15)

struct segment segment_of(uint64_t d)
{
    struct segment s = {
        .base = (uint32_t)(d >> 16 & 0xffffff) | (uint32_t)(d >> 56) << 24,
        .limit = (uint32_t)(d & 0xffff) | (uint32_t)(d >> 32 & 0xf0000),
        .rights = (uint16_t)(d >> 40),
    };

    if (s.rights & GRANULAR)
        s.limit = s.limit << PAGE_SHIFT | (PAGE_SIZE - 1);
    return s;
}

bool segment_permits(const struct segment *s, enum segment_use use)
{
    bool code = s->rights & TYPE_CODE, other = s->rights & TYPE_WRITABLE;

    if (!(s->rights & PRESENT) || !(s->rights & NOT_SYSTEM))
        return false;
    switch (use) {
    case SEGMENT_FETCH:
        return code && !(s->rights & LONG);
    case SEGMENT_READ:
        return !code || other;
    default:
        return !code && other;
    }
}

unsigned segment_width(const struct segment *s)
{
    return s->rights & BIG ? 4 : 2;
}

/* The first offset and the last. */
static void reach(const struct segment *s, uint64_t *first, uint64_t *last)
{
    *first = 0;
    *last = s->limit;
    if ((s->rights & (TYPE_CODE | TYPE_EXPAND_DOWN)) == TYPE_EXPAND_DOWN) {
        *first = (uint64_t)s->limit + 1;
        *last = s->rights & BIG ? UINT32_MAX : UINT16_MAX;
    }
}

bool segment_linear(const struct segment *s, uint32_t offset, unsigned n,
                    uint64_t *va)
{
    uint64_t first, last;

    reach(s, &first, &last);
    *va = (uint32_t)(s->base + offset);
    return offset >= first && (uint64_t)offset + n - 1 <= last &&
           *va + n - 1 <= UINT32_MAX;
}

unsigned segment_code(const struct segment *s, uint32_t offset, unsigned n,
                      uint64_t *va)
{
    while (n && !segment_linear(s, offset, n, va))
        n--;
    return n;
}

bool segment_get(const struct vcpu *v, uint16_t sel, struct segment *s)
{
    uint64_t descriptor;

    if (!seg_descriptor(v, sel, &descriptor))
        return false;
    *s = segment_of(descriptor);
    return true;
}
