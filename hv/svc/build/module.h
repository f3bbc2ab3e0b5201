/* SPDX-License-Identifier: MIT */
/*
 * module.h: what a boot module is for, as its command line says:
 *     [/path] name=web mem=512M maxmem=1G vcpus=2 superpages=prefer
 *         relinquish=keep cpu=x86-64-v2 pse=late control terminal -- ...
 *     [/path] initrd=web
 *     [/path] kernel=keep           for the control guest to start
 *     [/path] scenario=story        for it to run
 */
#pragma once

#include "base.h"
#include "hv/domain/shown.h"
#include "hv/sched/lifecycle.h"
#include "mm/alloc/mm.h"

enum { MODULE_NAME = 16, MODULE_WHY = 80, MODULE_VCPUS = 32 };

enum module_kind {
    MODULE_GUEST,
    MODULE_INITRD,
    MODULE_KERNEL,
    MODULE_SCENARIO,
};

struct module_config {
    enum module_kind kind;
    char name[MODULE_NAME]; /* of the guest that it is, or is for; its own */
    uint64_t mem, maxmem;   /* bytes, whole blocks, mem <= maxmem */
    unsigned vcpus;
    struct cpu_set cpus; /* that it may run on */
    enum superpages superpages;
    enum relinquish relinquish;
    struct shown_choice cpu;
    bool control;
    bool terminal; /* its output passes unchanged (hv/svc/console/console.h) */
    const char *args; /* into the text; "" if none */
};

/* What of it the domain is. */
struct domain_config module_domain(const struct module_config *m);

/* Superpages where the text does not say. */
struct module_defaults {
    enum superpages superpages;
};

/*
 * Every word must be understood: on ERR_INVAL `why` names the one that was
 * not, or what is missing.
 */
enum err module_parse(struct module_config *m, const char *text,
                      const struct module_defaults *defaults,
                      char why[MODULE_WHY]);

/* Can a guest or a module be called so? */
bool module_name_ok(const char *name);
