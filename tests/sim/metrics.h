/* SPDX-License-Identifier: MIT */
/*
 * metrics.h: how the free memory of a machine lies, in one number each.
 *
 * T blocks of 2 MiB; H free whole ones; F free frames of 4 KiB, those in whole
 * blocks and those that only one owner may have included; u_i frames in use of
 * fragmented block i; A4 their sum; Uf such blocks; R the reserve, as far as
 * it is whole.
 *
 *   HA      512 H / F                     huge availability
 *   UFSI(j) 1 - free frames in chunks of 2^j or more / F; UFSI(9) = 1 - HA;
 * what Ingens and HawkEye call FMFI FI(9)   Linux's fragmentation_index / 1000:
 * 0 if nothing is free, -1 if a block is, else 1 - (1 + F / 512) / (number of
 * free chunks) HA*     (H - R) / floor((F - 512 R) / 512)   without the
 * declared reserve HA*o    the same if each owner had put its own frames
 * together FO      (Uf - ceil(A4 / 512)) / T      fragment overhead S_d     512
 * Uf_d - A4_d, free frames only owner d may have; sum and most CD      frames
 * to be moved until no block could be emptied into others, the emptiest into
 * the fullest; CDm: out of blocks all of which can move
 */
#pragma once

#include "machine.h"

struct sample {
    double ha, ha_star, ha_owner, ufsi9, ufsi18, fi9, fo;
    double whole, regions, free_percent; /* of the machine's frames */
    double region_part; /* R*: whole GiB, of those that H could be */
    double cd, cdm;     /* frames */
    double stranded, stranded_most;        /* frames */
    double dirty, cut, tables, fragmented; /* blocks */
};
#define SAMPLE_VALUES (sizeof(struct sample) / sizeof(double))

/* False: what is given out and what is free do not make up the machine. */
bool sample_take(struct machine *m, struct sample *out);

struct sums {
    struct sample sum;
    double least_star, most_tables, most_dirty;
    uint64_t n;
};
void sums_add(struct sums *s, const struct sample *x);
struct sample sums_mean(const struct sums *s);

/* As keys of a JSON object: without braces. */
void sample_print(FILE *f, const struct sample *x);
