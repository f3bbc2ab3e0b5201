/* SPDX-License-Identifier: MIT */
/*
 * firmware.c: the tags of the Multiboot2 information (specification 2.0, 3.6)
 * that are of interest to people only. Pure C without globals, tested on the
 * host. GRUB 2.06 hands over no SMBIOS tables, so no names of the machine.
 *
 * Invariant: nothing is read beyond what the lengths around it leave.
 */
#include "boot/firmware.h"

enum { MB2_END = 0, MB2_LOADER = 2 };

struct part {
    const uint8_t *p;
    size_t len;
};

static uint32_t get32(struct part v, size_t off)
{
    uint32_t r = 0;

    if (off > v.len || v.len - off < 4)
        return 0;
    for (unsigned i = 0; i < 4; i++)
        r |= (uint32_t)v.p[off + i] << (8 * i);
    return r;
}

static const char *text_at(struct part v, size_t off)
{
    for (size_t i = off; i < v.len; i++) {
        if (!v.p[i])
            return (const char *)v.p + off;
        if (v.p[i] < ' ' || v.p[i] > '~')
            break;
    }
    return "";
}

static void take_tag(struct firmware *fw, uint32_t type, struct part tag)
{
    if (type == MB2_LOADER)
        fw->loader = text_at(tag, 8);
}

void firmware_parse(struct firmware *fw, const void *buf, size_t len)
{
    struct part all = {buf, len};

    *fw = (struct firmware){""};
    all.len = MIN(len, (size_t)get32(all, 0));
    for (size_t off = 8; off < all.len && all.len - off >= 8;) {
        uint32_t type = get32(all, off);
        size_t size = get32(all, off + 4);

        if (type == MB2_END || size < 8 || size > all.len - off)
            return;
        take_tag(fw, type, (struct part){all.p + off, size});
        off += (size + 7) & ~(size_t)7;
    }
}
