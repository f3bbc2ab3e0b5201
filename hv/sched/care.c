/* SPDX-License-Identifier: MIT */
/* care.c: see care.h. Each of these is short, and bounded. */
#include "hv/sched/care.h"

#include "hv/arch/mce.h"
#include "hv/arch/nmi.h"
#include "hv/arch/thermal.h"
#include "hv/arch/watch.h"
#include "hv/dev/clock.h"
#include "hv/sched/damage.h"

void care_round(void)
{
    mce_poll();
    thermal_look();
    watch_round();
}

void care_tick(uint64_t now)
{
    nmi_tick();
    thermal_tick();
    clock_say(now);
    damage_tick(now);
}
