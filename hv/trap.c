/* SPDX-License-Identifier: MIT */
/*
 * trap.c: who is to blame for a vector. A fault in the hypervisor either
 * happened at an instruction listed in the exception table, and becomes a
 * returned value, or is a bug, and ends the machine.
 */
#include "hv/trap.h"

#include "hv/panic.h"

struct extable_entry {
    int32_t fault, fixup; /* relative to themselves */
};
extern const struct extable_entry hv_extable_start[], hv_extable_end[];

static uint64_t absolute(const int32_t *rel)
{
    return (uint64_t)rel + (uint64_t)(int64_t)*rel;
}

bool trap_fixup(struct regs *regs)
{
    for (const struct extable_entry *e = hv_extable_start; e < hv_extable_end;
         e++) {
        if (absolute(&e->fault) == regs->rip) {
            regs->rip = absolute(&e->fixup);
            return true;
        }
    }
    return false;
}

void trap_dispatch(struct regs *regs)
{
    if (regs->vector < 32 && trap_fixup(regs))
        return;
    panic_regs(regs, "unexpected trap in the hypervisor");
}
