/* SPDX-License-Identifier: MIT */
/*
 * pci.h: functions on PCI buses, by configuration mechanism 1 (PCI Local Bus
 * Specification 3.0, 3.2.2.3.2): enough to find one device by its identity or
 * its class. Where there is no PCI every register reads as ones, and nothing is
 * found.
 */
#pragma once

#include "base.h"

#define PCI_COMMAND        0x04
#define PCI_BAR0           0x10
#define PCI_COMMAND_IO     BIT(0)
#define PCI_COMMAND_MEMORY BIT(1)
#define PCI_COMMAND_MASTER BIT(2)
#define PCI_BAR_IO         BIT(0)

/* Bits 15 to 8: bus; 7 to 0: device and function. */
typedef struct {
    uint16_t v;
} pci_fn_t;

/* The first on bus 0 with this vendor (bits 15 to 0) and device (31 to 16). */
bool pci_find(uint32_t identity, pci_fn_t *fn);
/*
 * The first of a class (bits 31 to 16: class and subclass), on any bus: so much
 * that one does it once.
 */
bool pci_find_class(uint32_t class, pci_fn_t *fn);
uint32_t pci_read(pci_fn_t fn, unsigned reg);
void pci_write(pci_fn_t fn, unsigned reg, uint32_t value);
