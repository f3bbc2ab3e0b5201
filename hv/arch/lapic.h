/* SPDX-License-Identifier: MIT */
/*
 * lapic.h: this processor's local APIC, and what it sends to others. Its timer
 * is hv/dev/apic.h's.
 */
#pragma once

#include "base.h"

enum {
    LAPIC_TIMER_VECTOR = 0xf0,
    LAPIC_THERMAL_VECTOR = 0xf2, /* 0xf1: hv/arch/ipi.h */
    LAPIC_SPURIOUS_VECTOR = 0xff,
};

/* Registers that hv/dev/apic.c has to do with; the rest is lapic.c's own. */
enum lapic_reg {
    LAPIC_LVT_TIMER = 0x320,
    LAPIC_TIMER_INITIAL = 0x380,
    LAPIC_TIMER_CURRENT = 0x390,
    LAPIC_TIMER_DIVIDE = 0x3e0,
};
#define LAPIC_LVT_MASKED 0x10000u

uint32_t lapic_read(unsigned reg);
void lapic_write(unsigned reg, uint32_t v);

/*
 * On the boot CPU, first: how all of them will be reached. base: as ACPI says,
 * or 0. By MSR if that is wanted and can be had, or if it is so already.
 */
void lapic_enable(uint64_t base, bool x2apic_wanted);
/* On every CPU: switches it on, all its sources masked but the boot CPU's NMI.
 */
void lapic_setup(void);

uint32_t lapic_id(void);
void lapic_eoi(void);
/* The thermal interrupt comes from here on; false: firmware has it. */
must_check bool lapic_take_thermal(void);
/* LINT0 takes what the old PIC (hv/dev/pic.h) has to say from here on. */
void lapic_pass_pic(void);

/* Can a processor of this APIC id be sent anything? */
bool lapic_reaches(uint32_t apic_id);
/* An interrupt; after all stores that came before (also in x2APIC mode). */
void lapic_send(uint32_t apic_id, unsigned vector);
void lapic_send_nmi(uint32_t apic_id);
/* Starting another processor (SDM vol. 3, 9.4.4): at page * 4096. */
void lapic_send_init(uint32_t apic_id);
void lapic_send_startup(uint32_t apic_id, unsigned page);
