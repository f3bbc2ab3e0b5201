/* SPDX-License-Identifier: MIT */
/*
 * cpu_area.c: at HV_CPU_VA each CPU has HV_CPU_STRIDE bytes of addresses, by
 * its id: its stacks as hv/arch/stacks.h has them, struct percpu and TSS, the
 * reserved page of its GDT. Invariant: whatever else is there is not mapped, so
 * that no stack runs into anything.
 */
#include "hv/arch/cpu_area.h"

#include "hv/arch/early.h"
#include "hv/arch/layout.h"
#include "hv/arch/paging.h"
#include "hv/arch/stacks.h"
#include "hv/base/string.h"

#define MAP_DATA (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_G | PTE_NX)

enum { PAGE_OWN = STACKS_PAGES, PAGE_GDT, PAGES };
_Static_assert(PAGES *PAGE_SIZE <= HV_CPU_STRIDE, "they fit");

static uint64_t area_va(unsigned id)
{
    return HV_CPU_VA + (uint64_t)id * HV_CPU_STRIDE;
}

/* The machine address of a new, zeroed page at va; 0: it has no table. */
static maddr_t map_new(uint64_t va)
{
    maddr_t a = early_alloc(PAGE_SIZE, PAGE_SIZE);

    if (paging_map_window(vaddr_of(va), mfn_of_maddr(a), MAP_DATA))
        return maddr_of(0);
    return a;
}

/* Returns where the GDT page is. */
static maddr_t map_all(unsigned id)
{
    maddr_t a = maddr_of(0);

    for (unsigned i = 0; i < PAGES; i++) {
        if (i < STACKS_PAGES && stacks_is_guard(i))
            continue;
        a = map_new(area_va(id) + i * PAGE_SIZE);
        if (!a.v)
            break;
    }
    return a;
}

struct percpu *cpu_area_make(unsigned id, uint32_t apic_id)
{
    const uint64_t va = area_va(id);
    union cpu_page *own = (union cpu_page *)(va + PAGE_OWN * PAGE_SIZE);
    uint64_t *gdt = (uint64_t *)(va + PAGE_GDT * PAGE_SIZE);
    maddr_t gdt_frame = cpu_areas[id] ? cpu_areas[id]->gdt_frame : map_all(id);

    if (!gdt_frame.v)
        return NULL;
    memset(own, 0, sizeof(*own));
    memset(gdt, 0, PAGE_SIZE);
    own->percpu = (struct percpu){
        .self = &own->percpu,
        .tss = &own->tss,
        .gdt_page = gdt,
        .gdt_frame = gdt_frame,
        .stacks = (const uint8_t *)va,
        .id = id,
        .apic_id = apic_id,
    };
    cpu_areas[id] = &own->percpu;
    return cpu_areas[id];
}
