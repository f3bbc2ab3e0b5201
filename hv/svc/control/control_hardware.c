/* SPDX-License-Identifier: MIT */
/*
 * control_hardware.c: the machine itself, for guest/selfcheck, which holds it
 * against what it finds. Invariant: it waits for no device; who wants to see a
 * second begin asks until it has.
 */
#include "hv/svc/control/control_op.h"

#include "hv/arch/cpu.h"
#include "hv/arch/early.h"
#include "hv/arch/smp.h"
#include "hv/base/print.h"
#include "hv/dev/rtc.h"
#include "hv/svc/control/control.h"

_Static_assert(RTC_NONE == FLAGSTONE_RTC_NONE, "the interface has ours");

static struct flagstone_hardware known;

static uint32_t screen_of(const struct bootinfo_framebuffer *fb)
{
    switch (fb->screen) {
    case BOOTINFO_SCREEN_TEXT:
        return FLAGSTONE_SCREEN_text;
    case BOOTINFO_SCREEN_RGB:
        return FLAGSTONE_SCREEN_framebuffer;
    default:
        return FLAGSTONE_SCREEN_none;
    }
}

void control_know(const struct bootinfo *bi, const char *release)
{
    known = (struct flagstone_hardware){
        .firmware = bi->efi ? FLAGSTONE_FIRMWARE_uefi : FLAGSTONE_FIRMWARE_bios,
        .screen = screen_of(&bi->fb),
        .width = bi->fb.width,
        .height = bi->fb.height,
    };
    print_format(known.release, sizeof(known.release), "%s", release);
}

enum err control_hardware(struct control_call *call)
{
    struct flagstone_hardware *h = &call->c->hardware;

    *h = known;
    h->ram_bytes = early_ram_bytes();
    h->cpus_found = smp_found();
    h->cpus_up = cpu_count;
    h->rtc_second = rtc_second();
    return ERR_NONE;
}
