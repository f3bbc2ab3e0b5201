/* SPDX-License-Identifier: MIT */
/*
 * frame.c: the linear map and the pool of free frames, one bit each.
 *
 * The domain builder maps only the boot area. frame_init() extends that same
 * linear map over all memory with level-1 tables taken from the padding behind
 * the boot stack (ABI fact 2.8: at least 512 KiB), each filled while it is an
 * ordinary page, made read-only, and only then hooked in.
 */
#include "guest/lib/frame.h"

#include "guest/lib/guest.h"

/* 2 GiB lie above GUEST_VIRT_BASE; leave the top alone. */
#define MAX_PFNS  0x70000u
#define MAP_FLAGS (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

static uint64_t *p2m;
static uint64_t nr_pfns;
static uint64_t available;
static uint64_t used[MAX_PFNS / 64]; /* a set bit: not in the pool */
static uint64_t large[MAX_PFNS / BLOCK_FRAMES / 64]; /* mapped by one entry */
static uint64_t cursor;

/* A guest that wants its linear map in 2 MiB entries says so. */
__attribute__((weak)) bool guest_large_map(pfn_t first)
{
    (void)first;
    return false;
}

/* Enough for frame_pfn and frame_va: the console needs them first. */
void frame_early_init(void)
{
    p2m = (uint64_t *)guest_start_info->mfn_list;
    nr_pfns = MIN(guest_start_info->nr_pages, MAX_PFNS);
}

mfn_t frame_mfn(pfn_t pfn)
{
    return mfn_of(p2m[pfn.v]);
}

void frame_set_mfn(pfn_t pfn, mfn_t m)
{
    p2m[pfn.v] = m.v;
}

void frame_set_block(pfn_t first, mfn_t m)
{
    uint64_t *to = &p2m[first.v], step = m.v != MFN_NONE.v;
    for (unsigned i = 0; i < BLOCK_FRAMES; i++)
        to[i] = m.v + i * step;
}

pfn_t frame_pfn(mfn_t mfn)
{
    const uint64_t *m2p = (const uint64_t *)MACH2PHYS_VIRT_START;
    return pfn_of(READ_ONCE(m2p[mfn.v]));
}

void *frame_va(pfn_t pfn)
{
    return (void *)(GUEST_VIRT_BASE + (pfn.v << PAGE_SHIFT));
}

pfn_t frame_pfn_of_va(const void *va)
{
    return pfn_of(((uint64_t)va - GUEST_VIRT_BASE) >> PAGE_SHIFT);
}

uint64_t frame_available(void)
{
    return available;
}

uint64_t frame_count(void)
{
    return nr_pfns;
}

static bool is_used(uint64_t pfn)
{
    return used[pfn / 64] & BIT(pfn % 64);
}

/* What one entry maps can not be a page table, so it is not given out singly.
 */
static bool is_large(uint64_t pfn)
{
    return large[pfn / BLOCK_FRAMES / 64] & BIT(pfn / BLOCK_FRAMES % 64);
}

uint64_t frame_large_blocks(void)
{
    uint64_t n = 0;
    for (uint64_t pfn = 0; pfn < nr_pfns; pfn += BLOCK_FRAMES)
        n += is_large(pfn);
    return n;
}

static void take(uint64_t pfn)
{
    used[pfn / 64] |= BIT(pfn % 64);
    available--;
}

pfn_t frame_try_alloc(void)
{
    for (uint64_t n = 0; n < nr_pfns; n++) {
        uint64_t pfn = cursor;
        cursor = cursor + 1 < nr_pfns ? cursor + 1 : 0;
        if (is_used(pfn) || is_large(pfn))
            continue;
        take(pfn);
        memset(frame_va(pfn_of(pfn)), 0, PAGE_SIZE);
        return pfn_of(pfn);
    }
    return PFN_NONE;
}

pfn_t frame_alloc(void)
{
    pfn_t pfn = frame_try_alloc();
    if (pfn.v == PFN_NONE.v)
        report_end(REPORT_ERROR, "the guest is out of memory");
    return pfn;
}

void frame_free(pfn_t pfn)
{
    ASSERT(pfn.v < nr_pfns && is_used(pfn.v));
    used[pfn.v / 64] &= ~BIT(pfn.v % 64);
    available++;
}

static bool block_is_free(uint64_t first)
{
    for (uint64_t i = 0; i < BLOCK_FRAMES / 64; i++)
        if (used[first / 64 + i])
            return false;
    return true;
}

/* From the top, where single frames are given out last. */
pfn_t frame_block_alloc(void)
{
    for (uint64_t block = nr_pfns / BLOCK_FRAMES; block-- > 0;) {
        uint64_t first = block * BLOCK_FRAMES;
        if (!block_is_free(first))
            continue;
        for (uint64_t i = 0; i < BLOCK_FRAMES; i++)
            take(first + i);
        return pfn_of(first);
    }
    return PFN_NONE;
}

void frame_block_free(pfn_t pfn)
{
    for (uint64_t i = 0; i < BLOCK_FRAMES; i++)
        frame_free(pfn_of(pfn.v + i));
}

static void set_linear(pfn_t pfn, uint64_t flags)
{
    pte_t e = flags ? pte_make(frame_mfn(pfn), flags) : pte_of(0);
    int64_t rc =
        hc_update_va_mapping((uint64_t)frame_va(pfn), e.v, UVMF_INVLPG);
    if (!rc)
        return;
    printk("linear map of pfn %#lx: entry %#lx: %ld\n", pfn.v, e.v, rc);
    report_end(REPORT_FAILURE, "a change of the guest's linear map is refused");
}

void frame_make_ro(pfn_t pfn)
{
    set_linear(pfn, MAP_FLAGS & ~PTE_RW);
}

void frame_make_rw(pfn_t pfn)
{
    set_linear(pfn, MAP_FLAGS);
}

void frame_unmap(pfn_t pfn)
{
    set_linear(pfn, 0);
}

/* Hook a new table under the entry of the given level that covers va. */
static void hook(uint64_t va, unsigned level, pfn_t table)
{
    frame_make_ro(table);
    maddr_t at = pt_entry_maddr(pt_root(), va, level);
    int64_t rc = pt_update(at, pte_make(frame_mfn(table), MAP_FLAGS));
    if (!rc)
        return;
    printk("new table under level %u for %#lx: %ld\n", level, va, rc);
    report_end(REPORT_FAILURE, "cannot extend the guest's linear map");
}

/* Where it is wanted, whole and allowed; else 4 KiB entries do as well. */
static bool map_large(uint64_t first)
{
    uint64_t va = (uint64_t)frame_va(pfn_of(first));
    mfn_t m = frame_mfn(pfn_of(first));
    if (!guest_large_map(pfn_of(first)) || first + BLOCK_FRAMES > nr_pfns)
        return false;
    for (uint64_t i = 0; i < BLOCK_FRAMES; i++)
        if (frame_mfn(pfn_of(first + i)).v != m.v + i)
            return false;
    if (pt_update(pt_entry_maddr(pt_root(), va, 2),
                  pte_make(m, MAP_FLAGS | PTE_PSE)))
        return false;
    large[first / BLOCK_FRAMES / 64] |= BIT(first / BLOCK_FRAMES % 64);
    return true;
}

static void map_block(uint64_t first, uint64_t *next_free)
{
    uint64_t va = (uint64_t)frame_va(pfn_of(first));
    if (!pt_entry(pt_root(), va, 2)) {
        pfn_t l2 = pfn_of((*next_free)++);
        memset(frame_va(l2), 0, PAGE_SIZE);
        hook(va, 3, l2);
    }
    if (pt_entry(pt_root(), va, 1) || map_large(first))
        return;
    pfn_t l1 = pfn_of((*next_free)++);
    pte_t *e = frame_va(l1);
    for (uint64_t i = 0; i < BLOCK_FRAMES; i++) {
        bool hole = first + i >= nr_pfns ||
                    frame_mfn(pfn_of(first + i)).v == MFN_NONE.v;
        e[i] = hole ? pte_of(0)
                    : pte_make(frame_mfn(pfn_of(first + i)), MAP_FLAGS);
    }
    hook(va, 2, l1);
}

/* Behind the boot stack, but never below anything the builder placed. */
static uint64_t first_free_pfn(uint64_t boot_sp)
{
    const struct start_info *si = guest_start_info;
    uint64_t end = boot_sp + PAGE_SIZE - 1;
    end = MAX(end, si->pt_base + si->nr_pt_frames * PAGE_SIZE);
    end = MAX(end, (uint64_t)si + PAGE_SIZE);
    if (si->mfn_list >= GUEST_VIRT_BASE)
        end = MAX(end, si->mfn_list + si->nr_pages * 8 + PAGE_SIZE - 1);
    return (end - GUEST_VIRT_BASE) >> PAGE_SHIFT;
}

void frame_init(uint64_t boot_sp)
{
    uint64_t next_free = first_free_pfn(boot_sp);
    memset(used, 0xff, sizeof(used));
    pt_init();
    for (uint64_t first = 0; first < nr_pfns; first += BLOCK_FRAMES)
        map_block(first, &next_free);
    for (uint64_t pfn = next_free; pfn < nr_pfns; pfn++) {
        if (frame_mfn(pfn_of(pfn)).v != MFN_NONE.v)
            frame_free(pfn_of(pfn));
    }
    cursor = next_free;
}
