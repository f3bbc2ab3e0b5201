/* SPDX-License-Identifier: MIT */
/* callback.h: where a guest's kernel wants to be entered. */
#pragma once

#include "hv/domain/domain.h"
#include "xen/arch-x86_64.h"

/* address 0: none; with `masks` the handler is entered with events masked. */
void callback_set(struct trap_info *t, uint64_t address, bool masks);
/* Those that are in no context; address 0: none. */
void callback_set_compat(struct vcpu *v, uint64_t sysenter, bool sysenter_masks,
                         uint64_t syscall32, bool syscall32_masks);
/* From a context whose addresses were checked. */
void callback_set_all(struct vcpu *v, const struct vcpu_guest_context *c);
