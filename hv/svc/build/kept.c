/* SPDX-License-Identifier: MIT */
/*
 * kept.c: see kept.h. Invariant: no two of one kind have the same name, and
 * memory_free_module() is not called for what is in here.
 */
#include "hv/svc/build/kept.h"

#include "boot/bootinfo.h"
#include "hv/base/string.h"

static struct kept kept[BOOTINFO_MODULES];
static unsigned nr_kept;

bool kept_add(enum module_kind kind, const char *name, struct build_file file)
{
    if (nr_kept == ARRAY_SIZE(kept) || kept_find(kind, name))
        return false;
    kept[nr_kept++] = (struct kept){.name = name, .kind = kind, .file = file};
    return true;
}

const struct kept *kept_nth(uint64_t n)
{
    return n < nr_kept ? &kept[n] : NULL;
}

const struct kept *kept_find(enum module_kind kind, const char *name)
{
    for (unsigned i = 0; i < nr_kept; i++)
        if (kept[i].kind == kind && !strcmp(kept[i].name, name))
            return &kept[i];
    return NULL;
}
