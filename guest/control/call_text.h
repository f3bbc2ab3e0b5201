/* SPDX-License-Identifier: MIT */
/* call_text.h: a hypercall as a line of text. Pure. */
#pragma once

#include "flagstone/control.h"

#define CALL_TEXT 320

/*
 * "1.234567 v0 mmu_update(ffff..., 1, 0, 7ff0) = 0": seconds, vCPU, arguments
 * in hexadecimal, the result or the name of its error. Lines of a terminal:
 * where it has more than 80 columns it goes on below.
 */
void call_text(char out[CALL_TEXT], const struct flagstone_call *c);
