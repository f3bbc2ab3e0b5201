/* SPDX-License-Identifier: MIT */
/* callback.h: where a guest's kernel wants to be entered. */
#pragma once

#include "hv/domain.h"
#include "xen/arch-x86_64.h"

/* From a context whose addresses were checked. */
void callback_set_all(struct vcpu *v, const struct vcpu_guest_context *c);
