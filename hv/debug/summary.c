/* SPDX-License-Identifier: MIT */
/*
 * summary.c: firmware and memory of a machine on one screen of 80 columns and
 * 37 rows, for who has nothing but that. It only tells: nothing is decided by
 * what stands here.
 */
#include "hv/debug/summary.h"

#include "hv/arch/cpu.h"
#include "hv/arch/power.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"

enum { RANGES_SHOWN = 16, ACPI_OEM = 9, ACPI_REVISION = 15 };

static const char *const kinds[] = {
    [BOOTINFO_RAM] = "RAM",          [BOOTINFO_RESERVED] = "reserved",
    [BOOTINFO_ACPI] = "ACPI tables", [BOOTINFO_NVS] = "ACPI NVS",
    [BOOTINFO_BAD] = "bad",
};

static void say_acpi(const struct bootinfo *bi)
{
    if (bi->rsdp_len <= ACPI_REVISION)
        log_say("ACPI       not named by the loader");
    else
        log_say("ACPI       revision %u, by %.6s", bi->rsdp[ACPI_REVISION],
                (const char *)bi->rsdp + ACPI_OEM);
}

static void say_screen(const struct bootinfo_framebuffer *fb)
{
    if (fb->screen == BOOTINFO_SCREEN_NONE)
        log_say("screen     none");
    else
        log_say("screen     %u x %u %s, %u bits, at %lx", fb->width, fb->height,
                fb->screen == BOOTINFO_SCREEN_TEXT ? "characters" : "dots",
                fb->bpp, fb->addr);
}

static void say_ranges(const struct bootinfo *bi)
{
    for (unsigned i = 0; i < MIN(bi->nr_ranges, (unsigned)RANGES_SHOWN); i++) {
        const struct bootinfo_range *r = &bi->ranges[i];

        log_say("%13lx - %13lx %12lu KiB  %s", r->start, r->end - 1,
                (r->end - r->start) >> 10, kinds[r->kind]);
    }
    if (bi->nr_ranges > RANGES_SHOWN)
        log_say("and %u ranges more", bi->nr_ranges - RANGES_SHOWN);
}

static void say_sums(const struct bootinfo *bi)
{
    uint64_t sum[ARRAY_SIZE(kinds)] = {0};

    for (unsigned i = 0; i < bi->nr_ranges; i++)
        sum[bi->ranges[i].kind] += bi->ranges[i].end - bi->ranges[i].start;
    for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++)
        if (sum[k])
            log_say("%29s %12lu KiB  %s", "in all", sum[k] >> 10, kinds[k]);
}

void summary_run(const struct bootinfo *bi)
{
    if (!options.summary)
        return;
    log_say("firmware   %s, loader %.40s", bi->efi ? "UEFI" : "BIOS",
            bi->loader);
    say_acpi(bi);
    say_screen(&bi->fb);
    log_say("processors %u", cpu_count);
    say_ranges(bi);
    say_sums(bi);
    if (!bi->nr_modules)
        power_off(NULL);
}
