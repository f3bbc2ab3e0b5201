/* SPDX-License-Identifier: MIT */
/* lifecycle.h: domains made, taken down, and the machine that is done. */
#pragma once

#include "hv/domain/domain.h"
#include "hv/svc/build/module.h"

/*
 * A domain with nothing but its shared_info and vCPUs that are down, which is
 * shown what this processor has. On error there is nothing.
 */
must_check enum err domain_create(const struct module_config *m,
                                  const struct shown *shown,
                                  struct domain **out);

/* It is complete and runs from now on. */
void domain_start(struct domain *d);

/*
 * Some of the work of taking ended domains down; false: there is none just
 * now, those that are left wait for the console. The vCPU that is loaded
 * afterwards is not one of the domain worked on.
 */
bool domain_reap(void);
/*
 * The same of one domain that does not run, ended or not, without a report:
 * ERR_RESTART: time is up, call again. Then it is gone.
 */
must_check enum err domain_destroy(struct domain *d);

/* How many there are for domain_reap(). */
extern unsigned domain_ended;
