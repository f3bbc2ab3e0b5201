/* SPDX-License-Identifier: MIT */
/*
 * probe.h: one access that may fault, on any vCPU and at any time: nothing is
 * kept but in registers. With trap.h's try_read() and try_write(), of which
 * there is one at a time, more is told.
 */
#pragma once

#include "base.h"

/* 0, or the error code of the trap with this bit. */
#define PROBE_TRAPPED BIT(63)
uint64_t probe_store(volatile uint64_t *va, uint64_t value);
uint64_t probe_load(const volatile uint64_t *va, uint64_t *value);

/* For trap.c: where the access is, and where it goes on after a trap. */
extern char probe_store_at[], probe_load_at[], probe_trapped[];
