/* SPDX-License-Identifier: MIT */
/*
 * model.h: the families of processors that are simulated, and with which
 * paging.
 */
#pragma once

#include "tests/tlb/mmu.h"

enum { FAMILY_SKYLAKE, FAMILY_ZEN2, FAMILIES };
extern const struct mmu_family families[FAMILIES];

/* Each family with direct paging, and nested with two sizes of host pages. */
#define PAGINGS 3u
#define MODELS  (FAMILIES * PAGINGS)
struct mmu_setup model_setup(unsigned model);
const char *model_paging(unsigned model);
