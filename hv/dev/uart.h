/* SPDX-License-Identifier: MIT */
/*
 * uart.h: a serial port that is not COM1: where ACPI's SPCR has firmware's own
 * console, or a card on a PCI bus.
 */
#pragma once

#include "hv/arch/acpi.h"

/*
 * If nothing answers at COM1, or `console=` does not name that: the first that
 * does of those it names, and the log so far comes out of it. After
 * paging_init().
 */
void uart_find(const struct acpi_info *acpi);
