/* SPDX-License-Identifier: MIT */
/*
 * refused.h: a kernel that was shown large pages (pse=) as if on a bare machine
 * does not expect one to be refused, because what it maps is no whole block,
 * and does not look: the process that wanted it faults, is given the same page,
 * faults again, for ever, and nobody hears of it. So it is said once, and who
 * faults so at one address again and again ends with a line that says why.
 */
#pragma once

#include "hv/domain/vcpu.h"

/* v faults at va, and the count of refused ones may have changed since. */
void refused_fault(struct vcpu *v, uint64_t va);
