/* SPDX-License-Identifier: MIT */
/*
 * flagstone_super.h: FLAGSTONE_OP_split, _join, _heal and _compact. Each is
 * given the argument of the hypercall and returns what the guest finds in rax.
 */
#pragma once

#include "hv/vcpu.h"

long flagstone_super_split(struct vcpu *v, uint64_t arg);
long flagstone_super_join(struct vcpu *v, uint64_t arg);
