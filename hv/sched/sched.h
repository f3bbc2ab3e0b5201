/* SPDX-License-Identifier: MIT */
/*
 * sched.h: who runs next on which CPU: by time slices, shared alike among
 * domains, and within one among its vCPUs.
 */
#pragma once

#include "hv/domain/domain.h"

/* v is new, and never ran: at home on one of the CPUs where it may. */
void sched_place(struct vcpu *v);
/* v was down and may run from now on; or is to stop. v may be current. */
void sched_up(struct vcpu *v);
void sched_down(struct vcpu *v);
/* Its domain was suspended: unless it is down it may run. */
void sched_resume(struct vcpu *v);
/* Its domain was paused: what sleeps goes on sleeping. */
void sched_unpause(struct vcpu *v);
/* The current vCPU lets all others go first. */
void sched_give_way(void);
/*
 * The current vCPU is to sleep; false: it was taken down meanwhile. Then it
 * looks whether what it waits for is there, and stays, or sched_request().
 */
bool sched_sleep(struct vcpu *v, enum vcpu_state how);
void sched_stay(struct vcpu *v, enum vcpu_state how);
/* What v may have waited for is there: if it sleeps it does not any more. */
void sched_wake(struct vcpu *v);
/* Has a CPU v loaded, or is about to load it? */
bool sched_held(struct vcpu *v);
/* Nothing points at v any more; its domain is being released. */
void sched_forget(struct vcpu *v);
/* What ends the machine when no domain is left; fn does not come back. */
void sched_when_empty(void (*fn)(void));
/* Choose anew before any guest runs on. */
void sched_request(void);

/*
 * What is done between the two, mostly in an interrupt, is done for d and put
 * down to it, whoever runs; NULL: for whoever runs. One may be done in the
 * midst of another: what the first returns is for the second.
 */
must_check struct domain *sched_errand_begin(struct domain *d);
void sched_errand_end(struct domain *outer);
/* Is one of them up? */
bool sched_has_cpu(const struct cpu_set *cpus);
/* Has d had no more than its share, as long as others want to run? */
bool sched_may_spend(const struct domain *d);

/* From the timer. */
void sched_tick(uint64_t now);
/* When the current slice ends, 0 while nobody waits for it. */
uint64_t sched_slice_end(void);

/*
 * Chooses who runs next if that was requested or the current vCPU cannot go on,
 * makes it current with vcpu_switch(), idles while nobody can, and returns with
 * a current vCPU that can run. Work flags were cleared before.
 */
void sched_before_guest(bool requested);
