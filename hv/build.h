/* SPDX-License-Identifier: MIT */
/* build.h: from a kernel and a module line to a domain that can run. */
#pragma once

#include "hv/domain.h"
#include "hv/module.h"

/* A file in memory, as the boot loader left it. */
struct build_file {
    const void *data; /* through the direct map */
    uint64_t len;
};

/*
 * Everything or nothing: on an error it has been said in one line what was
 * wrong, and all memory is given back. vCPU 0 is initialised but still down.
 */
must_check enum err build_domain(const struct module_config *c,
                                 struct build_file kernel,
                                 struct build_file initrd, struct domain **out);
