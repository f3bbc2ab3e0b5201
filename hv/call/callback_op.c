/* SPDX-License-Identifier: MIT */
/*
 * callback_op.c: where a guest's kernel wants to be entered: trap table,
 * callbacks, stack, and the assists it asks for (ABI fact 2.9).
 * Invariants: every address that is kept is canonical. What is kept is of the
 * vCPU that calls, and nobody else's while it runs: who sets or reads another's
 * (vcpu_put_context(), freeze.c) has one that is loaded nowhere. The assists
 * alone are the domain's: vm_assist.
 */
#include "hv/domain/callback.h"
#include "xen/callback.h"

#include "hv/arch/x86.h"
#include "hv/base/string.h"
#include "hv/call/hypercall.h"
#include "hv/domain/bounce.h"
#include "hv/domain/guest.h"
#include "hv/domain/vcpu.h"
#include "xen/nmi.h"

/* One may be pending since before there was a handler. */
static void set_handler(struct vcpu *v, const struct trap_info *t)
{
    v->traps[t->vector] = *t;
    if (t->vector == VEC_NMI)
        cpu_work_look();
}

/* The table ends at address 0; entries before a bad one stay set. */
UNLOCKED_HYPERCALL1(set_trap_table, uint64_t, traps)
{
    struct vcpu *v = current_vcpu();
    struct trap_info t;

    if (!traps) {
        memset(v->traps, 0, sizeof(v->traps));
        return 0;
    }
    for (unsigned n = 0;; n++, traps += sizeof(t)) {
        if (n && n % 256 == 0 && cpu_preempt())
            return hypercall_continue(set_trap_table, traps);
        if (guest_read(&t, traps, sizeof(t)))
            return -XEN_EFAULT;
        if (!t.address)
            return 0;
        if (!va_canonical(t.address))
            return -XEN_EINVAL;
        t.cs |= 3;
        set_handler(v, &t);
    }
}

/* Any address will do for now; a frame that cannot be pushed ends the guest. */
UNLOCKED_HYPERCALL2(stack_switch, uint64_t, ss, uint64_t, sp)
{
    struct vcpu *v = current_vcpu();

    v->kernel_ss = (ss & 0xffff) | 3;
    v->kernel_sp = sp;
    return 0;
}

/* Vector 2 of the trap table by another name. */
static void set_nmi(struct vcpu *v, uint64_t address)
{
    struct trap_info t;

    callback_set(&t, address, true);
    t.vector = VEC_NMI;
    set_handler(v, &t);
}

static long set_callback(struct vcpu *v, unsigned type, unsigned flags,
                         uint64_t address)
{
    struct guest_callbacks *c = &v->callbacks;
    bool masks = flags & CALLBACKF_mask_events;

    if (!va_canonical(address))
        return -XEN_EINVAL;
    switch (type) {
    case CALLBACKTYPE_event:
        callback_set(&c->event, address, true);
        return 0;
    case CALLBACKTYPE_failsafe:
        callback_set(&c->failsafe, address, masks);
        return 0;
    case CALLBACKTYPE_syscall:
        callback_set(&c->syscall, address, masks);
        return 0;
    case CALLBACKTYPE_syscall32:
        callback_set(&c->syscall32, address, masks);
        return 0;
    case CALLBACKTYPE_sysenter:
        callback_set(&c->sysenter, address, masks);
        return 0;
    case CALLBACKTYPE_nmi:
        set_nmi(v, address);
        return 0;
    default:
        return -XEN_ENOSYS;
    }
}

/* Refused addresses are not reported: as in Xen, the result is 0. */
UNLOCKED_HYPERCALL3(set_callbacks, uint64_t, event, uint64_t, failsafe,
                    uint64_t, syscall)
{
    struct vcpu *v = current_vcpu();

    (void)set_callback(v, CALLBACKTYPE_event, 0, event);
    (void)set_callback(v, CALLBACKTYPE_failsafe, 0, failsafe);
    (void)set_callback(v, CALLBACKTYPE_syscall, 0, syscall);
    return 0;
}

UNLOCKED_HYPERCALL2(callback_op, uint32_t, cmd, uint64_t, arg)
{
    struct vcpu *v = current_vcpu();
    struct callback_register r;
    struct callback_unregister u;

    switch (cmd) {
    case CALLBACKOP_register:
        if (guest_read(&r, arg, sizeof(r)))
            return -XEN_EFAULT;
        return set_callback(v, r.type, r.flags, r.address);
    case CALLBACKOP_unregister:
        if (guest_read(&u, arg, sizeof(u)))
            return -XEN_EFAULT;
        if (u.type == CALLBACKTYPE_nmi) {
            set_nmi(v, 0);
            return 0;
        }
        return u.type <= CALLBACKTYPE_syscall32 ? -XEN_EINVAL : -XEN_ENOSYS;
    default:
        return -XEN_ENOSYS;
    }
}

UNLOCKED_HYPERCALL2(nmi_op, uint32_t, cmd, uint64_t, arg)
{
    struct vcpu *v = current_vcpu();
    struct xennmi_callback c;

    switch (cmd) {
    case XENNMI_register_callback:
        if (guest_read(&c, arg, sizeof(c)))
            return -XEN_EFAULT;
        return set_callback(v, CALLBACKTYPE_nmi, 0, c.handler_address);
    case XENNMI_unregister_callback:
        set_nmi(v, 0);
        return 0;
    default:
        return -XEN_ENOSYS;
    }
}

/* vCPUs change them at the same time, each one bit, and run on meanwhile. */
UNLOCKED_HYPERCALL2(vm_assist, uint32_t, cmd, uint32_t, type)
{
    struct domain *d = current_vcpu()->d;

    if (type >= 64 || !(VM_ASSIST_VALID & BIT(type)))
        return -XEN_EINVAL;
    if (cmd == VMASST_CMD_enable)
        __atomic_fetch_or(&d->vm_assist, BIT(type), __ATOMIC_SEQ_CST);
    else if (cmd == VMASST_CMD_disable)
        __atomic_fetch_and(&d->vm_assist, ~BIT(type), __ATOMIC_SEQ_CST);
    else
        return -XEN_ENOSYS;
    bounce_assists_changed(d);
    return 0;
}
