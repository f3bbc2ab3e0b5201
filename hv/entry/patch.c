/* SPDX-License-Identifier: MIT */
/*
 * patch.c: jumps written over the code of entry.asm and fast.asm, and over what
 * makes the processor forget. Invariant:
 * what nobody asked for is not there, so it costs a guest nothing.
 */
#include "hv/entry/patch.h"

#include "hv/base/cmdline.h"
#include "hv/base/log.h"
#include "hv/base/string.h"
#include "hv/call/hypercall.h"
#include "hv/domain/profile.h"
#include "mm/base/lock_hook.h"

#define JUMP 5u

/* Of JUMP bytes: SWAPGS and IRETQ, or SWAPGS and most of SYSRET. */
extern uint8_t exit_iretq[], exit_sysret[], exit_fast_sysret[];
extern const uint8_t profiled_exit_iretq[], profiled_exit_sysret[];
extern const uint8_t verw_exit_iretq[], verw_exit_sysret[];
extern const uint8_t isolated_exit_iretq[], isolated_exit_sysret[];
extern const uint8_t isolated_verw_exit_iretq[], isolated_verw_exit_sysret[];
extern const uint8_t load_ss_exit_sysret[];
extern uint8_t load_ss_rest[]; /* of JUMP bytes or more */
extern uint8_t profiled_verw;  /* hv/entry/profiled.asm */

/* Of JUMP bytes or more: the one's first instruction, the other's only one. */
extern uint8_t fast_exception[], fast_invalid_opcode[];
extern uint8_t fast_general_protection[], fast_page_fault[];
extern uint8_t fast_syscall_deliver[], fast_iret[];
extern const uint8_t entry_common[], fast_give_up[], fast_iret_give_up[];

static void lead(uint8_t *from, const uint8_t *to)
{
    int32_t distance = (int32_t)(to - from - JUMP);

    from[0] = 0xe9; /* jmp rel32 */
    memcpy(from + 1, &distance, sizeof(distance));
}

static void lead_out(const uint8_t *iretq, const uint8_t *sysret)
{
    lead(exit_iretq, iretq);
    lead(exit_sysret, sysret);
    lead(exit_fast_sysret, sysret);
}

static void patch_profile(void)
{
    profile_on = true;
    lead_out(profiled_exit_iretq, profiled_exit_sysret);
}

static void patch_verw(void)
{
    if (profile_on)
        profiled_verw = 1;
    else if (options.isolate)
        lead_out(isolated_verw_exit_iretq, isolated_verw_exit_sysret);
    else
        lead_out(verw_exit_iretq, verw_exit_sysret);
}

/* SS first, then as it would have been without. */
static void patch_load_ss(bool verw)
{
    if (profile_on)
        lead(load_ss_rest, profiled_exit_sysret);
    else if (options.isolate)
        lead(load_ss_rest,
             verw ? isolated_verw_exit_sysret : isolated_exit_sysret);
    else if (verw)
        lead(load_ss_rest, verw_exit_sysret);
    lead(exit_fast_sysret, load_ss_exit_sysret);
}

void patch_exits(bool verw, bool load_ss)
{
    if (verw)
        patch_verw();
    if (load_ss)
        patch_load_ss(verw);
}

/* --- isolate=on ---------------------------------------------------------- */

/* hv/arch/x86.h: X86_FORGETS. */
struct forgets {
    int32_t at, to; /* relative to themselves */
};
extern const struct forgets hv_forgets_start[], hv_forgets_end[];

static void patch_isolate(void)
{
    lead_out(isolated_exit_iretq, isolated_exit_sysret);
    for (const struct forgets *f = hv_forgets_start; f < hv_forgets_end; f++)
        lead((uint8_t *)(uintptr_t)&f->at + f->at,
             (const uint8_t *)&f->to + f->to);
}

/* Both would have the way in first. */
static void isolate_refuse(void)
{
    if (!options.isolate || !(options.profile || LOCKDEP))
        return;
    options.isolate = 0;
    log_say("isolate=on is not done: not with %s",
            LOCKDEP ? "a hypervisor built with LOCKDEP=1" : "profile");
}

/* Each to where it goes by itself with what it leaves to C. */
static void patch_past_fast(void)
{
    lead(fast_exception, entry_common);
    lead(fast_invalid_opcode, entry_common);
    lead(fast_general_protection, entry_common);
    lead(fast_page_fault, entry_common);
    lead(fast_syscall_deliver, fast_give_up);
    lead(fast_iret, fast_iret_give_up);
}

void patch_entry(void)
{
    isolate_refuse();
    if (options.profile || LOCKDEP)
        patch_profile();
    if (options.isolate)
        patch_isolate();
    if (!options.fast)
        patch_past_fast();
}
