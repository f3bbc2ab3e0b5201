/* SPDX-License-Identifier: MIT */
/* peek.h: random looks, for storm.c: at anything, whatever state it is in. */
#pragma once

#include "base.h"

/* A few, from this seed; false: refused, an answer that none may give. */
bool peek(uint64_t *seed);
/* Nobody is traced any more, and nothing of it is kept. */
bool peek_end(void);
