/* SPDX-License-Identifier: MIT */
/* rows.h: the operations that are measured, each once a boot. */
#pragma once

#include <stdint.h>

/* Ticks of one, of which `per` were done in a row. */
typedef void rows_tell_t(const char *name, uint64_t ticks, unsigned per);

/* Of several rounds: counted instructions have a least one, cycles vary. */
enum rows_pick { ROWS_LEAST, ROWS_MEDIAN };

/* All of them, in order; a failure is reported. Takes a block of the pool. */
void rows_run(rows_tell_t *to, enum rows_pick which);
