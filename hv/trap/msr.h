/* SPDX-License-Identifier: MIT */
/* msr.h: what a guest reads from a model-specific register, or writes to one.
 */
#pragma once

#include "hv/domain/domain.h"

/* False: #GP. v is loaded. */
bool msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
bool msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
