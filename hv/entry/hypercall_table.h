/* SPDX-License-Identifier: MIT */
/* hypercall_table.h: all hypercalls, by number. */
#pragma once

#include "hv/call/hypercall.h"

extern hypercall_fn *const hypercall_table[HYPERCALLS];
