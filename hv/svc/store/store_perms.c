/* SPDX-License-Identifier: MIT */
/*
 * store_perms.c: the permissions of a node. They are kept as the guest gave
 * them and told again; nobody else can be here whom they would let in or keep
 * out. The owner comes first, and stays.
 */
#include "hv/svc/store/store_request.h"

#include "hv/base/print.h"
#include "hv/base/string.h"

/* Those that there are at first. */
static const char *reply_first(struct store *s)
{
    char text[16];
    size_t n = 0;

    if (s->job.dentry->flags & STORE_FIXED) {
        n = print_format(text, sizeof(text), "n0") + 1;
        n += print_format(text + n, sizeof(text) - n, "r%u", s->d->id) + 1;
    } else {
        n = print_format(text, sizeof(text), "n%u", s->d->id) + 1;
    }
    return store_reply(s, text, n);
}

const char *store_get_perms(struct store *s)
{
    struct store_value *v;
    const char *wrong = store_job_node(s, &v);

    if (wrong)
        return wrong;
    return v->perms ? store_reply(s, v->bytes, v->perms) : reply_first(s);
}

/* Its length with its 0; 0: it is none. *id: whose. */
static size_t parse_one(const char *p, uint32_t left, uint32_t *id)
{
    uint32_t n = 1;

    if (*p != 'r' && *p != 'w' && *p != 'b' && *p != 'n')
        return 0;
    for (*id = 0; n < left && p[n] >= '0' && p[n] <= '9'; n++) {
        *id = *id * 10 + (uint32_t)(p[n] - '0');
        if (n >= STORE_PERM_SIZE - 1)
            return 0;
    }
    return n > 1 && n < left && !p[n] && *id <= UINT16_MAX ? n + 1 : 0;
}

/* NULL: a list of permissions, not too long and with the owner at its head. */
static const char *check(struct store *s)
{
    const struct store_job *j = &s->job;
    uint32_t at = 0, owner = 0, id;
    unsigned nr = 0;

    for (; at < j->len && nr <= STORE_PERMS; nr++) {
        size_t n = parse_one(j->data + at, j->len - at, &id);

        if (!n)
            return "EINVAL";
        owner = nr ? owner : id;
        at += (uint32_t)n;
    }
    if (!nr)
        return "EINVAL";
    if (nr > STORE_PERMS)
        return store_quota(s, STORE_QUOTA_PERMS);
    return owner == s->d->id ? NULL : "EPERM";
}

const char *store_set_perms(struct store *s)
{
    struct store_job *j = &s->job;
    struct store_value *old, *new;
    const char *wrong = check(s);

    if (!wrong)
        wrong = store_job_node(s, &old);
    if (wrong)
        return wrong;
    if (j->dentry->flags & STORE_FIXED)
        return "EROFS";
    new = store_value_make(&s->tree, (struct store_perms){j->data, j->len},
                           store_bytes(old), old->len, false);
    if (!new)
        return store_quota(s, STORE_QUOTA_ROOM);
    store_job_change(s, j->dentry, new);
    store_job_tell(s, j->dentry, false);
    return store_ok(s);
}
