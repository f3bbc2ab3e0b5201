/* SPDX-License-Identifier: MIT */
/* cpu_area.h: what a CPU has to itself, of all but the boot CPU. */
#pragma once

#include "hv/arch/cpu.h"

/*
 * The area of CPU `id`, as new: stacks, TSS, GDT page. Again the same one if
 * it was made before, which nobody may be using. Before memory_init(); NULL:
 * no table to map it by.
 */
struct percpu *cpu_area_make(unsigned id, uint32_t apic_id);
