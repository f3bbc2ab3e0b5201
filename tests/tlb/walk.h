/* SPDX-License-Identifier: MIT */
/*
 * walk.h: four-level page tables in the RAM of a machine, walked as a processor
 * does. Nothing is written: the accessed and dirty bits stay what they are.
 */
#pragma once

#include "pte.h"

enum page_size { PAGE_4K, PAGE_2M, PAGE_1G, PAGE_SIZES };

static inline unsigned page_shift(enum page_size size)
{
    return PAGE_SHIFT + 9 * (unsigned)size;
}
/* The level whose entry maps such a page. */
static inline unsigned page_level(enum page_size size)
{
    return (unsigned)size + 1;
}

/* What QEMU keeps in its file: RAM below the hole at 4 GiB, then that above. */
struct ram {
    const uint8_t *base;
    uint64_t size, below; /* bytes, of these those below the hole */
};

/* The place in the file; false: there is no RAM at this address. */
bool ram_offset(const struct ram *ram, maddr_t a, uint64_t *offset);

struct walk {
    maddr_t entry[PT_LEVELS + 1]; /* by level: which entries are read */
    maddr_t to;                   /* what va is there */
    enum page_size size;
    bool global;
};

/* false: the address is not mapped, or a table is not in RAM. */
bool walk_page(const struct ram *ram, uint64_t cr3, uint64_t va,
               struct walk *w);
