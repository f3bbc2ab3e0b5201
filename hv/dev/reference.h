/* SPDX-License-Identifier: MIT */
/*
 * reference.h: counters of a known speed, by which the TSC is measured: HPET,
 * ACPI's PM timer, PIT, and what CPUID says of the TSC itself.
 */
#pragma once

#include "base.h"
#include "hv/arch/acpi.h"
#include "hv/base/cmdline.h"

/* It goes up at hz and wraps at mask. */
struct reference {
    const char *name;
    uint64_t hz, mask;
    uint32_t (*read)(const struct reference *r);
    uint16_t port;
    volatile uint32_t *hpet;
};

/* Is it there, and does it count? What is asked for never is CLOCK_AUTO. */
must_check bool reference_open(enum option_clock which,
                               const struct acpi_info *acpi,
                               struct reference *r);
/* The TSC itself, which is said to run at hz. */
struct reference reference_tsc(uint64_t hz);

/* CPUID 15H and 16H, each as it was read, or zeroes. */
struct reference_leaves {
    uint32_t denominator, numerator, crystal; /* 15H: EAX, EBX, ECX */
    uint32_t base_mhz;                        /* 16H: EAX */
};
struct reference_leaves reference_leaves(void);
/*
 * The TSC's frequency by these; 0: they do not say. *exact: by the crystal, not
 * by a number for a label.
 */
uint64_t reference_said(const struct reference_leaves *l, bool *exact);
