/* SPDX-License-Identifier: MIT */
/* plan_check.h: what holds of every plan, said once for test and fuzzer. */
#pragma once

#include "hv/svc/build/plan.h"
#include "pte.h"

static inline bool plan_part_ok(const struct plan *p, const struct plan_part *a,
                                bool mapped)
{
    uint64_t limit = mapped ? p->mapped_pages : p->used_pages;

    if (a->pfn > limit || a->count > limit - a->pfn)
        return false;
    return !mapped || !a->count || a->va == p->virt_base + (a->pfn << 12);
}

static inline bool plan_apart(const struct plan_part *a,
                              const struct plan_part *b)
{
    return a->pfn + a->count <= b->pfn || b->pfn + b->count <= a->pfn;
}

static inline bool plan_all_apart(const struct plan *p,
                                  const struct elf_kernel *k)
{
    const struct plan_part kernel = {.count =
                                         (k->end - k->virt_base + 4095) >> 12};
    const struct plan_part *all[] = {
        &kernel,     &p->initrd, &p->p2m,    &p->start_info, &p->store,
        &p->console, &p->stack,  &p->tables, &p->p2m_tables,
    };

    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        for (size_t j = 0; j < i; j++)
            if (all[i]->count && all[j]->count && !plan_apart(all[i], all[j]))
                return false;
    return true;
}

/* 0, or the number of the promise that is broken. */
static inline int plan_broken(const struct plan *p, const struct elf_kernel *k,
                              uint64_t nr_pages, uint64_t initrd_len)
{
    uint64_t end = p->virt_base + (p->mapped_pages << 12);
    bool elsewhere = k->init_p2m != ELF_ABSENT;

    if (p->used_pages > nr_pages || p->mapped_pages > p->used_pages)
        return 1;
    if (end & ((4u << 20) - 1))
        return 2;
    if (end - (p->stack.va + 4096) < 512u << 10)
        return 3;
    if (!plan_part_ok(p, &p->start_info, true) ||
        !plan_part_ok(p, &p->store, true) ||
        !plan_part_ok(p, &p->console, true) ||
        !plan_part_ok(p, &p->stack, true) || !plan_part_ok(p, &p->tables, true))
        return 4;
    if (!plan_part_ok(p, &p->p2m, !elsewhere) ||
        !plan_part_ok(p, &p->p2m_tables, false) ||
        !plan_part_ok(p, &p->initrd, p->initrd.va != 0))
        return 5;
    if (!plan_all_apart(p, k))
        return 6;
    if (p->initrd.count != (initrd_len + 4095) >> 12)
        return 7;
    if (p->p2m.count < (nr_pages * 8 + 4095) >> 12)
        return 8;
    if (p->tables.count != 1 + plan_count_tables(p->virt_base, end))
        return 9;
    return 0;
}
