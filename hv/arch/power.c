/* SPDX-License-Identifier: MIT */
/*
 * power.c: the last instructions. A way that does not work is followed by
 * halting, with a line that says so.
 */
#include "hv/arch/power.h"

#include "hv/arch/stop.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"

#define QEMU_EXIT_PORT 0xf4
#define QEMU_EXIT_BASE 0x10 /* QEMU exits with (value << 1) | 1 */

/* PM1 control register (ACPI 6.5, 4.8.3.2.1). */
#define PM1_SCI_ENABLE BIT(0)
#define PM1_SLP_TYPE   BITS(12, 10)
#define PM1_SLP_SHIFT  10
#define PM1_SLP_ENABLE BIT(13)

#define WAIT_LOOPS 1000000

/* What else a processor's reset hangs on (Intel ICH9, 13.7.5: RST_CNT). */
#define RESET_PORT      0xcf9
#define RESET_SYSTEM    0x02
#define RESET_NOW       0x04
#define KEYBOARD_PORT   0x64
#define KEYBOARD_PULSES 0xfe /* the reset line, with bit 0 clear */

static struct acpi_info acpi;
static enum power_next (*ask)(void);

void power_init(const struct acpi_info *info)
{
    acpi = *info;
}

/* Firmware may still own the power registers. */
static void take_over(void)
{
    if (!acpi.smi_command || !acpi.acpi_enable ||
        x86_in16(acpi.pm1a_control) & PM1_SCI_ENABLE)
        return;
    x86_out8(acpi.smi_command, acpi.acpi_enable);
    for (int i = 0; i < WAIT_LOOPS; i++)
        if (x86_in16(acpi.pm1a_control) & PM1_SCI_ENABLE)
            return;
}

static void sleep_by(uint16_t port, uint8_t type)
{
    uint64_t v = x86_in16(port) & ~PM1_SLP_TYPE;

    x86_out16(port,
              (uint16_t)(v | (uint64_t)type << PM1_SLP_SHIFT | PM1_SLP_ENABLE));
}

static void pause(void)
{
    for (int i = 0; i < WAIT_LOOPS; i++)
        x86_pause();
}

static void acpi_s5(void)
{
    if (!acpi.s5 || !acpi.pm1a_control) {
        log_say("ACPI does not say how to power off");
        return;
    }
    take_over();
    sleep_by(acpi.pm1a_control, acpi.s5_type_a);
    if (acpi.pm1b_control)
        sleep_by(acpi.pm1b_control, acpi.s5_type_b);
    pause();
}

/* Where none of these is wired a triple fault shuts the processor down. */
static void reset(void)
{
    x86_out8(RESET_PORT, RESET_SYSTEM);
    x86_out8(RESET_PORT, RESET_SYSTEM | RESET_NOW);
    pause();
    x86_out8(KEYBOARD_PORT, KEYBOARD_PULSES);
    pause();
    x86_lidt(&(struct x86_table_ptr){0, 0});
    __asm__ volatile("int3");
}

void power_ask(enum power_next (*fn)(void))
{
    ask = fn;
}

/* A panic while it is asked must not ask again. */
static void end_by_acpi(void)
{
    enum power_next (*fn)(void) = ask;

    ask = NULL;
    if (fn && fn() == POWER_NEXT_RESET)
        reset();
    acpi_s5();
}

void power_off(const char *why)
{
    x86_cli();
    stop_others();
    log_urgent(); /* a line that is not draws for a domain, and locks queues */
    stop_report();
    log_flush();
    log_say("power off: %s%s", why ? "failure: " : "success", why ? why : "");
    log_flush();
    if (options.exit == EXIT_QEMU)
        x86_out32(QEMU_EXIT_PORT, QEMU_EXIT_BASE + (why != NULL));
    else if (options.exit == EXIT_ACPI)
        end_by_acpi();
    log_say("halted");
    log_flush();
    x86_halt_forever();
}
