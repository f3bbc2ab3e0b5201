/* SPDX-License-Identifier: MIT */
/*
 * vcpu.h: the vCPUs beside the first: each runs one function at a time, on a
 * stack of its own, and is down while it has none.
 *
 * What such a function may use: hypercalls, events (each vCPU takes its own),
 * and probe.h for accesses that may fault. Reports, guest_try() and the pool of
 * frames are the first vCPU's.
 */
#pragma once

#include "guest/lib/hypercall.h"

#define VCPU_MAX   32u /* as many as shared_info has */
#define VCPU_STACK 16384u

typedef void vcpu_fn_t(void *arg);

/* How many the domain has, 1 to VCPU_MAX of them. */
unsigned vcpu_count(void);
/* Which one this is, by its stack. */
unsigned vcpu_self(void);

/* fn(arg) on vCPU id, which is not 0 and has nothing to do; 0, or a negated
 * errno. It has begun when this returns. */
int64_t vcpu_run(unsigned id, vcpu_fn_t *fn, void *arg);
/* Until that has ended; false: not within ms. */
bool vcpu_wait(unsigned id, unsigned ms);

/* For VCPUOP_initialise: in the kernel, on the root in use. */
void vcpu_fill_context(struct vcpu_guest_context *c, vcpu_fn_t *fn, void *arg,
                       void *stack_end);
