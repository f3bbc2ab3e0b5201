/* SPDX-License-Identifier: MIT */
/* power.h: how the machine ends. */
#pragma once

#include "base.h"
#include "hv/arch/acpi.h"

/* Remembers how ACPI puts the machine to S5. */
void power_init(const struct acpi_info *acpi);

/*
 * Before the power goes off, with exit=acpi: somebody may still be reading. fn
 * says what is to be done; all other processors have stopped, perhaps with
 * locks held, so it takes none.
 */
enum power_next { POWER_NEXT_OFF, POWER_NEXT_RESET };
void power_ask(enum power_next (*fn)(void));

/*
 * Ends the machine as the command line's exit= says: through ACPI S5, QEMU's
 * isa-debug-exit (tools/run turns its status into ours), or by halting. The
 * last line says why it is a failure; of a success there is no why: NULL.
 */
noreturn_fn void power_off(const char *why);
