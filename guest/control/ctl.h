/* SPDX-License-Identifier: MIT */
/*
 * ctl.h: the hypervisor's control operations as functions. What the
 * hypervisor refuses is refused in its words.
 */
#pragma once

#include "flagstone/control.h"
#include "guest/control/shell.h"

/* The one request, zeroed; it is used up by ctl_run(). */
struct flagstone_control *ctl_new(enum flagstone_control_cmd cmd);
struct flagstone_control *ctl_named(enum flagstone_control_cmd cmd,
                                    const char *name);
bool ctl_run(struct flagstone_control *c);
/* False: what it answered, which was not 0, put into words. */
bool ctl_refuse(struct flagstone_control *c, int64_t rc);
/* The errno negated, nothing refused. */
int64_t ctl_try(struct flagstone_control *c);

bool ctl_machine(struct flagstone_machine *m);
/* The first with this id or a higher one; false: no more, nothing refused. */
bool ctl_next_domain(uint32_t from, struct flagstone_domain *d);
/* By name; false: there is none (not refused), or there is none and that is
 * refused. */
/* A name that a domain has or had: the last CTL_REMEMBERED that were asked for.
 */
#define CTL_REMEMBERED 64u
void ctl_remember(const char *name);
bool ctl_remembers(const char *name);
bool ctl_has_domain(const char *name, struct flagstone_domain *d);
bool ctl_domain(const char *name, struct flagstone_domain *d);
bool ctl_nth_image(uint64_t n, struct flagstone_image *i);
bool ctl_image(const char *name, struct flagstone_image *i);
bool ctl_nth_module(uint64_t n, struct flagstone_module *m);
/* The number of the module of this kind and name, -1 if there is none. */
int64_t ctl_module(enum flagstone_module_kind kind, const char *name,
                   struct flagstone_module *m);
/* The first bytes of a module; the number of them. */
bool ctl_read(uint64_t module, void *buf, uint64_t size, uint64_t *len);

/* One operation on a domain, by its name. */
bool ctl_on_domain(enum flagstone_control_cmd cmd, const char *name,
                   uint64_t n);
bool ctl_with_number(enum flagstone_control_cmd cmd, uint64_t n);
