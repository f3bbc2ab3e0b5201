/* SPDX-License-Identifier: MIT */
/*
 * walk.c: from the root down to the entry that maps a page. Other threads may
 * be writing to the tables: each entry is read once.
 */
#include "tests/tlb/walk.h"

#define HOLE_END BIT(32)

bool ram_offset(const struct ram *ram, maddr_t a, uint64_t *offset)
{
    if (a.v >= ram->below && a.v < HOLE_END)
        return false;
    *offset = a.v < ram->below ? a.v : a.v - HOLE_END + ram->below;
    return *offset < ram->size;
}

static bool read_entry(const struct ram *ram, maddr_t at, pte_t *e)
{
    uint64_t offset;

    if (!ram_offset(ram, at, &offset))
        return false;
    e->v = READ_ONCE(*(const uint64_t *)(const void *)(ram->base + offset));
    return pte_present(*e);
}

static bool is_leaf(pte_t e, unsigned level)
{
    return level == 1 || (level < PT_LEVELS && pte_has(e, PTE_PSE));
}

static bool found(struct walk *w, uint64_t va, pte_t e, unsigned level)
{
    w->size = (enum page_size)(level - 1);
    const uint64_t inside = BIT(page_shift(w->size)) - 1;
    w->to = maddr_of((e.v & PTE_ADDR & ~inside) | (va & inside));
    w->global = pte_has(e, PTE_G);
    return true;
}

bool walk_page(const struct ram *ram, uint64_t cr3, uint64_t va, struct walk *w)
{
    maddr_t table = maddr_of(cr3 & PTE_ADDR);
    pte_t e;

    for (unsigned level = PT_LEVELS; level > 0; level--) {
        w->entry[level] = maddr_of(table.v + 8 * pt_index(va, level));
        if (!read_entry(ram, w->entry[level], &e))
            return false;
        if (is_leaf(e, level))
            return found(w, va, e, level);
        table = maddr_of(e.v & PTE_ADDR);
    }
    return false;
}
