/* SPDX-License-Identifier: MIT */
/*
 * mtrr.h: does the firmware have all RAM cached, and on each processor the
 * same? Pure, but for reading and writing them: the host tests it.
 */
#pragma once

#include "boot/bootinfo.h"

enum { MTRR_PAIRS = 32, MTRR_FIXED = 11 };

struct mtrrs {
    bool there;   /* else nobody's type is narrower than a page's */
    uint64_t def; /* IA32_MTRR_DEF_TYPE */
    uint64_t top; /* where addresses end */
    unsigned pairs;
    uint64_t base[MTRR_PAIRS], mask[MTRR_PAIRS];
    uint64_t fixed[MTRR_FIXED]; /* of the first MiB */
    uint64_t wb_end; /* AMD's: RAM from 4 GiB to here is cached; 0: no word */
};

/* This CPU's, of so many address bits. */
void mtrr_read(struct mtrrs *m, unsigned phys_bits);
/*
 * Writes what another CPU had, on one whose MTRRs its own firmware or INIT has
 * left otherwise. It has no more to do yet, and takes no interrupts.
 */
void mtrr_write(const struct mtrrs *m);
/* As two CPUs have to agree. */
bool mtrr_same(const struct mtrrs *a, const struct mtrrs *b);

/*
 * Bytes of RAM above 1 MiB that are not cached write-back; where the first of
 * them are. Below, which nobody gets, the fixed ranges say what is.
 */
uint64_t mtrr_uncached(const struct mtrrs *m, const struct bootinfo *bi,
                       uint64_t *first);
