/* SPDX-License-Identifier: MIT */
/* bootinfo_check.h: the promise boot/bootinfo.c makes, for test and fuzzer. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "boot/bootinfo.h"

#define MUST(e)                                                                \
    do {                                                                       \
        if (!(e))                                                              \
            abort();                                                           \
    } while (0)

static inline void check_string(const char *s, const uint8_t *buf, size_t len)
{
    const uint8_t *p = (const uint8_t *)s;

    if (p < buf || p >= buf + len) {
        MUST(!*s); /* only the empty default is not from the buffer */
        return;
    }
    MUST(memchr(p, 0, (size_t)(buf + len - p)));
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
    MUST(bi->nr_ranges <= BOOTINFO_RANGES);
    MUST(bi->nr_modules <= BOOTINFO_MODULES);
    MUST(bi->nr_notes <= BOOTINFO_NOTES);
    MUST(bi->rsdp_len <= BOOTINFO_RSDP);
    for (unsigned i = 0; i < bi->nr_ranges; i++) {
        MUST(bi->ranges[i].start < bi->ranges[i].end);
        MUST(bi->ranges[i].end <= BIT(52));
        MUST(!i || bi->ranges[i - 1].end <= bi->ranges[i].start);
    }
    for (unsigned i = 0; i < bi->nr_modules; i++) {
        const struct bootinfo_module *m = &bi->modules[i];

        MUST(m->start < m->end && in_ram_range(bi, m));
        MUST(m->end <= keep_start || m->start >= keep_end);
        for (unsigned j = 0; j < i; j++)
            MUST(m->end <= bi->modules[j].start ||
                 m->start >= bi->modules[j].end);
        check_string(m->cmdline, buf, len);
    }
    check_string(bi->cmdline, buf, len);
}
