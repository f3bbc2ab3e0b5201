/* SPDX-License-Identifier: MIT */
/* hypercall_table.h: all hypercalls, by number. */
#pragma once

#include "hv/call/hypercall.h"

/* As they are called: with six arguments in registers. */
typedef long (*hypercall_fn)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                             uint64_t);
typedef void (*hypercall_any_fn)(void);

extern const hypercall_any_fn hypercall_table[HYPERCALLS];
