/* SPDX-License-Identifier: MIT */
/* traced.h: telling of the hypercalls of a domain that is traced. */
#pragma once

#include "hv/call/hypercall.h"

/* Before there is a domain: its vCPUs get the table they go by. */
void traced_register(void);

/* From entry.asm: carries it out. */
long traced_call(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                 uint64_t f, uint64_t nr);
/* v, the current one, has just carried out this entry of a multicall. */
void traced_inner(struct vcpu *v, const struct multicall_entry *e, long rc);
