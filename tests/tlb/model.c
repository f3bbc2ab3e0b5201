/* SPDX-License-Identifier: MIT */
/*
 * model.c: sizes as the manufacturers publish them, and where they do not, what
 * is said here to be chosen. Replacement is by last use everywhere; neither
 * manufacturer says what it is.
 *
 * Skylake: Intel 64 and IA-32 Architectures Optimization Reference Manual
 * (248966-045, table 2-15, "TLB Parameters of the Skylake Client
 * Microarchitecture"). 1 GiB pages of code have no array there.
 * Paging-structure caches: that there are such the SDM says (vol. 3, 4.10.3),
 * how large they are nobody at Intel does; 32, 8 and 4 entries are what the
 * simulator ChampSim takes for the levels 2, 3 and 4.
 *
 * Zen 2: Software Optimization Guide for AMD Family 17h Models 30h and Greater
 * (publication 56305), "L1 and L2 Translation Lookaside Buffers" and "Hardware
 * Page Table Walkers": the data side's second level also holds entries of level
 * 2, a page directory cache of 64 entries those of level 3 and 4. That four 4
 * KiB pages in a row may share an entry is not modelled.
 *
 * Nested paging: neither says how many of the host's translations are held for
 * walks. 64, and as many of its tables' entries as of the guest's, is more than
 * the literature has (Bhargava and others, "Accelerating Two-Dimensional Page
 * Walks for Virtualized Systems", ASPLOS 2008), so in favour of nested paging.
 */
#include "tests/tlb/model.h"

#define NESTED_TLB                                                             \
    {                                                                          \
        1, 64                                                                  \
    }
#define INTEL_PSC                                                              \
    {                                                                          \
        .level = { [2] = {4, 8}, [3] = {2, 4}, [4] = {1, 4} }                  \
    }
#define AMD_PDC .level[3] = {1, 64}, .upper_is_one = true

const struct mmu_family families[FAMILIES] = {
    [FAMILY_SKYLAKE] =
        {
            .name = "skylake",
            .l1[SIDE_CODE] = {{{{16, 8}, TLB_4K}, {{1, 8}, TLB_2M}}},
            .l1[SIDE_DATA] = {{{{16, 4}, TLB_4K},
                               {{8, 4}, TLB_2M},
                               {{1, 4}, TLB_1G}}},
            .l2[SIDE_DATA] = {{{{128, 12}, TLB_4K | TLB_2M}, {{4, 4}, TLB_1G}}},
            .l2_is_one = true,
            .psc = INTEL_PSC,
            .nested = {NESTED_TLB, INTEL_PSC},
        },
    [FAMILY_ZEN2] =
        {
            .name = "zen2",
            .l1[SIDE_CODE] = {{{{1, 64}, TLB_4K | TLB_2M | TLB_1G}}},
            .l1[SIDE_DATA] = {{{{1, 64}, TLB_4K | TLB_2M | TLB_1G}}},
            .l2[SIDE_CODE] = {{{{64, 8}, TLB_4K | TLB_2M}}},
            .l2[SIDE_DATA] = {{{{128, 16}, TLB_4K | TLB_2M}}},
            .l2_has_pdes = true,
            .psc = {AMD_PDC},
            .nested = {NESTED_TLB, {AMD_PDC, .level[2] = {1, 64}}},
        },
};

struct mmu_setup model_setup(unsigned model)
{
    static const enum page_size host[PAGINGS] = {[1] = PAGE_4K, [2] = PAGE_2M};
    const unsigned paging = model % PAGINGS;

    return (struct mmu_setup){.family = &families[model / PAGINGS],
                              .nested = paging > 0,
                              .host = host[paging]};
}

const char *model_paging(unsigned model)
{
    static const char *const name[PAGINGS] = {"direct", "nested-4k",
                                              "nested-2m"};

    return name[model % PAGINGS];
}
