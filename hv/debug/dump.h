/* SPDX-License-Identifier: MIT */
/* dump.h: what a crashed guest was doing. */
#pragma once

#include "hv/domain/domain.h"

/* Registers, stack and the walk of RIP's and CR2's page tables. */
void dump_vcpu(struct vcpu *v);
