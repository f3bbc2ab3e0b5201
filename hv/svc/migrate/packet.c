/* SPDX-License-Identifier: MIT */
/* packet.c: see packet.h. */
#include "hv/svc/migrate/packet.h"

#include "hv/base/string.h"

/* CRC-32 of IEEE 802.3: least significant bit first, half a byte at a time. */
static uint32_t crc32(const uint8_t *p, size_t n)
{
    static const uint32_t half[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t c = ~UINT32_C(0);

    for (; n > 0; n--, p++) {
        c = c >> 4 ^ half[(c ^ *p) & 15];
        c = c >> 4 ^ half[(c ^ *p >> 4) & 15];
    }
    return ~c;
}

static uint32_t sum_of(const struct packet *p)
{
    const size_t from = offsetof(struct packet, id);

    return crc32((const uint8_t *)p + from, PACKET_HEAD + p->len - from);
}

size_t packet_seal(struct packet *p)
{
    p->magic = PACKET_MAGIC;
    p->sum = sum_of(p);
    return PACKET_HEAD + p->len;
}

size_t packet_room(const struct packet_reader *r)
{
    return sizeof(r->buf) - r->have;
}

void packet_came(struct packet_reader *r, const void *data, size_t n)
{
    memcpy((uint8_t *)&r->buf + r->have, data, n);
    r->have += n;
}

static void drop(struct packet_reader *r, size_t n)
{
    r->have -= n;
    memmove(&r->buf, (uint8_t *)&r->buf + n, r->have);
}

/* What begins there is no packet: on to where one may begin. */
static void skip(struct packet_reader *r)
{
    const uint8_t *p = (const uint8_t *)&r->buf;
    size_t n = 1;

    while (n < r->have && p[n] != (PACKET_MAGIC & 0xff))
        n++;
    r->skipped += n;
    drop(r, n);
}

void packet_give_up(struct packet_reader *r)
{
    if (r->have)
        skip(r);
}

static bool begins_well(const struct packet *p)
{
    return p->magic == PACKET_MAGIC && p->len <= PACKET_DATA &&
           p->kind < PACKET_KINDS && (p->kind <= PACKET_LAST || !p->len) &&
           !(p->zero[0] | p->zero[1] | p->zero[2]);
}

bool packet_next(struct packet_reader *r, struct packet *out)
{
    const struct packet *p = &r->buf;

    while (r->have >= PACKET_HEAD) {
        size_t n = PACKET_HEAD + p->len;

        if (begins_well(p) && r->have < n)
            return false;
        if (begins_well(p) && sum_of(p) == p->sum) {
            memcpy(out, p, n);
            drop(r, n);
            return true;
        }
        skip(r);
    }
    return false;
}
