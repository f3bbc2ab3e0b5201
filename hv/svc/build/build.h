/* SPDX-License-Identifier: MIT */
/* build.h: from a kernel and a module line to a domain that can run. */
#pragma once

#include "hv/domain/domain.h"
#include "hv/svc/build/module.h"

/* A file in memory, as the boot loader left it. */
struct build_file {
    const void *data; /* through the direct map */
    uint64_t len;
};

/*
 * Everything or nothing: on an error `text` (FLAGSTONE_TEXT bytes) says in one
 * line what was wrong, for who asked, and all memory is given back.
 * ERR_RESTART: time is up, call again. The vCPUs are still down. One domain
 * is built at a time; c->args stays valid meanwhile.
 */
void build_begin(const struct module_config *c, struct build_file kernel,
                 struct build_file initrd);
enum err build_step(struct domain **out, char *text);
/* Nobody will call again. */
void build_cancel(void);

/* All of it at once; nobody asked, so the console says what was wrong, too. */
enum err build_domain(const struct module_config *c, struct build_file kernel,
                      struct build_file initrd, struct domain **out,
                      char *text);
