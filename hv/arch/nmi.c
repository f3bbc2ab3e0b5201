/* SPDX-License-Identifier: MIT */
/*
 * nmi.c: the reasons a PC has are in the port of the old system control
 * (PCI bus error, I/O check); who has pressed a button or set a watchdog says
 * nothing.
 *
 * Two others come first: who ends the machine (hv/arch/stop.h), and who asks
 * where this CPU hangs (hv/arch/watch.h).
 *
 * Invariant: NMIs come anywhere, between any two instructions of the
 * hypervisor, so what goes on afterwards is one addition to a counter of this
 * file's own; who shows it is not interrupted by anything else.
 */
#include "hv/arch/nmi.h"

#include "hv/arch/cpu.h"
#include "hv/arch/panic.h"
#include "hv/arch/stop.h"
#include "hv/arch/watch.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"

#define PORT_REASON  0x61
#define REASON_SERR  0x80u /* memory parity, or an error on the PCI bus */
#define REASON_IOCHK 0x40u
#define CLEAR_SERR   0x04u
#define CLEAR_IOCHK  0x08u
#define KEPT         0x0fu

static unsigned seen, said;
static uint8_t reasons;

static const char *text_of(unsigned reason)
{
    if (reason & REASON_SERR)
        return "memory parity or PCI system error";
    if (reason & REASON_IOCHK)
        return "I/O check";
    return "from outside, no reason given";
}

/* Held in reset for a moment, a source can report again. */
static void clear(uint8_t reason)
{
    uint8_t clear = 0;

    if (reason & REASON_SERR)
        clear |= CLEAR_SERR;
    if (reason & REASON_IOCHK)
        clear |= CLEAR_IOCHK;
    if (!clear)
        return;
    x86_out8(PORT_REASON, (reason & KEPT) | clear);
    x86_out8(PORT_REASON, (uint8_t)((reason & KEPT) & ~clear));
}

void nmi_handle(const struct regs *regs)
{
    uint8_t reason;

    stop_if_asked();
    watch_nmi(regs);
    reason = x86_in8(PORT_REASON);
    BUG_IF(!cpu_entered_well());
    if (options.nmi == NMI_REPORT) {
        clear(reason);
        reasons |= reason;
        seen++;
        return;
    }
    panic_enter();
    log_say("NMI: %s (port 61: %x)", text_of(reason), reason);
    panic_regs(regs, "non-maskable interrupt");
}

void nmi_tick(void)
{
    unsigned n = READ_ONCE(seen);

    if (n == said)
        return;
    said = n;
    log_say("NMI: %s, %u since the start", text_of(READ_ONCE(reasons)), n);
}
