/* SPDX-License-Identifier: MIT */
/*
 * pte.h: the x86-64 page-table entry, at every level: the one place where its
 * bits are put together and taken apart (SDM vol. 3, 4.5; APM vol. 2, 5.3).
 */
#pragma once

#include "base.h"

typedef struct {
    uint64_t v;
} pte_t;
_Static_assert(sizeof(pte_t) == 8, "an entry is one machine word");

#define PTE_P            BIT(0) /* present */
#define PTE_RW           BIT(1) /* writable */
#define PTE_US           BIT(2) /* user: PV kernels run at CPL 3 too */
#define PTE_PWT          BIT(3)
#define PTE_PCD          BIT(4)
#define PTE_A            BIT(5) /* accessed */
#define PTE_D            BIT(6) /* dirty */
#define PTE_PSE          BIT(7) /* L2/L3: maps a superpage */
#define PTE_PAT          BIT(7) /* L1: cache attribute */
#define PTE_G            BIT(8) /* global */
#define PTE_AVL          BITS(11, 9)
#define PTE_PSE_PAT      BIT(12) /* L2/L3 with PSE: cache attribute */
#define PTE_AVL_HIGH     BITS(62, 52)
#define PTE_GUEST_KERNEL BIT(52) /* Xen's mark on L1 entries without US */
#define PTE_NX           BIT(63)
#define PTE_ADDR         BITS(51, 12)
/* SDM vol. 3, tables 4-15 to 4-20; M, the physical address width, is 52. */
_Static_assert((PTE_P | PTE_RW | PTE_US | PTE_PWT | PTE_PCD | PTE_A | PTE_D |
                PTE_PSE | PTE_G) == 0x1ff,
               "bits 0 to 8 are the processor's");
_Static_assert(PTE_PAT == PTE_PSE, "bit 7 is PAT at level 1, PS above");
_Static_assert(PTE_AVL == 0xe00, "bits 9 to 11 are ignored");
_Static_assert((0x1ff | PTE_AVL | PTE_ADDR | PTE_AVL_HIGH | PTE_NX) ==
                   ~UINT64_C(0),
               "the fields are complete");
_Static_assert(!(PTE_ADDR & (0x1ff | PTE_AVL | PTE_AVL_HIGH | PTE_NX)) &&
                   !(PTE_AVL_HIGH & PTE_NX),
               "and disjoint");
_Static_assert((PTE_PSE_PAT & PTE_ADDR) == PTE_PSE_PAT,
               "a large leaf's PAT is an address bit");
_Static_assert((PTE_GUEST_KERNEL & PTE_AVL_HIGH) == PTE_GUEST_KERNEL,
               "the mark is a software bit");

#define PT_ENTRIES 512u
#define PT_LEVELS  4
_Static_assert(PT_ENTRIES * sizeof(pte_t) == PAGE_SIZE, "a table is a frame");
_Static_assert(PT_ENTRIES == BLOCK_FRAMES && PT_ENTRIES == REGION_BLOCKS,
               "a table of level 1 maps a block, one of level 2 a region");

static inline pte_t pte_of(uint64_t v)
{
    return (pte_t){v};
}
static inline pte_t pte_make(mfn_t m, uint64_t flags)
{
    return pte_of((m.v << PAGE_SHIFT & PTE_ADDR) | flags);
}
static inline mfn_t pte_mfn(pte_t e)
{
    return mfn_of((e.v & PTE_ADDR) >> PAGE_SHIFT);
}
static inline uint64_t pte_flags(pte_t e)
{
    return e.v & ~PTE_ADDR;
}
static inline bool pte_has(pte_t e, uint64_t flags)
{
    return (e.v & flags) == flags;
}
static inline bool pte_present(pte_t e)
{
    return e.v & PTE_P;
}

/* Index of va in a table of the given level (1..4). */
static inline unsigned pt_index(uint64_t va, unsigned level)
{
    return (unsigned)(va >> (PAGE_SHIFT + 9 * (level - 1))) & (PT_ENTRIES - 1);
}

/* What an entry leads to. */
enum pt_step {
    PT_STEP_NONE,  /* nowhere */
    PT_STEP_LEAF,  /* to memory: a page, or a superpage */
    PT_STEP_TABLE, /* to the table one level down */
};

/*
 * One step of a walk: reads the entry for va, of a table of this level;
 * without the flags that it needs, PTE_P among them, it leads nowhere. There is
 * no leaf at level 4, whatever bit 7 says (SDM vol. 3, table 4-15). To a table
 * it takes one test, for walks are on the fast path of update_va_mapping.
 */
static always_inline enum pt_step pt_step(const pte_t *table, uint64_t va,
                                          unsigned level, uint64_t needs,
                                          pte_t *e)
{
    const uint64_t large = level < PT_LEVELS ? PTE_PSE : 0;

    e->v = PEEK(table[pt_index(va, level)].v);
    if (level > 1 && (e->v & (needs | large)) == needs)
        return PT_STEP_TABLE;
    return pte_has(*e, needs) ? PT_STEP_LEAF : PT_STEP_NONE;
}

/* Slots of every L4 that belong to the hypervisor (ABI fact 2.7). */
#define L4_HV_FIRST 256u
#define L4_HV_LAST  271u
#define HV_VA_START UINT64_C(0xffff800000000000)
#define HV_VA_END   UINT64_C(0xffff880000000000) /* exclusive */
_Static_assert(HV_VA_START ==
                   (~UINT64_C(0) << 48 | (uint64_t)L4_HV_FIRST << 39),
               "where the first of the slots begins");
_Static_assert(HV_VA_END ==
                   (~UINT64_C(0) << 48 | (uint64_t)(L4_HV_LAST + 1) << 39),
               "and the last one ends");

static inline bool l4_slot_is_hv(unsigned slot)
{
    return slot >= L4_HV_FIRST && slot <= L4_HV_LAST;
}
static inline bool va_is_hv(uint64_t va)
{
    return va >= HV_VA_START && va < HV_VA_END;
}
