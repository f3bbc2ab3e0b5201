/* SPDX-License-Identifier: MIT */
/*
 * debugreg.h: a guest's breakpoints. Invariants: no address register that is
 * ever loaded points into the hypervisor (XSA-444), no general detect; while
 * anything is enabled in the machine, all of its registers are the current
 * vCPU's.
 */
#pragma once

#include "hv/domain/domain.h"

/* ERR_INVAL, ERR_PERM, ERR_NODEV. */
enum err debugreg_set(struct vcpu *v, unsigned reg, uint64_t value);
enum err debugreg_get(const struct vcpu *v, unsigned reg, uint64_t *value);
void debugreg_reset(struct vcpu *v);
/* #DB from the guest: what DR6 says is merged into its own. */
void debugreg_trap(struct vcpu *v);
/* Is there a breakpoint of the guest's on these ports? Then DR6 says so. */
bool debugreg_port(struct vcpu *v, unsigned port, unsigned size);
void debugreg_save(struct vcpu *v);
void debugreg_load(const struct vcpu *v);
