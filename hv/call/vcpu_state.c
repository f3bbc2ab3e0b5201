/* SPDX-License-Identifier: MIT */
/*
 * vcpu_state.c: the hypercalls by which a vCPU changes what the processor has
 * for it: descriptor table, debug registers, FPU, segment bases; its timer.
 */
#include "hv/arch/x86.h"
#include "hv/call/hypercall.h"
#include "hv/domain/debugreg.h"
#include "hv/domain/fpu.h"
#include "hv/domain/guest.h"
#include "hv/domain/seg.h"
#include "hv/domain/selector.h"
#include "hv/sched/time.h"

/* seg_set_gdt() has the memory lock; the window has one of its own. */
UNLOCKED_HYPERCALL2(set_gdt, uint64_t, frames, uint32_t, entries)
{
    struct vcpu *v = current_vcpu();
    uint64_t mfns[MM_GDT_SLOTS];
    enum err rc;

    if (entries > FIRST_RESERVED_GDT_ENTRY)
        return -XEN_EINVAL;
    if (guest_read(mfns, frames, seg_gdt_frames(entries) * sizeof(mfns[0])))
        return -XEN_EFAULT;
    rc = seg_set_gdt(v, mfns, entries);
    if (rc == ERR_RESTART)
        return hypercall_continue(set_gdt, frames, entries);
    return errno_of(rc);
}

UNLOCKED_HYPERCALL2(set_debugreg, uint32_t, reg, uint64_t, value)
{
    return errno_of(debugreg_set(current_vcpu(), reg, value));
}

UNLOCKED_HYPERCALL1(get_debugreg, uint32_t, reg)
{
    uint64_t value;
    enum err rc = debugreg_get(current_vcpu(), reg, &value);

    return rc ? errno_of(rc) : (long)value;
}

UNLOCKED_HYPERCALL1(fpu_taskswitch, uint32_t, set)
{
    fpu_set_ts(current_vcpu(), set);
    return 0;
}

UNLOCKED_HYPERCALL2(set_segment_base, uint32_t, which, uint64_t, base)
{
    struct vcpu *v = current_vcpu();

    if (which == SEGBASE_GS_USER_SEL) {
        selector_set_user_gs(v, (uint16_t)base);
        return 0;
    }
    if (!va_canonical(base)) /* WRMSR would fault (XSA-193) */
        return -XEN_EINVAL;
    switch (which) {
    case SEGBASE_FS:
        x86_wrmsr(MSR_FS_BASE, base);
        return 0;
    case SEGBASE_GS_USER:
        v->gs_base_user = base;
        return 0;
    case SEGBASE_GS_KERNEL:
        x86_wrmsr(MSR_KERNEL_GS, base);
        return 0;
    default:
        return -XEN_EINVAL;
    }
}

/* 0 stops it; a time that has passed fires at once. */
UNLOCKED_HYPERCALL1(set_timer_op, uint64_t, when)
{
    struct vcpu *v = current_vcpu();

    WRITE_ONCE(v->timer_single, when);
    time_arm(v);
    return 0;
}
