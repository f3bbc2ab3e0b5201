/* SPDX-License-Identifier: MIT */
/*
 * low_page.c: a startup IPI names a page of the first MiB, and none of the 96
 * from a0000h on (SDM vol. 3, 9.4.4: those vectors are reserved). Invariant: it
 * is RAM, whole, and no module's; hv/arch/early.c gives nothing there away, so
 * it is nobody else's ever.
 */
#include "hv/arch/low_page.h"

#define LOW_END 0xa0000u

static bool overlaps_module(const struct bootinfo *bi, uint64_t at)
{
    for (unsigned i = 0; i < bi->nr_modules; i++)
        if (at < bi->modules[i].end && at + PAGE_SIZE > bi->modules[i].start)
            return true;
    return false;
}

static bool is_ram(const struct bootinfo *bi, uint64_t at)
{
    for (unsigned i = 0; i < bi->nr_ranges; i++) {
        const struct bootinfo_range *r = &bi->ranges[i];

        if (r->kind == BOOTINFO_RAM && r->start <= at &&
            at + PAGE_SIZE <= r->end)
            return true;
    }
    return false;
}

/* The highest, for firmware has its own things in the lowest. */
unsigned low_page_find(const struct bootinfo *bi)
{
    unsigned page = LOW_END / PAGE_SIZE - 1;

    while (page && (!is_ram(bi, (uint64_t)page * PAGE_SIZE) ||
                    overlaps_module(bi, (uint64_t)page * PAGE_SIZE)))
        page--;
    return page;
}
