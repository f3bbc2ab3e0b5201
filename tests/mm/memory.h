/* SPDX-License-Identifier: MIT */
/* memory.h: the machine's memory: zeroed, backed only where it is touched. */
#pragma once

#include "base.h"

uint8_t *host_memory_make(uint64_t frames);
void host_memory_end(uint8_t *memory, uint64_t frames);
