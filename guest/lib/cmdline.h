/* SPDX-License-Identifier: MIT */
/*
 * cmdline.h: the guest's command line: words, `name` or `name=value`.
 */
#pragma once

#include "base.h"

/* The value of name ("" for a bare word), NULL if absent. */
const char *cmdline_get(const char *name, char *buf, size_t size);
bool cmdline_has(const char *name);
bool cmdline_is(const char *name, const char *value);
/* A decimal or 0x number; fallback when absent or malformed. */
uint64_t cmdline_number(const char *name, uint64_t fallback);
