/* SPDX-License-Identifier: MIT */
/*
 * time.h: what guests know of time, and their timers.
 */
#pragma once

#include "hv/domain/domain.h"

/* Before any vCPU's timer is armed; and when all is there that may be due. */
void time_lists_init(void);
void time_init(void);

/*
 * Who has something to do now and then, whoever runs: `tick` 50 times a
 * second; true: again soon. `due`, where there is one, says when at_due() is
 * wanted besides; 0: not now.
 */
struct time_client {
    bool (*tick)(void);
    uint64_t (*due)(void);
    void (*at_due)(void);
    struct time_client *next; /* time.c's */
};
/* For ever; those that came first are called first. */
void time_register(struct time_client *c);

/* The time of day, once. */
void time_shared_init(struct domain *d);
/* The clock in v->info; again when that has moved. */
void time_info_init(struct vcpu *v);
/* v goes on: again if there is another scale since. */
void time_refresh(struct vcpu *v);

/* The same once more, where a guest's user programs may read it. */
enum err time_copy_info(uint64_t va);

/* After a change of v's timers. */
void time_arm(struct vcpu *v);
void time_disarm(struct vcpu *v);

/*
 * Whose time has come by now hears of it, as with the interrupt: for who has
 * kept that waiting.
 */
void time_fire(void);

/* Makes the machine's timer fit what is wanted next. */
void time_program(void);
/* When that timer fires. */
uint64_t time_next(void);
