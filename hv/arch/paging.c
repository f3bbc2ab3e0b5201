/* SPDX-License-Identifier: MIT */
/*
 * paging.c: the hypervisor's page tables. Invariants: nothing is writable and
 * executable, also not through the direct map; after paging_init_m2p() the
 * upper-level entries of slots 256 to 271 never change again, so the copies in
 * the guests' L4 tables stay true without anybody updating them.
 */
#include "hv/arch/paging.h"

#include "hv/arch/cpu.h"
#include "hv/arch/device.h"
#include "hv/arch/early.h"
#include "hv/arch/layout.h"
#include "hv/arch/panic.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/base/string.h"

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_A)
#define LEAF_FLAGS  (PTE_P | PTE_A | PTE_D | PTE_G)
#define DATA_FLAGS  (LEAF_FLAGS | PTE_RW | PTE_NX)
#define RO_FLAGS    (LEAF_FLAGS | PTE_NX)
#define MMIO_FLAGS  (DATA_FLAGS | PTE_PCD | PTE_PWT)
#define VIDEO_FLAGS                                                            \
    (DATA_FLAGS | PTE_PAT) /* hv/arch/cpu.c: write-combining                   \
                            */
/* Not global: guests must not keep it, and user-readable (ABI fact 2.7). */
#define M2P_FLAGS (PTE_P | PTE_A | PTE_US | PTE_NX | PTE_PSE)

/* Tables for windows asked for when the early allocator is closed. */
enum { POOL_PAGES = 64 };

/* One 2 MiB page of M2P covers 1 GiB of RAM. */
#define M2P_CHUNK_FRAMES (BLOCK_SIZE / sizeof(uint64_t))

static pte_t own_l4[PT_ENTRIES] aligned_to(4096);
pte_t paging_l4_template[L4_HV_COUNT];

static uint8_t *pool;
static unsigned pool_left;
static uint64_t mmio_next = HV_MMIO_VA;
static uint64_t m2p_frames;

static uint64_t level_size(unsigned level)
{
    return UINT64_C(1) << (PAGE_SHIFT + 9 * (level - 1));
}

static pte_t *new_table(void)
{
    if (!pool)
        return early_alloc_page();
    if (!pool_left)
        return NULL;
    pool_left--;
    return (pte_t *)(void *)(pool + (uint64_t)pool_left * PAGE_SIZE);
}

static pte_t *table_of(pte_t e)
{
    return direct_of_mfn(pte_mfn(e));
}

/* Replaces a large leaf by a table that maps the same. */
static void split(pte_t *e, unsigned level)
{
    pte_t *t = new_table();
    uint64_t step = level_size(level - 1) >> PAGE_SHIFT;
    uint64_t flags = pte_flags(*e);

    ASSERT(t);
    if (level == 2)
        flags &= ~PTE_PSE;
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        t[i] = pte_make(mfn_add(pte_mfn(*e), i * step), flags);
    *e = pte_make(mfn_of_maddr(maddr_of_direct(t)),
                  TABLE_FLAGS | (flags & PTE_US));
}

/* The entry for va at the given level, with tables made on the way. */
static pte_t *entry_at(uint64_t va, unsigned level, uint64_t table_flags)
{
    pte_t *t = own_l4;

    for (unsigned l = PT_LEVELS; l > level; l--) {
        pte_t *e = &t[pt_index(va, l)];

        if (!pte_present(*e)) {
            pte_t *next = new_table();

            if (!next)
                return NULL;
            *e = pte_make(mfn_of_maddr(maddr_of_direct(next)), table_flags);
        } else if (l < PT_LEVELS && pte_has(*e, PTE_PSE)) {
            split(e, l);
        }
        t = table_of(*e);
    }
    return &t[pt_index(va, level)];
}

/*
 * With isolate=on a guest runs on tables that do not lead to all this: the
 * TLB is to forget it with the load of CR3 that takes it away.
 */
static pte_t leaf(uint64_t pa, uint64_t flags)
{
    if (options.isolate)
        flags &= ~PTE_G;
    return pte_make(mfn_of(pa >> PAGE_SHIFT), flags);
}

static void map_page(uint64_t va, uint64_t pa, uint64_t flags)
{
    *entry_at(va, 1, TABLE_FLAGS) = leaf(pa, flags);
}

/* --- direct map -------------------------------------------------------- */

static unsigned largest_level(uint64_t pa, uint64_t end)
{
    unsigned level = cpu_features.page1g ? 3 : 2;

    for (; level > 1; level--)
        if (!(pa & (level_size(level) - 1)) && end - pa >= level_size(level))
            break;
    return level;
}

static void map_direct(uint64_t pa, uint64_t end)
{
    while (pa < end) {
        unsigned level = largest_level(pa, end);
        uint64_t flags = DATA_FLAGS | (level > 1 ? PTE_PSE : 0);

        *entry_at(HV_DIRECT_VA + pa, level, TABLE_FLAGS) = leaf(pa, flags);
        pa += level_size(level);
    }
}

static void map_ram(const struct bootinfo *bi)
{
    for (unsigned i = 0; i < bi->nr_ranges; i++) {
        const struct bootinfo_range *r = &bi->ranges[i];
        uint64_t start = (r->start + PAGE_SIZE - 1) & ~UINT64_C(0xfff);
        uint64_t end = MIN(r->end & ~UINT64_C(0xfff), HV_DIRECT_MAX);

        if (r->kind == BOOTINFO_RAM && start < end)
            map_direct(start, end);
    }
}

/* --- image ------------------------------------------------------------- */

static void map_image_part(const char *start, const char *end, uint64_t flags)
{
    for (const char *p = start; p < end; p += PAGE_SIZE)
        map_page((uint64_t)p, maddr_of_image(p).v, flags);
}

/* The direct map must not be a way around W^X. */
static void protect_alias(const char *start, const char *end)
{
    for (const char *p = start; p < end; p += PAGE_SIZE) {
        maddr_t a = maddr_of_image(p);

        map_page(HV_DIRECT_VA + a.v, a.v, RO_FLAGS);
    }
}

static void map_image(void)
{
    map_image_part(hv_text_start, hv_text_end, LEAF_FLAGS);
    map_image_part(hv_rodata_start, hv_rodata_end, RO_FLAGS);
    map_image_part(hv_data_start, hv_data_end, DATA_FLAGS);
    protect_alias(hv_text_start, hv_rodata_end);
}

void paging_init(const struct bootinfo *bi)
{
    map_ram(bi);
    map_image();
    /* These exist from the start: the template is copied from them. */
    (void)entry_at(HV_WINDOW_VA, 3, TABLE_FLAGS);
    x86_write_cr3(paging_own_cr3().v);
    early_lift_limit();
}

maddr_t paging_own_cr3(void)
{
    return maddr_of_image(own_l4);
}

void paging_guard(const void *page)
{
    pte_t *e = entry_at((uint64_t)page, 1, TABLE_FLAGS);

    *e = pte_of(0);
    x86_invlpg((uint64_t)page);
}

/* --- windows ----------------------------------------------------------- */

pte_t *paging_window_entry(vaddr_t va)
{
    if (pt_index(va.v, 4) != pt_index(HV_WINDOW_VA, 4))
        return NULL;
    return entry_at(va.v, 1, TABLE_FLAGS);
}

enum err paging_map_window(vaddr_t va, mfn_t mfn, uint64_t flags)
{
    pte_t *e = paging_window_entry(va);

    if (!e)
        return ERR_NOMEM;
    *e = leaf(maddr_of_mfn(mfn).v, flags);
    x86_invlpg(va.v);
    return ERR_NONE;
}

static bool believed(maddr_t start, uint64_t size)
{
    const char *why = device_problem(start.v, size);

    if (why)
        log_say("a device is said to be at %lx: not believed, it has %s",
                start.v, why);
    return !why;
}

static void *map_device(maddr_t start, uint64_t size, uint64_t flags)
{
    uint64_t off = start.v & (PAGE_SIZE - 1);
    uint64_t pages = (off + size + PAGE_SIZE - 1) >> PAGE_SHIFT;
    uint64_t va = mmio_next;

    if (!believed(start, size))
        return NULL;
    for (uint64_t i = 0; i < pages; i++)
        if (paging_map_window(vaddr_of(va + i * PAGE_SIZE),
                              mfn_add(mfn_of_maddr(start), i), flags))
            return NULL;
    mmio_next += pages * PAGE_SIZE;
    return (void *)(va + off);
}

void *paging_map_mmio(maddr_t start, uint64_t size)
{
    return map_device(start, size, MMIO_FLAGS);
}

void *paging_map_video(maddr_t start, uint64_t size)
{
    return map_device(start, size, VIDEO_FLAGS);
}

/* What maps it, not present if nothing does, and at which level. */
static pte_t leaf_at(uint64_t va, unsigned *level)
{
    enum pt_step to = PT_STEP_TABLE;
    const pte_t *t = own_l4;
    pte_t e = pte_of(0);

    for (*level = PT_LEVELS + 1; to == PT_STEP_TABLE; t = table_of(e))
        to = pt_step(t, va, --*level, PTE_P, &e);
    return to == PT_STEP_NONE ? pte_of(0) : e;
}

mfn_t paging_frame_at(const void *p)
{
    unsigned level;
    const pte_t e = leaf_at((uint64_t)p, &level);

    return pte_present(e) && level == 1 ? pte_mfn(e) : MFN_NONE;
}

/* The index into PAT is three bits of the leaf (SDM vol. 3, 12.12.3). */
enum paging_type paging_type_at(const volatile void *p)
{
    unsigned level, index;
    const pte_t e = leaf_at((uint64_t)p, &level);

    if (!pte_present(e))
        return PAGING_NONE;
    index = (unsigned)(e.v >> 3 & 3);
    if (pte_has(e, level == 1 ? PTE_PAT : PTE_PSE_PAT))
        index |= 4;
    return (enum paging_type)(x86_rdmsr(MSR_PAT) >> 8 * index & 7);
}

/* --- M2P --------------------------------------------------------------- */

static void add_m2p_chunk(uint64_t index)
{
    uint64_t va = HV_M2P_VA + index * BLOCK_SIZE;
    pte_t *e = entry_at(va, 2, TABLE_FLAGS | PTE_US);
    maddr_t chunk;

    if (pte_present(*e))
        return;
    chunk = early_alloc(BLOCK_SIZE, BLOCK_SIZE);
    memset(direct_of_maddr(chunk), 0xff, BLOCK_SIZE); /* no pfn yet */
    *e = pte_make(mfn_of_maddr(chunk), M2P_FLAGS);
    e = entry_at(HV_M2P_RW_VA + index * BLOCK_SIZE, 2, TABLE_FLAGS);
    *e = leaf(chunk.v, DATA_FLAGS | PTE_PSE);
}

void paging_init_m2p(const struct bootinfo *bi)
{
    const uint64_t chunk_bytes = M2P_CHUNK_FRAMES * PAGE_SIZE;

    for (unsigned i = 0; i < bi->nr_ranges; i++) {
        const struct bootinfo_range *r = &bi->ranges[i];
        uint64_t end = MIN(r->end, HV_DIRECT_MAX);

        if (r->kind != BOOTINFO_RAM)
            continue;
        for (uint64_t c = r->start / chunk_bytes; c * chunk_bytes < end; c++)
            add_m2p_chunk(c);
    }
    m2p_frames = early_ram_end().v >> PAGE_SHIFT;
    memcpy(paging_l4_template, &own_l4[L4_HV_FIRST],
           sizeof(paging_l4_template));
    pool_left = POOL_PAGES;
    pool = direct_of_maddr(early_alloc(POOL_PAGES * PAGE_SIZE, PAGE_SIZE));
}

mfn_t paging_m2p_chunk(uint64_t index)
{
    uint64_t va = HV_M2P_VA + index * BLOCK_SIZE;
    enum pt_step to = PT_STEP_TABLE;
    const pte_t *table = own_l4;
    pte_t e;

    for (unsigned level = PT_LEVELS; to == PT_STEP_TABLE; level--) {
        to = pt_step(table, va, level, PTE_P, &e);
        table = table_of(e);
    }
    return to == PT_STEP_LEAF ? pte_mfn(e) : MFN_NONE;
}

uint64_t paging_m2p_frames(void)
{
    return m2p_frames;
}
