/* SPDX-License-Identifier: MIT */
/*
 * pic.c: 8259A data sheet. Through LINT0 of this processor's local APIC, as
 * in virtual wire mode (MultiProcessor Specification 1.4, 3.6.2.1): two lines
 * do not make it worth while to find the I/O APIC.
 */
#include "hv/dev/pic.h"

#include "hv/arch/idt.h"
#include "hv/arch/lapic.h"
#include "hv/arch/lock.h"
#include "hv/arch/x86.h"

#define FIRST        0x20 /* ports: commands, then data */
#define SECOND       0xa0
#define VECTOR_FIRST 0x20u
#define EOI          0x20

static void (*handlers[8])(void);
static uint8_t masked = 0xff;

/* A spurious IRQ 7 or 15 can still come: its vector has no handler. */
void pic_init(void)
{
    static const struct {
        uint16_t port;
        uint8_t value;
    } steps[] = {{FIRST, 0x11},      {SECOND, 0x11},     {FIRST + 1, 0x20},
                 {SECOND + 1, 0x28}, {FIRST + 1, 0x04},  {SECOND + 1, 0x02},
                 {FIRST + 1, 0x01},  {SECOND + 1, 0x01}, {FIRST + 1, 0xff},
                 {SECOND + 1, 0xff}};

    for (unsigned i = 0; i < ARRAY_SIZE(steps); i++)
        x86_out8(steps[i].port, steps[i].value);
}

/* The next one may come from here on, and is kept until then. */
static void serve(enum pic_irq irq)
{
    hv_lock_get();
    x86_out8(FIRST, EOI);
    handlers[irq]();
    hv_lock_put();
}

static void on_keyboard(void)
{
    serve(PIC_KEYBOARD);
}

static void on_com1(void)
{
    serve(PIC_COM1);
}

void pic_silence(enum pic_irq irq, bool on)
{
    if (!handlers[irq])
        return;
    masked = (uint8_t)(on ? masked | BIT(irq) : masked & ~BIT(irq));
    x86_out8(FIRST + 1, masked);
}

void pic_listen(enum pic_irq irq, void (*fn)(void))
{
    handlers[irq] = fn;
    idt_set_handler(VECTOR_FIRST + irq,
                    irq == PIC_COM1 ? on_com1 : on_keyboard);
    pic_silence(irq, false);
    lapic_pass_pic();
}
