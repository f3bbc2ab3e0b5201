/* SPDX-License-Identifier: MIT */
/*
 * cpuid.h: what a guest may know of the processor. Its features are those of
 * d->shown, wherever it has come to.
 */
#pragma once

#include "hv/arch/x86.h"
#include "hv/domain/domain.h"

/* After fpu_init(). */
void cpuid_init(void);
/* From what cpu= says. ERR_INVAL: text names what this processor lacks. */
enum err cpuid_choose(const struct shown_choice *c, struct shown *out,
                      char *text);
/* The guest `name` comes from elsewhere: the same. */
enum err cpuid_fits(const struct shown *s, const char *name, char *text);

struct x86_cpuid cpuid_leaf(const struct vcpu *v, uint32_t leaf, uint32_t sub);
/* CR4 as the guest reads it; what it may set of it. */
uint64_t cpuid_cr4(const struct vcpu *v);
#define CPUID_CR4_GUEST (CR4_TSD | CR4_DE | CR4_OSXSAVE)
