/* SPDX-License-Identifier: MIT */
/*
 * early.c: a first-fit allocator over the free ranges of the memory map.
 * Invariant: `ranges` is sorted, disjoint and page aligned, and shares no byte
 * with low memory, the hypervisor, a module, or anything handed out.
 */
#include "hv/arch/early.h"

#include "hv/arch/layout.h"
#include "hv/arch/panic.h"
#include "hv/base/cmdline.h"
#include "hv/base/string.h"

/* Below 1 MiB live the BIOS, its data area, and old DMA: left alone. */
#define LOW_END UINT64_C(0x100000)

/* Each module and each alignment may cut one in two. */
enum { EARLY_RANGES = 2 * BOOTINFO_RANGES + BOOTINFO_MODULES + 8 };

static struct early_range {
    uint64_t start, end;
} ranges[EARLY_RANGES];
static unsigned nr_ranges;
static uint64_t limit = HV_BOOT_LIMIT;
static uint64_t ram_end, ram_bytes;
static bool finished;

static uint64_t page_up(uint64_t v)
{
    return (v + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

static uint64_t page_down(uint64_t v)
{
    return v & ~(uint64_t)(PAGE_SIZE - 1);
}

static void insert(unsigned at, uint64_t start, uint64_t end)
{
    if (start >= end)
        return;
    if (nr_ranges == EARLY_RANGES)
        panic("the memory map is in too many pieces");
    memmove(&ranges[at + 1], &ranges[at], (nr_ranges - at) * sizeof(ranges[0]));
    ranges[at] = (struct early_range){start, end};
    nr_ranges++;
}

static void remove_at(unsigned at)
{
    nr_ranges--;
    memmove(&ranges[at], &ranges[at + 1], (nr_ranges - at) * sizeof(ranges[0]));
}

/* Takes [start, end) out of whatever ranges it touches. */
static void carve(uint64_t start, uint64_t end)
{
    start = page_down(start);
    end = page_up(end);
    for (unsigned i = 0; i < nr_ranges;) {
        struct early_range r = ranges[i];

        if (r.end <= start || r.start >= end) {
            i++;
            continue;
        }
        remove_at(i);
        if (r.end > end)
            insert(i, end, r.end);
        if (r.start < start) {
            insert(i, r.start, start);
            i++;
        }
    }
}

void early_init(const struct bootinfo *bi)
{
    for (unsigned i = 0; i < bi->nr_ranges; i++) {
        uint64_t start = page_up(bi->ranges[i].start);
        uint64_t end = page_down(bi->ranges[i].end);

        if (bi->ranges[i].kind != BOOTINFO_RAM || start >= end)
            continue;
        ram_end = end;
        ram_bytes += end - start;
        insert(nr_ranges, start, end);
    }
    carve(0, LOW_END);
    carve(HV_LOAD_PA, maddr_of_image(hv_data_end).v);
    for (unsigned i = 0; i < bi->nr_modules; i++)
        carve(bi->modules[i].start, bi->modules[i].end);
}

void early_lift_limit(void)
{
    limit = HV_DIRECT_MAX;
}

maddr_t early_alloc(uint64_t size, uint64_t align)
{
    ASSERT(!finished && size && align && !(align & (align - 1)));
    size = page_up(size);
    align = MAX(align, (uint64_t)PAGE_SIZE);
    for (unsigned i = 0; i < nr_ranges; i++) {
        uint64_t start = (ranges[i].start + align - 1) & ~(align - 1);
        uint64_t end = MIN(ranges[i].end, limit);

        if (start < ranges[i].start || start > end || end - start < size)
            continue;
        carve(start, start + size);
        memset(direct_of_maddr(maddr_of(start)), 0, size);
        return maddr_of(start);
    }
    unfit("not enough memory for the hypervisor: %lu KiB wanted", size >> 10);
}

void *early_alloc_page(void)
{
    return direct_of_maddr(early_alloc(PAGE_SIZE, PAGE_SIZE));
}

/* Takes bytes away from the end of memory, in pages. */
static void withhold(uint64_t bytes)
{
    while (bytes && nr_ranges) {
        struct early_range *r = &ranges[nr_ranges - 1];
        uint64_t some = MIN(bytes, r->end - r->start);

        r->end -= some;
        bytes -= some;
        if (r->start == r->end)
            nr_ranges--;
    }
}

void early_finish(void (*free_range)(maddr_t, maddr_t, void *), void *ctx)
{
    finished = true;
    withhold(options.reserve << 20);
    for (unsigned i = 0; i < nr_ranges; i++)
        free_range(maddr_of(ranges[i].start), maddr_of(ranges[i].end), ctx);
}

maddr_t early_ram_end(void)
{
    return maddr_of(ram_end);
}

uint64_t early_ram_bytes(void)
{
    return ram_bytes;
}
