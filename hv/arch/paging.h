/* SPDX-License-Identifier: MIT */
/* paging.h: the hypervisor's own page tables (layout.h draws the map). */
#pragma once

#include "base.h"
#include "boot/bootinfo.h"
#include "hv/arch/layout.h"
#include "pte.h"

#define L4_HV_COUNT (L4_HV_LAST - L4_HV_FIRST + 1)

/* The entries of slots 256 to 271: every guest L4 gets exactly these. */
extern pte_t paging_l4_template[L4_HV_COUNT];

/* The hypervisor's own L4, used while no guest's is. */
maddr_t paging_own_cr3(void);

/*
 * Builds the direct map of the RAM in bi, the image (W^X) and the windows,
 * and switches to them. The M2P is built by paging_init_m2p() afterwards.
 */
void paging_init(const struct bootinfo *bi);
void paging_init_m2p(const struct bootinfo *bi);

/*
 * The entry that maps va, in the window slot, for whoever changes it again and
 * again and sees to it that no CPU has the old translation; those of the same
 * 2 MiB are beside it. NULL: no memory for a table.
 */
pte_t *paging_window_entry(vaddr_t va);
/*
 * Makes va, in the window slot, map mfn with flags (present, NX and so on as
 * in pte.h), and invalidates the old translation here.
 */
enum err paging_map_window(vaddr_t va, mfn_t mfn, uint64_t flags);

/* Device memory, uncached, for ever; NULL: no room, or hv/arch/device.h has a
 * word against it, which is said. */
void *paging_map_mmio(maddr_t start, uint64_t size);
/* The same, but what is stored may be put together: for a framebuffer. */
void *paging_map_video(maddr_t start, uint64_t size);

/* Memory types as PAT numbers them. */
enum paging_type {
    PAGING_UC = 0,
    PAGING_WC = 1,
    PAGING_WT = 4,
    PAGING_WP = 5,
    PAGING_WB = 6,
    PAGING_UC_MINUS = 7,
    PAGING_NONE = 8, /* nothing is mapped there */
};
/* As the tables and the processor really have it. */
enum paging_type paging_type_at(const volatile void *p);

/* The frame behind an address of the hypervisor's; MFN_NONE: no small page. */
mfn_t paging_frame_at(const void *p);

/* Takes away one page of the image: what lies below a stack. */
void paging_guard(const void *page);

/* Frames the M2P has room for; those of a 1 GiB without RAM fault. */
uint64_t paging_m2p_frames(void);
/* The first frame behind 2 MiB of the table, MFN_NONE where there is none. */
mfn_t paging_m2p_chunk(uint64_t index);
