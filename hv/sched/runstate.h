/* SPDX-License-Identifier: MIT */
/*
 * runstate.h: what a vCPU does, runs, may run, waits or is down, since when,
 * and how long it has done each (ABI fact 2.9).
 */
#pragma once

#include "hv/domain/domain.h"
#include "xen/vcpu.h"

/* As of now, which may be a bit earlier than what another CPU has said. */
void runstate_set(struct vcpu *v, enum xen_runstate state, uint64_t now);
/* What it is while it does not run. */
void runstate_waiting(struct vcpu *v, uint64_t now);
/* v's time in each state until now. */
void runstate_get(struct vcpu *v, struct vcpu_runstate_info *out);
/* Where v wants them, after a change; v is loaded. */
void runstate_publish(struct vcpu *v);
