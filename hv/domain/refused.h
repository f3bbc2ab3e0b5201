/* SPDX-License-Identifier: MIT */
/*
 * refused.h: a kernel that was shown large pages (pse=) as if on a bare machine
 * does not expect one to be refused, because what it maps is no whole block,
 * and does not look: the process that wanted it faults, is given the same page,
 * faults again, for ever, and nobody hears of it. So with pse=late, which is
 * for such kernels, it is said once, and a domain that faults so at one address
 * again and again, and nowhere else, ends with a line that says why.
 */
#pragma once

#include "hv/domain/vcpu.h"

/* v faults at va, and may have been refused one since it last did. No lock. */
void refused_fault(struct vcpu *v, uint64_t va);
