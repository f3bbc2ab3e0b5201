/* SPDX-License-Identifier: MIT */
/*
 * What the files that tests/hv/fuzz_emulate.c runs call when a vCPU is made,
 * switched, saved or given a context: nothing that a guest's instruction leads
 * to. Without their prototypes, for they are never called.
 */
#include <stdlib.h>

#define NEVER(name)                                                            \
    void never_##name(void) __asm__(#name);                                    \
    void never_##name(void)                                                    \
    {                                                                          \
        abort();                                                               \
    }

NEVER(alloc_hv_get)
NEVER(alloc_hv_put)
NEVER(cpu_load_ldt)
NEVER(mmu_new_user_baseptr)
NEVER(paging_own_cr3)
NEVER(panic)
NEVER(profile_alloc)
NEVER(profile_free)
NEVER(profile_leave)
NEVER(seg_load)
NEVER(seg_set_gdt)
NEVER(seg_set_ldt)
NEVER(selector_load)
NEVER(selector_save)
NEVER(port_lock_wait)
NEVER(tlb_enter)
NEVER(tlb_entered)
NEVER(tlb_flush_all)
NEVER(tlb_forget)
NEVER(tlb_rest)
NEVER(tlb_rests)
NEVER(tlb_resume)
