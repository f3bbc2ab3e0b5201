/* SPDX-License-Identifier: MIT */
/*
 * retained.h: boot modules that stay in memory for the control guest: kernels
 * it may start with their ramdisks, scenarios it may run; and the names of the
 * guests that were started at boot.
 */
#pragma once

#include "hv/svc/build/build.h"
#include "hv/svc/build/module.h"

struct retained {
    const char *name;
    enum module_kind kind; /* MODULE_GUEST: its file is not kept */
    struct build_file file;
};

/* name stays. false: that name of that kind is there already. */
must_check bool retained_add(enum module_kind kind, const char *name,
                             struct build_file file);
/* NULL: there is none. */
const struct retained *retained_nth(uint64_t n);
const struct retained *retained_find(enum module_kind kind, const char *name);
