/* SPDX-License-Identifier: MIT */
/*
 * acpi.h: the few facts of the ACPI tables that are used. Pure C without
 * globals; physical memory is reached through a function, so that the host
 * can feed the parser anything.
 */
#pragma once

#include "base.h"
#include "hv/arch/spcr.h"

enum { ACPI_CPUS = 256 };

struct acpi_info {
    bool found;                          /* any valid root table */
    unsigned damaged;                    /* tables that are not what they say */
    char damaged_name[4];                /* the first's, as it is there */
    uint64_t lapic;                      /* machine address, 0 = not said */
    unsigned cpus;                       /* enabled processors */
    unsigned cpus_more;                  /* beyond ACPI_CPUS of them */
    uint32_t apic_id[ACPI_CPUS];         /* each one's, no two alike */
    uint64_t hpet;                       /* machine address, 0 = none */
    uint16_t pm_timer;                   /* port, 0 = none */
    bool hw_reduced;                     /* no fixed registers */
    uint16_t pm1a_control, pm1b_control; /* ports, 0 = none */
    uint16_t smi_command;
    uint8_t acpi_enable; /* what to write there */
    bool s5;             /* the two below are known */
    uint8_t s5_type_a, s5_type_b;
    struct spcr spcr; /* where firmware's own console is */
};

/* Is there a processor that xAPIC mode cannot name (SDM vol. 3, 11.12.7)? */
bool acpi_needs_x2apic(const struct acpi_info *info);

/* A readable view of len bytes at a machine address, or NULL. */
typedef const uint8_t *(*acpi_map_fn)(void *ctx, uint64_t pa, uint64_t len);

/* rsdp: as the loader gave it, or NULL to look for it where a BIOS puts it. */
void acpi_parse(struct acpi_info *info, const uint8_t *rsdp, unsigned rsdp_len,
                acpi_map_fn map, void *ctx);
