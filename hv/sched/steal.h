/* SPDX-License-Identifier: MIT */
/*
 * steal.h: a vCPU out of another CPU's queue, for this one, which has it then;
 * NULL: there is none. No lock is held.
 */
#pragma once

#include "hv/domain/domain.h"

/* From the fullest queue, or any in which there is one that may run here. */
struct vcpu *steal_any(void);

/* Who is next here, if nobody is stolen, and what that one has had. */
struct steal_place {
    const struct domain *d;
    uint64_t domain_had, had;
};
/* Who is owed much more than that one. */
struct vcpu *steal_owed(const struct steal_place *p);
