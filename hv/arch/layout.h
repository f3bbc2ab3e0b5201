/* SPDX-License-Identifier: MIT */
/*
 * layout.h: where things live in the hypervisor's part of every address
 * space (L4 slots 256 to 271), and the conversions that follow from it.
 */
#pragma once

#include "base.h"

#define HV_M2P_VA     UINT64_C(0xffff800000000000) /* slot 256, guest reads */
#define HV_WINDOW_VA  UINT64_C(0xffff820000000000) /* slot 260, by CPU id */
#define HV_CPU_VA     UINT64_C(0xffff821000000000) /* hv/arch/cpu_area.c */
#define HV_CPU_STRIDE UINT64_C(0x20000)
#define HV_M2P_RW_VA  UINT64_C(0xffff822000000000) /* the same, writable */
#define HV_MMIO_VA    UINT64_C(0xffff824000000000) /* upper half of 260 */
#define HV_IMAGE_VA   UINT64_C(0xffff82d080000000) /* slot 261 */
#define HV_DIRECT_VA  UINT64_C(0xffff840000000000) /* slots 264 to 271 */
#define HV_DIRECT_MAX (UINT64_C(1) << 42)          /* 8 slots: 4 TiB */
#define HV_LOAD_PA    UINT64_C(0x200000)

/* A window has a table of its own: hv/arch/isolate.c. */
#define HV_WINDOW_STRIDE BLOCK_SIZE

/* What the boot tables map of the direct map until paging_init(). */
#define HV_BOOT_LIMIT (UINT64_C(1) << 32)

extern char hv_text_start[], hv_text_end[], hv_rodata_start[], hv_rodata_end[];
extern char hv_data_start[], hv_data_end[];

/* The direct map: valid for RAM below HV_DIRECT_MAX. */
static inline void *direct_of_maddr(maddr_t a)
{
    return (void *)(HV_DIRECT_VA + a.v);
}

static inline maddr_t maddr_of_direct(const void *p)
{
    return maddr_of((uint64_t)p - HV_DIRECT_VA);
}

static inline void *direct_of_mfn(mfn_t m)
{
    return direct_of_maddr(maddr_of_mfn(m));
}

/* Objects inside the hypervisor image. */
static inline maddr_t maddr_of_image(const void *p)
{
    return maddr_of((uint64_t)p - HV_IMAGE_VA + HV_LOAD_PA);
}
