/* SPDX-License-Identifier: MIT */
/*
 * device.h: where a device can be. Firmware, the loader and a card's registers
 * say where each is, and may be wrong: what lies in RAM would be stored into
 * somebody's page, and what no address of this processor leads to is a fault.
 *
 * Invariant: no device is mapped, and no video memory stored to, that
 * device_problem() has not been asked about.
 */
#pragma once

#include "base.h"
#include "boot/bootinfo.h"
#include "hv/arch/acpi.h"

/* The memory map by which it is judged, as it changes; it stays. */
void device_know(const struct bootinfo *bi);

/*
 * What is wrong with the pages of a device, in words that follow "it has";
 * NULL: nothing. Before cpu_detect() any address up to 52 bits is the
 * processor's.
 */
const char *device_problem(uint64_t at, uint64_t size);

/* Forgets the devices of ACPI's tables that have one, with a line for each. */
void device_check_acpi(struct acpi_info *acpi);
