/* SPDX-License-Identifier: MIT */
/*
 * profiled.c: the ways out are patched to lead through those of profiled.asm.
 */
#include "hv/entry/profiled.h"

#include "hv/base/string.h"
#include "hv/domain/profile.h"

/* Of 5 bytes: SWAPGS and IRETQ, or SWAPGS and most of SYSRET. */
#define JUMP 5u
extern uint8_t exit_iretq[], exit_sysret[], exit_fast_sysret[];
extern uint8_t profiled_exit_iretq[], profiled_exit_sysret[];

static void lead(uint8_t *from, const uint8_t *to)
{
    int32_t distance = (int32_t)(to - from - JUMP);

    from[0] = 0xe9; /* jmp rel32 */
    memcpy(from + 1, &distance, sizeof(distance));
}

void profiled_enable(void)
{
    profile_on = true;
    lead(exit_iretq, profiled_exit_iretq);
    lead(exit_sysret, profiled_exit_sysret);
    lead(exit_fast_sysret, profiled_exit_sysret);
}
