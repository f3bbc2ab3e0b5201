/* SPDX-License-Identifier: MIT */
/*
 * ptwr.h: writable page tables: a guest's plain store to an L1 table of its
 * own faults, for it is mapped read only, and is carried out as an update.
 */
#pragma once

#include "hv/domain/domain.h"

/* The guest's kernel wrote to va. False: no such store, deliver the fault. */
bool ptwr_fault(struct vcpu *v, uint64_t va);
