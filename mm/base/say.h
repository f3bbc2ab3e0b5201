/* SPDX-License-Identifier: MIT */
/*
 * say.h: just enough formatting for the audit to name what it found, with no
 * library: %lx and %lu take uint64_t, %s a string.
 */
#pragma once

#include "base.h"

void say(char *out, size_t size, const char *format, ...) printf_like(3, 4);
