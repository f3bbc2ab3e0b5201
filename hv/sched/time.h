/* SPDX-License-Identifier: MIT */
/*
 * time.h: what guests know of time, and their timers.
 */
#pragma once

#include "hv/domain/domain.h"

void time_init(void);

/* The time of day, once. */
void time_shared_init(struct domain *d);
/* The clock in v->info; again when that has moved. */
void time_info_init(struct vcpu *v);

/* The same once more, where a guest's user programs may read it. */
must_check enum err time_copy_info(uint64_t va);

/* After a change of v's timers. */
void time_arm(struct vcpu *v);
void time_disarm(struct vcpu *v);

/* Makes the machine's timer fit what is wanted next. */
void time_program(void);
/* When that timer fires. */
uint64_t time_next(void);
