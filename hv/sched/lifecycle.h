/* SPDX-License-Identifier: MIT */
/* lifecycle.h: domains made and taken down. */
#pragma once

#include "hv/domain/domain.h"

/* What a domain is at birth. */
struct domain_config {
    const char *name;     /* shorter than DOMAIN_NAME_MAX */
    uint64_t mem, maxmem; /* bytes, whole blocks, mem <= maxmem */
    unsigned vcpus;
    struct cpu_set cpus; /* its vCPUs may run on */
    enum superpages superpages;
    enum relinquish relinquish;
    bool control;  /* it may ask for things to be done to others */
    bool terminal; /* its output passes unchanged (hv/svc/console/console.h) */
};

/*
 * A domain with nothing but its shared_info and vCPUs that are down, which is
 * shown what this processor has. On error there is nothing.
 */
enum err domain_create(const struct domain_config *c, const struct shown *shown,
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
enum err domain_destroy(struct domain *d);
