/* SPDX-License-Identifier: MIT */
/*
 * boot_window.c: below HV_BOOT_LIMIT the boot tables (boot/header.asm) map
 * everything where the direct map will be. What is above gets some of the
 * GiB behind that, by one more table in 2 MiB pages, read-only.
 *
 * Invariant: what was mapped stays as it is. A block that is wanted again is
 * found where it is, so 512 are enough for any honest firmware, and all that
 * another gets.
 */
#include "hv/arch/boot_window.h"

#include "hv/arch/cpu.h"
#include "hv/arch/layout.h"
#include "pte.h"

extern uint64_t
    boot_tables[]; /* boot/header.asm: L4, then L3 of the low part */

#define WINDOW_L3    (PT_ENTRIES + (HV_BOOT_LIMIT >> 30)) /* the entry behind */
#define WINDOW_FLAGS (PTE_P | PTE_A | PTE_PSE | PTE_NX)

static uint64_t table[PT_ENTRIES] aligned_to(4096);
static unsigned used;

static bool is_mapped_at(unsigned i, uint64_t first, uint64_t blocks)
{
    for (uint64_t k = 0; k < blocks; k++)
        if (table[i + k] != ((first + k) << BLOCK_SHIFT | WINDOW_FLAGS))
            return false;
    return true;
}

/* The place of as many blocks in a row; PT_ENTRIES: no room. */
static unsigned place_of(uint64_t first, uint64_t blocks)
{
    unsigned at = used;

    if (blocks > PT_ENTRIES)
        return PT_ENTRIES;
    for (unsigned i = 0; i + blocks <= used; i++)
        if (is_mapped_at(i, first, blocks))
            return i;
    if (blocks > PT_ENTRIES - used)
        return PT_ENTRIES;
    for (uint64_t k = 0; k < blocks; k++)
        table[used++] = (first + k) << BLOCK_SHIFT | WINDOW_FLAGS;
    return at;
}

const uint8_t *boot_window(uint64_t pa, uint64_t len)
{
    const uint64_t limit = BIT(cpu_features.phys_bits);
    unsigned at;

    if (!len || pa >= limit || len > limit - pa)
        return NULL;
    if (pa < HV_BOOT_LIMIT && len <= HV_BOOT_LIMIT - pa)
        return direct_of_maddr(maddr_of(pa));
    at = place_of(pa >> BLOCK_SHIFT,
                  ((pa + len - 1) >> BLOCK_SHIFT) - (pa >> BLOCK_SHIFT) + 1);
    if (at == PT_ENTRIES)
        return NULL;
    boot_tables[WINDOW_L3] = maddr_of_image(table).v | PTE_P | PTE_RW | PTE_A;
    return direct_of_maddr(
        maddr_of(HV_BOOT_LIMIT + at * BLOCK_SIZE + (pa & (BLOCK_SIZE - 1))));
}
