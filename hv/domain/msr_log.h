/* SPDX-License-Identifier: MIT */
/*
 * msr_log.h: with `debug`, which MSRs a kernel reads and writes, and what it
 * is answered: the list in docs/abi-honoured.md is taken from these lines.
 * Invariant: a vCPU has MSR_LOG_MAX lines in its life, whatever it does.
 */
#pragma once

#include "base.h"

#define MSR_LOG_MAX 64u

struct msr_log {
    uint32_t msr[MSR_LOG_MAX];
    uint8_t kind[MSR_LOG_MAX]; /* enum msr_access, and whether refused */
    uint8_t used;
};

enum msr_access { MSR_READ, MSR_WRITE };

struct vcpu;

/* v read the value or wrote it; or was refused that. The first time of each
 * kind is told. */
void msr_log(struct vcpu *v, enum msr_access how, uint32_t msr, uint64_t value,
             bool refused);
