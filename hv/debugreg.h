/* SPDX-License-Identifier: MIT */
/*
 * debugreg.h: a guest's breakpoints. Invariant: no address register that is
 * ever loaded points into the hypervisor (XSA-444), no general detect.
 */
#pragma once

#include "hv/domain.h"

/* 0 or a negated errno, as the hypercall answers. */
long debugreg_set(struct vcpu *v, unsigned reg, uint64_t value);
long debugreg_get(const struct vcpu *v, unsigned reg, uint64_t *value);
void debugreg_reset(struct vcpu *v);
/* #DB from the guest: what DR6 says is merged into its own. */
void debugreg_trap(struct vcpu *v);
void debugreg_save(struct vcpu *v);
void debugreg_load(const struct vcpu *v);
