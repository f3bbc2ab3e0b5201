/* SPDX-License-Identifier: MIT */
/*
 * claims.c: see claims.h. Invariant: what the table says is claimed in mm/'s
 * allocator, so nobody else can be given it.
 */
#include "hv/sched/claims.h"

#include "hv/arch/memory.h"
#include "hv/base/fail.h"
#include "hv/base/log.h"
#include "hv/base/print.h"
#include "hv/base/string.h"
#include "hv/domain/domain.h"

enum { CLAIMS = 16 };

struct claim {
    char name[DOMAIN_NAME_MAX];
    uint64_t blocks; /* 0: not in use */
};
static struct claim claims[CLAIMS];

static struct claim *find(const char *name)
{
    for (struct claim *c = claims; c < claims + CLAIMS; c++)
        if (c->blocks && !strcmp(c->name, name))
            return c;
    return NULL;
}

static struct claim *find_or_make(const char *name)
{
    struct claim *c = find(name);

    if (c)
        return c;
    for (c = claims; c < claims + CLAIMS; c++) {
        if (c->blocks)
            continue;
        print_format(c->name, sizeof(c->name), "%s", name);
        return c;
    }
    return NULL;
}

static enum err too_much(uint64_t more, char *text)
{
    struct alloc_stats s = alloc_stats(&hv_mm);
    uint64_t kept = MIN(s.free, s.claimed + s.reserve);

    return fail(text, ERR_NOMEM,
                "%lu blocks more cannot be promised: %lu are free that are "
                "neither promised nor kept for cutting",
                more, s.free - kept);
}

enum err claims_set(const char *name, uint64_t n, char *text)
{
    struct claim *c = find_or_make(name);

    if (!c)
        return n ? fail(text, ERR_NOSPC, "there are %u claims already", CLAIMS)
                 : ERR_NONE;
    if (n > c->blocks && alloc_claim(&hv_mm, n - c->blocks))
        return too_much(n - c->blocks, text);
    if (n < c->blocks)
        alloc_unclaim(&hv_mm, c->blocks - n);
    c->blocks = n;
    return ERR_NONE;
}

uint64_t claims_take(const char *name)
{
    struct claim *c = find(name);
    uint64_t n = c ? c->blocks : 0;

    if (c)
        c->blocks = 0;
    return n;
}

void claims_return(const char *name, uint64_t n)
{
    char text[160];

    if (n && claims_set(name, n, text))
        log_say("claim of %s lost: %s", name, text);
}

void claims_forget(void)
{
    for (struct claim *c = claims; c < claims + CLAIMS; c++) {
        alloc_unclaim(&hv_mm, c->blocks);
        c->blocks = 0;
    }
}
