/* SPDX-License-Identifier: MIT */
/*
 * scene.c: tables of levels 3 to 1 at 0x2000 to 0x4000 serve all addresses.
 */
#include "tests/tlb/scene.h"

#include <string.h>

uint8_t scene_bytes[SCENE_RAM] aligned_to(PAGE_SIZE);
const struct ram scene_ram = {scene_bytes, SCENE_RAM, SCENE_RAM};

void scene_clear(void)
{
    memset(scene_bytes, 0, sizeof(scene_bytes));
}

void scene_set(uint64_t table, unsigned level, uint64_t va, uint64_t entry)
{
    memcpy(&scene_bytes[table + 8 * pt_index(va, level)], &entry, 8);
}

void scene_map(uint64_t va, enum page_size size, uint64_t to, uint64_t flags)
{
    uint64_t table = SCENE_ROOT;

    for (unsigned level = PT_LEVELS; level > page_level(size); level--) {
        scene_set(table, level, va, (table + PAGE_SIZE) | PTE_P | PTE_RW);
        table += PAGE_SIZE;
    }
    scene_set(table, page_level(size), va,
              to | PTE_P | flags | (size == PAGE_4K ? 0 : PTE_PSE));
}
