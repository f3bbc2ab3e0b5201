/* SPDX-License-Identifier: MIT */
/* power.h: how the machine ends. */
#pragma once

#include "base.h"
#include "hv/arch/acpi.h"

enum power_status {
    POWER_SUCCESS = 0,
    POWER_FAILURE = 1,
};

/* Remembers how ACPI puts the machine to S5. */
void power_init(const struct acpi_info *acpi);

/*
 * Ends the machine as the command line's exit= says: through ACPI S5, QEMU's
 * isa-debug-exit (tools/run turns its status into ours), or by halting.
 */
noreturn_fn void power_off(enum power_status status);
