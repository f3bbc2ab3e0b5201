/* SPDX-License-Identifier: MIT */
/* profiled.h: entry points that count (hv/domain/profile.h), for `profile`. */
#pragma once

#include "hv/arch/idt.h"

/* Once, after the command line is known and before text is read-only. */
void profiled_enable(void);

/* Where to enter then, as entry_syscall and entry_vectors. */
void profiled_syscall(void);
extern const uint64_t profiled_vectors[IDT_VECTORS];
