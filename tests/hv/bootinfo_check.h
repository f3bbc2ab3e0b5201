/* SPDX-License-Identifier: MIT */
/* bootinfo_check.h: the promise boot/bootinfo.c makes, for test and fuzzer. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "boot/bootinfo.h"

static inline void must(bool holds)
{
    if (!holds)
        abort();
}

static inline void check_string(const char *s, const uint8_t *buf, size_t len)
{
    const uint8_t *p = (const uint8_t *)s;

    if (p < buf || p >= buf + len) {
        must(!*s); /* only the empty default is not from the buffer */
        return;
    }
    must(memchr(p, 0, (size_t)(buf + len - p)));
}

static inline bool in_ram_range(const struct bootinfo *bi,
                                const struct bootinfo_module *m)
{
    for (unsigned i = 0; i < bi->nr_ranges; i++)
        if (bi->ranges[i].kind == BOOTINFO_RAM &&
            bi->ranges[i].start <= m->start && m->end <= bi->ranges[i].end)
            return true;
    return false;
}

static inline void check_bootinfo(const struct bootinfo *bi, const uint8_t *buf,
                                  size_t len, uint64_t keep_start,
                                  uint64_t keep_end)
{
    must(bi->nr_ranges <= BOOTINFO_RANGES);
    must(bi->nr_modules <= BOOTINFO_MODULES);
    must(bi->nr_notes <= BOOTINFO_NOTES);
    must(bi->rsdp_len <= BOOTINFO_RSDP);
    for (unsigned i = 0; i < bi->nr_ranges; i++) {
        must(bi->ranges[i].start < bi->ranges[i].end);
        must(bi->ranges[i].end <= BIT(52));
        must(!i || bi->ranges[i - 1].end <= bi->ranges[i].start);
    }
    for (unsigned i = 0; i < bi->nr_modules; i++) {
        const struct bootinfo_module *m = &bi->modules[i];

        must(m->start < m->end && in_ram_range(bi, m));
        must(m->end <= keep_start || m->start >= keep_end);
        for (unsigned j = 0; j < i; j++)
            must(m->end <= bi->modules[j].start ||
                 m->start >= bi->modules[j].end);
        check_string(m->cmdline, buf, len);
    }
    check_string(bi->cmdline, buf, len);
    check_string(bi->loader, buf, len);
}
