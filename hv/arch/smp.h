/* SPDX-License-Identifier: MIT */
/* smp.h: the other processors come up. */
#pragma once

#include "boot/bootinfo.h"
#include "hv/arch/acpi.h"

/*
 * Starts them, one after the other, as many as options.cpus wants, and says how
 * many there are. Each has then all that hv/arch gives a CPU, and is in run(),
 * which has to see to the rest, call smp_up(), and never return. One that
 * does not come, or is not as the boot CPU is, has a line. Before
 * memory_init().
 */
void smp_init(const struct bootinfo *bi, const struct acpi_info *acpi,
              uint64_t tsc_khz, void (*run)(void));

/* How many the firmware lists, of those that options.cpus wants. */
unsigned smp_found(void);

/* This one is ready, and counts. */
void smp_up(void);
