/* SPDX-License-Identifier: MIT */
/*
 * store_quota.c: what a guest's store is limited to, so that whoever wonders
 * why a guest was refused finds it on the console: once for each kind.
 */
#include "hv/svc/store/store_request.h"

#include "hv/base/log.h"

#define KIB_IN_FRAME (PAGE_SIZE >> 10)

static const struct {
    const char *error, *what;
    unsigned limit;
} quotas[] = {
    [STORE_QUOTA_NODES] = {"ENOSPC", "nodes", STORE_NODES},
    [STORE_QUOTA_ROOM] = {"ENOSPC", "KiB", STORE_FRAMES *KIB_IN_FRAME},
    [STORE_QUOTA_VALUE] = {"ENOSPC", "bytes in a value", STORE_VALUE_MAX},
    [STORE_QUOTA_WATCHES] = {"E2BIG", "watches", STORE_WATCHES},
    [STORE_QUOTA_TRANSACTIONS] = {"ENOSPC", "transactions at a time",
                                  STORE_TRANSACTIONS},
    [STORE_QUOTA_ENTRIES] = {"ENOSPC", "nodes in a transaction", STORE_ENTRIES},
    [STORE_QUOTA_PERMS] = {"ENOSPC", "permissions of a node", STORE_PERMS},
};
_Static_assert(ARRAY_SIZE(quotas) <= 8, "bits of said");

const char *store_quota(struct store *s, enum store_quota what)
{
    if (!(s->said & BIT(what)))
        log_say("d%u %s: its store has room for %u %s, and no more", s->d->id,
                s->d->name, quotas[what].limit, quotas[what].what);
    s->said |= (uint8_t)BIT(what);
    return quotas[what].error;
}
