/* SPDX-License-Identifier: MIT */
/* device.c: see device.h. */
#include "hv/arch/device.h"

#include "hv/arch/cpu.h"
#include "hv/base/log.h"

#define MOST_BITS 52u /* SDM vol. 3, 4.1.4: MAXPHYADDR is at most that */
#define UART_SIZE 8u  /* registers of a 16550 */

static const struct bootinfo *map; /* NULL: nothing is known to be RAM */

void device_know(const struct bootinfo *bi)
{
    map = bi;
}

const char *device_problem(uint64_t at, uint64_t size)
{
    const unsigned bits = cpu_features.phys_bits;
    const uint64_t limit = BIT(bits ? bits : MOST_BITS);
    const uint64_t in_page = PAGE_SIZE - 1;

    if (at >= limit || size > limit - at)
        return "an address beyond the processor's";
    if (map && bootinfo_touches_ram(map, at & ~in_page,
                                    (at + size + in_page) & ~in_page))
        return "an address in RAM";
    return NULL;
}

static void check(uint64_t *at, uint64_t size, const char *what)
{
    const char *why = *at ? device_problem(*at, size) : NULL;

    if (!why)
        return;
    log_say("ACPI: the %s is said to be at %lx: not believed, it has %s", what,
            *at, why);
    *at = 0;
}

void device_check_acpi(struct acpi_info *acpi)
{
    struct spcr *s = &acpi->spcr;

    check(&acpi->lapic, PAGE_SIZE, "local APIC");
    check(&acpi->hpet, PAGE_SIZE, "HPET");
    if (!s->found || !s->memory)
        return;
    check(&s->base, UART_SIZE * s->stride, "serial port");
    s->found = s->base;
}
