/* SPDX-License-Identifier: MIT */
/*
 * flagstone_super.h: FLAGSTONE_OP_split, _join, _heal and _compact. Each is
 * given the argument(s) of the hypercall and returns what the guest finds in
 * rax.
 */
#pragma once

#include "hv/domain/vcpu.h"

long flagstone_super_split(struct vcpu *v, uint64_t arg);
long flagstone_super_join(struct vcpu *v, uint64_t arg);
long flagstone_super_heal(struct vcpu *v, uint64_t arg);
long flagstone_super_compact(struct vcpu *v, uint64_t cmd, uint64_t arg);
