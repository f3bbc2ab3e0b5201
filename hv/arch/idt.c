/* SPDX-License-Identifier: MIT */
/*
 * idt.c: all 256 gates are interrupt gates, so the hypervisor is never
 * interrupted unless it says so. NMI, #DF, #MC and #DB have stacks of their
 * own: they may come in the few instructions between SYSCALL and the switch
 * of stacks (#DB by MOV SS, CVE-2018-8897).
 */
#include "hv/arch/idt.h"

#include "hv/arch/cpu.h"
#include "hv/arch/x86.h"

struct gate {
    uint16_t offset_0;
    uint16_t sel;
    uint8_t ist;
    uint8_t type; /* P, DPL, 0xe */
    uint16_t offset_16;
    uint32_t offset_32;
    uint32_t zero;
};
_Static_assert(sizeof(struct gate) == 16, "SDM vol. 3, 6.14.1");

#define GATE_INTERRUPT 0x8e

static struct gate idt[IDT_VECTORS] aligned_to(4096);
static void (*handlers[IDT_VECTORS])(void);

void idt_set_entry(unsigned vector, uint64_t entry)
{
    struct gate *g = &idt[vector];

    g->offset_0 = (uint16_t)entry;
    g->offset_16 = (uint16_t)(entry >> 16);
    g->offset_32 = (uint32_t)(entry >> 32);
}

void idt_set_dpl(unsigned vector, unsigned dpl)
{
    idt[vector].type = (uint8_t)(GATE_INTERRUPT | dpl << 5);
}

_Static_assert(sizeof(idt) == 4096, "idt_page()");

const void *idt_page(void)
{
    return idt;
}

void idt_load(void)
{
    struct x86_table_ptr p = {sizeof(idt) - 1, (uint64_t)idt};

    x86_lidt(&p);
}

void idt_init(const uint64_t *entries)
{
    for (unsigned v = 0; v < IDT_VECTORS; v++) {
        idt[v] = (struct gate){.sel = SEL_HV_CS, .type = GATE_INTERRUPT};
        idt_set_entry(v, entries[v]);
    }
    idt[VEC_NMI].ist = IST_NMI;
    idt[VEC_DF].ist = IST_DF;
    idt[VEC_MC].ist = IST_MC;
    idt[VEC_DB].ist = IST_DB;
    idt_set_dpl(VEC_BP, 3);
    idt_set_dpl(VEC_OF, 3);
    idt_load();
}

void idt_set_handler(unsigned vector, void (*fn)(void))
{
    ASSERT(vector >= 32 && vector < ARRAY_SIZE(handlers));
    handlers[vector] = fn;
}

void idt_interrupt(unsigned vector)
{
    /* Else spurious: the PIC's 7 and 15, or the local APIC's. */
    if (handlers[vector & 255])
        handlers[vector & 255]();
}
