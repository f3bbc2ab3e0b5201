/* SPDX-License-Identifier: MIT */
/*
 * kept.h: boot modules that stay in memory for the control guest: kernels it
 * may start with their ramdisks, scenarios it may run.
 */
#pragma once

#include "hv/svc/build/build.h"
#include "hv/svc/build/module.h"

struct kept {
    const char *name;
    enum module_kind kind; /* any but MODULE_GUEST */
    struct build_file file;
};

/* name stays. false: that name of that kind is there already. */
must_check bool kept_add(enum module_kind kind, const char *name,
                         struct build_file file);
/* NULL: there is none. */
const struct kept *kept_nth(uint64_t n);
const struct kept *kept_find(enum module_kind kind, const char *name);
