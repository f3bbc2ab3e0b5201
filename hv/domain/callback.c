/* SPDX-License-Identifier: MIT */
/* callback.c: see callback.h. */
#include "hv/domain/callback.h"

void callback_set(struct trap_info *t, uint64_t address, bool masks)
{
    *t = (struct trap_info){
        .flags = masks ? TI_IF : 0,
        .cs = FLAT_KERNEL_CS,
        .address = address,
    };
}

void callback_set_all(struct vcpu *v, const struct vcpu_guest_context *c)
{
    callback_set(&v->callbacks.event, c->event_callback_eip, true);
    callback_set(&v->callbacks.failsafe, c->failsafe_callback_eip,
                 c->flags & VGCF_failsafe_disables_events);
    callback_set(&v->callbacks.syscall, c->syscall_callback_eip,
                 c->flags & VGCF_syscall_disables_events);
}

void callback_set_compat(struct vcpu *v, uint64_t sysenter, bool sysenter_masks,
                         uint64_t syscall32, bool syscall32_masks)
{
    callback_set(&v->callbacks.sysenter, sysenter, sysenter_masks);
    callback_set(&v->callbacks.syscall32, syscall32, syscall32_masks);
}
