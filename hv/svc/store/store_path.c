/* SPDX-License-Identifier: MIT */
/* store_path.c: from the path in a request to its dentry, and small answers. */
#include "hv/svc/store/store_request.h"

#include "hv/base/print.h"
#include "hv/base/string.h"

#define PARTS 16u /* of a path at a time */

/* --- checking ------------------------------------------------------------ */

static const bool path_char[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true,
    ['-'] = true,         ['/'] = true,         ['_'] = true,
    ['@'] = true,
};

/* The loop is without branches: a path may be long. */
static bool path_ok(const char *p, size_t n)
{
    bool right = true;

    if (n == 0 || n > STORE_ABSOLUTE || (n > 1 && p[n - 1] == '/'))
        return false;
    for (size_t i = 0; i < n; i++)
        right &=
            path_char[(uint8_t)p[i]] & !((p[i] == '/') & (p[i + 1] == '/'));
    return right;
}

/* What of it is below the home; NULL: it is not there. */
static const char *below_home(const struct store *s, const char *path)
{
    char home[STORE_HOME_ROOM];
    size_t n;

    if (*path != '/')
        return *path == '@' ? NULL : path;
    n = print_format(home, sizeof(home), STORE_HOME "%u", s->d->id);
    if (strncmp(path, home, n) != 0 || (path[n] && path[n] != '/'))
        return NULL;
    return path + n + (path[n] == '/');
}

/* Below the home, or NULL: what is to be said of one that is elsewhere. */
static const char *elsewhere(const struct store_job *j, enum store_path what)
{
    if (what == STORE_PATH_LOOK)
        return "ENOENT"; /* nobody else's can be seen */
    if (what == STORE_PATH_CHANGE)
        return "EROFS";
    return j->absolute ? NULL : "EACCES"; /* @releaseDomain and the like */
}

static const char *begin_at(struct store *s, enum store_path what,
                            const char *path, size_t len)
{
    struct store_job *j = &s->job;
    const char *below = below_home(s, path);
    const char *wrong = below ? NULL : elsewhere(j, what);

    if (wrong)
        return wrong;
    if (below && len - (size_t)(below - path) > STORE_RELATIVE)
        return "EINVAL";
    if (below && !*below && what == STORE_PATH_CHANGE)
        return "EROFS"; /* the home itself */
    j->dentry = store_hold(below ? s->tree.home : s->tree.root);
    j->rest = below ? below : path + 1;
    return NULL;
}

const char *store_path_take(struct store *s, enum store_path what, bool rest)
{
    struct store_job *j = &s->job;
    size_t n = strlen(s->body), len = s->head.len;

    if (n >= len || (!rest && n + 1 != len) || !path_ok(s->body, n))
        return "EINVAL";
    j->data = s->body + n + 1;
    j->len = (uint32_t)(len - n - 1);
    j->absolute = *s->body == '/';
    return begin_at(s, what, s->body, n);
}

/* --- going --------------------------------------------------------------- */

static const char *go_on(struct store *s, bool make, size_t len)
{
    struct store_job *j = &s->job;
    struct store_dentry *dir = j->dentry, *p;

    if (make) {
        p = store_tree_make(&s->tree, dir, j->rest, len);
    } else {
        p = store_tree_find(&s->tree, dir, j->rest, len);
        j->near = !p && !j->rest[len] && dir->value;
        if (p)
            store_hold(p);
    }
    j->rest += len + (j->rest[len] == '/');
    j->dentry = p;
    store_drop(&s->tree, dir);
    return make && !p ? store_quota(s, STORE_QUOTA_ROOM) : NULL;
}

const char *store_path_go(struct store *s, bool make)
{
    struct store_job *j = &s->job;
    const char *wrong = NULL;

    for (unsigned i = 0; i < PARTS && j->dentry && *j->rest && !wrong; i++) {
        size_t len = 0;

        while (j->rest[len] && j->rest[len] != '/')
            len++;
        wrong = go_on(s, make, len);
    }
    return wrong || !j->dentry || !*j->rest ? wrong : store_more;
}

/* --- small answers ------------------------------------------------------- */

const char *store_reply(struct store *s, const void *p, size_t n)
{
    ASSERT(n <= XENSTORE_PAYLOAD_MAX);
    memcpy(store_out(s), p, n);
    s->job.reply_len = (uint32_t)n;
    return NULL;
}

const char *store_ok(struct store *s)
{
    return store_reply(s, "OK", 3);
}
