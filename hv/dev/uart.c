/* SPDX-License-Identifier: MIT */
/*
 * uart.c: see uart.h. A card is a 16550 of the generic class (PCI Code and ID
 * Assignment Specification, 1.8: 0700); its clock is taken for the usual one.
 */
#include "hv/dev/uart.h"

#include "hv/arch/paging.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/dev/pci.h"
#include "hv/dev/serial.h"

#define CLASS_SERIAL UINT32_C(0x07000000)
#define BAR_IO_MASK  UINT32_C(0xfffc)
#define BAR_MASK     UINT32_C(0xfffffff0)
#define BAR_64       BIT(2)
#define REGISTERS    8u
#define BAUD         115200u

static void map_registers(struct serial_at *at, uint64_t base)
{
    if (base)
        at->memory = paging_map_mmio(maddr_of(base), REGISTERS * at->stride);
}

static bool use_spcr(const struct spcr *s)
{
    struct serial_at at = {
        .stride = s->stride, .width = s->width, .baud = s->baud};

    if (!s->found)
        return false;
    if (s->memory)
        map_registers(&at, s->base);
    else
        at.port = (uint16_t)s->base;
    return (at.memory || at.port) && serial_use(&at);
}

static uint64_t base_of(pci_fn_t fn, uint32_t bar)
{
    uint64_t base = bar & BAR_MASK;

    if (bar & BAR_64)
        base |= (uint64_t)pci_read(fn, PCI_BAR0 + 4) << 32;
    return base;
}

/* A card that claims what is not a device's is not made to answer there. */
static bool use_card(pci_fn_t fn)
{
    struct serial_at at = {.stride = 1, .width = 1, .baud = BAUD};
    const uint32_t bar = pci_read(fn, PCI_BAR0);
    const bool ports = bar & PCI_BAR_IO;

    if (ports)
        at.port = (uint16_t)(bar & BAR_IO_MASK);
    else
        map_registers(&at, base_of(fn, bar));
    if (!at.port && !at.memory)
        return false;
    pci_write(fn, PCI_COMMAND,
              (pci_read(fn, PCI_COMMAND) & 0xffff) |
                  (ports ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY));
    return serial_use(&at);
}

static bool use_pci(void)
{
    pci_fn_t fn;

    return pci_find_class(CLASS_SERIAL, &fn) && use_card(fn);
}

/* What was said before there was a port is the beginning of the story. */
static void say_again(void)
{
    char text[256];
    uint64_t from = 0;

    for (size_t n; (n = log_read(&from, text, sizeof(text))); from += n)
        for (size_t i = 0; i < n; i++) {
            if (text[i] == '\n')
                serial_put(SERIAL_COM1, '\r');
            serial_put(SERIAL_COM1, text[i]);
        }
}

void uart_find(const struct acpi_info *acpi)
{
    const unsigned named = options.console & CONSOLE_SERIAL;

    if (!named || ((named & CONSOLE_COM1) && serial_present(SERIAL_COM1)))
        return;
    if ((named & CONSOLE_SPCR) && use_spcr(&acpi->spcr)) {
        say_again();
        log_say("serial port by ACPI's SPCR: %s %lx",
                acpi->spcr.memory ? "memory" : "port", acpi->spcr.base);
    } else if ((named & CONSOLE_PCI) && use_pci()) {
        say_again();
        log_say("serial port on a PCI card");
    } else if (!(named & CONSOLE_COM1)) {
        log_say("console=: there is no such serial port");
    }
}
