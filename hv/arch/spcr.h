/* SPDX-License-Identifier: MIT */
/*
 * spcr.h: the Serial Port Console Redirection table (Microsoft, 1.08): where
 * firmware has its own console. Pure.
 */
#pragma once

#include "base.h"

struct spcr {
    bool found;  /* a 16550, or what can be used as one */
    bool memory; /* else ports */
    uint64_t base;
    uint8_t stride; /* bytes from one register to the next: 1, 2, 4 */
    uint8_t width;  /* of an access: 1, 2, 4 */
    uint32_t baud;  /* 0: as firmware has left it */
};

/* A whole table whose checksum is right. */
void spcr_parse(const uint8_t *table, uint64_t len, struct spcr *out);
