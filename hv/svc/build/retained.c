/* SPDX-License-Identifier: MIT */
/*
 * retained.c: see retained.h. Invariant: no two of one kind have the same name,
 * and memory_free_module() is not called for a file that is in here.
 */
#include "hv/svc/build/retained.h"

#include "boot/bootinfo.h"
#include "hv/base/string.h"

static struct retained retained[BOOTINFO_MODULES];
static unsigned nr_retained;

bool retained_add(enum module_kind kind, const char *name,
                  struct build_file file)
{
    if (nr_retained == ARRAY_SIZE(retained) || retained_find(kind, name))
        return false;
    retained[nr_retained++] =
        (struct retained){.name = name, .kind = kind, .file = file};
    return true;
}

const struct retained *retained_nth(uint64_t n)
{
    return n < nr_retained ? &retained[n] : NULL;
}

const struct retained *retained_find(enum module_kind kind, const char *name)
{
    for (unsigned i = 0; i < nr_retained; i++)
        if (retained[i].kind == kind && !strcmp(retained[i].name, name))
            return &retained[i];
    return NULL;
}
