/* SPDX-License-Identifier: MIT */
/*
 * store_request.c: from a message to the message that answers it, and the
 * requests about domains and watches.
 */
#include "hv/svc/store/store_request.h"

#include "hv/base/print.h"
#include "hv/base/string.h"

#define SEARCHED 4u /* watches at a time */

const char store_more[] = "";

/* --- domains ------------------------------------------------------------- */

static bool parse_id(const struct store *s, uint32_t *id)
{
    const uint32_t len = s->head.len;

    *id = 0;
    for (unsigned i = 0; i + 1 < len; i++) {
        if (s->body[i] < '0' || s->body[i] > '9' || *id > DOMID_FIRST_RESERVED)
            return false;
        *id = *id * 10 + (uint32_t)(s->body[i] - '0');
    }
    return len > 1 && !s->body[len - 1];
}

static const char *do_domain_path(struct store *s)
{
    char path[STORE_HOME_ROOM + 8];
    uint32_t id;

    if (!parse_id(s, &id))
        return "EINVAL";
    return store_reply(
        s, path, print_format(path, sizeof(path), STORE_HOME "%u", id) + 1);
}

static const char *do_introduced(struct store *s)
{
    uint32_t id;

    if (!parse_id(s, &id))
        return "EINVAL";
    return store_reply(s, id == s->d->id ? "T" : "F", 2);
}

/* --- watches ------------------------------------------------------------- */

static const char *check_token(const struct store_job *j)
{
    if (!j->len || j->len > STORE_TOKEN || strlen(j->data) + 1 != j->len)
        return "EINVAL";
    return NULL;
}

/* The watch asked for, of those at the dentry: j->watch, NULL: there is none.
 */
static const char *search(struct store_job *j)
{
    for (unsigned i = 0; j->watch && i < SEARCHED; i++) {
        if (store_watch_is(j->watch, j->absolute, j->data, j->len))
            return NULL;
        j->watch = j->watch->next;
    }
    return j->watch ? store_more : NULL;
}

static const char *search_begin(struct store_job *j)
{
    const char *wrong = check_token(j);

    if (wrong)
        return wrong;
    j->watch = j->dentry ? j->dentry->watches : NULL;
    j->phase++;
    return store_more;
}

static const char *add_watch(struct store *s)
{
    const struct store_job *j = &s->job;

    if (j->watch)
        return "EEXIST";
    if (s->watches.nr == STORE_WATCHES)
        return store_quota(s, STORE_QUOTA_WATCHES);
    if (store_watch_add(&s->watches, &s->tree, j->dentry, j->absolute, j->data,
                        j->len))
        return store_quota(s, STORE_QUOTA_ROOM);
    return store_ok(s);
}

static const char *do_watch(struct store *s)
{
    const char *wrong = s->job.phase ? search(&s->job) : search_begin(&s->job);

    return wrong ? wrong : add_watch(s);
}

static const char *do_unwatch(struct store *s)
{
    struct store_job *j = &s->job;
    const char *wrong = j->phase ? search(j) : search_begin(j);

    if (wrong)
        return wrong;
    if (!j->watch)
        return "ENOENT";
    store_watch_remove(&s->watches, &s->tree, s->watches.slot[j->watch->slot]);
    return store_ok(s);
}

bool store_reset_step(struct store *s)
{
    if (store_watch_remove_some(&s->watches, &s->tree))
        return true;
    for (unsigned i = 0; i < STORE_TRANSACTIONS; i++)
        store_transaction_drop(&s->transactions, &s->transactions.of[i]);
    return false;
}

static const char *do_reset_watches(struct store *s)
{
    return store_reset_step(s) ? store_more : store_ok(s);
}

/* --- all of them --------------------------------------------------------- */

static const char *privileged(struct store *s)
{
    (void)s;
    return "EACCES";
}

static const struct store_request {
    const char *(*work)(struct store *s);
    enum store_path path;
    bool rest; /* something follows the path */
    bool make; /* there is to be a dentry */
} requests[] = {
    [XS_CONTROL] = {.work = privileged},
    [XS_DIRECTORY] = {.work = store_directory, .path = STORE_PATH_LOOK},
    [XS_READ] = {.work = store_read, .path = STORE_PATH_LOOK},
    [XS_GET_PERMS] = {.work = store_get_perms, .path = STORE_PATH_LOOK},
    [XS_WATCH] = {.work = do_watch,
                  .path = STORE_PATH_WATCH,
                  .rest = true,
                  .make = true},
    [XS_UNWATCH] = {.work = do_unwatch, .path = STORE_PATH_WATCH, .rest = true},
    [XS_TRANSACTION_START] = {.work = store_transaction_start},
    [XS_TRANSACTION_END] = {.work = store_transaction_end},
    [XS_INTRODUCE] = {.work = privileged},
    [XS_RELEASE] = {.work = privileged},
    [XS_GET_DOMAIN_PATH] = {.work = do_domain_path},
    [XS_WRITE] = {.work = store_write,
                  .path = STORE_PATH_CHANGE,
                  .rest = true,
                  .make = true},
    [XS_MKDIR] = {.work = store_mkdir, .path = STORE_PATH_CHANGE, .make = true},
    [XS_RM] = {.work = store_rm, .path = STORE_PATH_CHANGE},
    [XS_SET_PERMS] = {.work = store_set_perms,
                      .path = STORE_PATH_CHANGE,
                      .rest = true},
    [XS_IS_DOMAIN_INTRODUCED] = {.work = do_introduced},
    [XS_RESUME] = {.work = privileged},
    [XS_SET_TARGET] = {.work = privileged},
    [XS_DIRECTORY_PART] = {.work = store_directory_part,
                           .path = STORE_PATH_LOOK,
                           .rest = true},
    [XS_RESET_WATCHES] = {.work = do_reset_watches},
};

static const char *check(struct store *s)
{
    const struct xsd_sockmsg *h = &s->head;
    const struct store_request *r;
    const char *wrong = NULL;

    if (h->type >= ARRAY_SIZE(requests) || !requests[h->type].work)
        return "ENOSYS";
    r = &requests[h->type];
    if (h->len > XENSTORE_PAYLOAD_MAX)
        return "E2BIG";
    s->body[h->len] = '\0';
    if (h->tx_id)
        s->job.tx = store_transaction_find(&s->transactions, h->tx_id);
    if (h->tx_id && !s->job.tx)
        return "ENOENT";
    s->job.request = r;
    if (r->path)
        wrong = store_path_take(s, r->path, r->rest);
    return wrong ? wrong : store_more;
}

static void finish(struct store *s, const char *wrong)
{
    const struct xsd_sockmsg *h = &s->head;
    struct store_job *j = &s->job;
    uint32_t len = j->reply_len;

    if (wrong) {
        len = (uint32_t)strlen(wrong) + 1;
        memcpy(store_out(s), wrong, len);
    }
    if (!j->mute)
        store_put(s, wrong ? XS_ERROR : h->type, h->req_id, h->tx_id, len);
    store_value_drop(&s->tree, j->empty);
    store_drop(&s->tree, j->dentry);
    *j = (struct store_job){.active = false};
    s->taken = 0;
}

void store_job_begin(struct store *s)
{
    s->job = (struct store_job){.active = true};
}

/* Checks it, goes along its path, works on it. */
static const char *step(struct store *s)
{
    struct store_job *j = &s->job;
    const struct store_request *r = j->request;
    const char *wrong;

    if (!r)
        return check(s);
    if (!r->path || j->placed)
        return r->work(s);
    /* What looks in a transaction is remembered, so it needs a dentry too. */
    wrong = store_path_go(s, r->make || j->tx);
    j->placed = !wrong;
    return wrong ? wrong : store_more;
}

void store_job_step(struct store *s)
{
    const char *wrong = step(s);

    if (wrong != store_more)
        finish(s, wrong);
}

/* The path as the guest gave it, or one below that. */
bool store_event(struct store *s)
{
    const struct store_watch *w = store_watch_next(&s->watches);
    const size_t room = STORE_ABSOLUTE + 1;
    char *to = store_out(s);
    const char *path;
    size_t n;

    if (!w)
        return false;
    path =
        store_tree_path(w->event, w->absolute ? NULL : s->tree.home, to, room);
    if (!path)
        path = store_tree_path(w->dentry, w->absolute ? NULL : s->tree.home, to,
                               room);
    ASSERT(path);
    n = (size_t)(to + room - path);
    memmove(to, path, n);
    memcpy(to + n, w->token, w->len);
    store_put(s, XS_WATCH_EVENT, 0, 0, (uint32_t)(n + w->len));
    store_watch_told(&s->watches, &s->tree);
    return true;
}
