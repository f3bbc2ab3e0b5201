/* SPDX-License-Identifier: MIT */
/*
 * last_key.c: by the options end= and end_wait= (hv/base/cmdline.h). Unless one
 * of them says so nothing waits where there is no screen or no keyboard: nobody
 * could be there to press one.
 *
 * Invariant: no lock is taken. Others have been stopped with theirs held, and
 * in an early panic some are not there yet.
 */
#include "hv/svc/console/last_key.h"

#include "hv/arch/power.h"
#include "hv/arch/x86.h"
#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/dev/clock.h"
#include "hv/dev/keyboard.h"
#include "hv/svc/console/console.h"

#define DEAF_NS   UINT64_C(500000000) /* what is typed before is no answer */
#define SECOND_NS UINT64_C(1000000000)
#define TICK_NS   UINT64_C(20000000)

/* Early in the boot there is no clock, only a TSC: half as long, or thrice. */
#define GUESSED_TICKS_PER_NS 2u

static bool wanted(void)
{
    if (!keyboard_present())
        (void)console_init_keyboard();
    if (options.end == END_AUTO)
        return console_on_screen() && keyboard_works();
    return options.end == END_KEY;
}

static uint64_t now_ns(void)
{
    const uint64_t ns = clock_now_ns();

    return ns ? ns : x86_rdtsc() / GUESSED_TICKS_PER_NS;
}

/* Interrupts are off: what the tick does is done here. */
static int look(uint64_t now, uint64_t *next)
{
    if (now >= *next) {
        *next = now + TICK_NS;
        keyboard_tick();
        console_draw();
    }
    x86_pause();
    return console_read();
}

static int wait_for_key(void)
{
    const uint64_t start = now_ns();
    const uint64_t limit = options.end_wait * SECOND_NS;
    uint64_t passed = 0, next = 0;

    while (!limit || passed < limit) {
        const uint64_t now = now_ns();
        const int key = look(now, &next);

        passed = now - start;
        if (key >= 0 && passed >= DEAF_NS)
            return key;
    }
    return 'p';
}

static enum power_next ask(void)
{
    if (!wanted())
        return POWER_NEXT_OFF;
    console_status("the machine has ended | page up, page down");
    log_say("press a key: menu (r reboot, p power off)");
    log_flush();
    switch (wait_for_key()) {
    case 'p':
    case 'P':
        return POWER_NEXT_OFF;
    default:
        return POWER_NEXT_RESET; /* the firmware boots GRUB again: its menu */
    }
}

void last_key_init(void)
{
    power_ask(ask);
}
