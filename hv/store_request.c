/* SPDX-License-Identifier: MIT */
/*
 * store_request.c: from a message to the message that answers it, and the
 * requests about domains and watches.
 */
#include "hv/store_request.h"

#include "hv/print.h"
#include "hv/string.h"

/* --- domains ------------------------------------------------------------- */

static bool parse_id(const struct store_request *r, uint32_t *id)
{
    *id = 0;
    for (unsigned i = 0; i + 1 < r->len; i++) {
        if (r->body[i] < '0' || r->body[i] > '9' || *id > DOMID_FIRST_RESERVED)
            return false;
        *id = *id * 10 + (uint32_t)(r->body[i] - '0');
    }
    return r->len > 1 && !r->body[r->len - 1];
}

static const char *do_domain_path(struct store_request *r)
{
    uint32_t id;

    if (!parse_id(r, &id))
        return "EINVAL";
    r->reply_len = (unsigned)print_format(r->reply, sizeof(r->reply),
                                          STORE_HOME "%u", id) +
                   1;
    return NULL;
}

static const char *do_introduced(struct store_request *r)
{
    uint32_t id;

    if (!parse_id(r, &id))
        return "EINVAL";
    return store_reply(r, id == r->d->id ? "T" : "F", 2);
}

/* --- watches ------------------------------------------------------------- */

static const char *take_watch(const struct store_request *r,
                              struct store_watch *w)
{
    struct store_place p;
    const char *token;
    unsigned len;
    const char *wrong = store_take_path(r, &p, &token, &len);

    if (wrong)
        return wrong;
    if (!len || token[len - 1] || strlen(token) + 1 != len ||
        len > sizeof(w->token))
        return "EINVAL";
    if (!p.home && !p.absolute)
        return "EACCES"; /* @releaseDomain and the like */
    *w = (struct store_watch){.home = p.home, .absolute = p.absolute};
    memcpy(w->path, p.path, sizeof(w->path));
    memcpy(w->token, token, len);
    return NULL;
}

static const char *do_watch(struct store_request *r)
{
    struct store_watch w;
    const char *wrong = take_watch(r, &w);

    if (wrong)
        return wrong;
    switch (store_watch_add(&r->s->watches, &w)) {
    case ERR_NONE:
        return store_ok(r);
    case ERR_EXIST:
        return "EEXIST";
    default:
        return "E2BIG";
    }
}

static const char *do_unwatch(struct store_request *r)
{
    struct store_watch w;
    const char *wrong = take_watch(r, &w);

    if (wrong)
        return wrong;
    return store_watch_remove(&r->s->watches, w.path, w.absolute, w.token)
               ? store_ok(r)
               : "ENOENT";
}

static const char *do_reset_watches(struct store_request *r)
{
    store_watch_reset(&r->s->watches);
    r->s->tx_id = 0;
    return store_ok(r);
}

/* --- all of them --------------------------------------------------------- */

static const char *read_only(struct store_request *r)
{
    (void)r;
    return "EROFS"; /* there is nobody to share with */
}

static const char *privileged(struct store_request *r)
{
    (void)r;
    return "EACCES";
}

typedef const char *(*request_fn)(struct store_request *r);
static const request_fn requests[] = {
    [XS_CONTROL] = privileged,
    [XS_DIRECTORY] = store_directory,
    [XS_READ] = store_read,
    [XS_GET_PERMS] = store_get_perms,
    [XS_WATCH] = do_watch,
    [XS_UNWATCH] = do_unwatch,
    [XS_TRANSACTION_START] = store_transaction_start,
    [XS_TRANSACTION_END] = store_transaction_end,
    [XS_INTRODUCE] = privileged,
    [XS_RELEASE] = privileged,
    [XS_GET_DOMAIN_PATH] = do_domain_path,
    [XS_WRITE] = store_write,
    [XS_MKDIR] = store_mkdir,
    [XS_RM] = store_rm,
    [XS_SET_PERMS] = read_only,
    [XS_IS_DOMAIN_INTRODUCED] = do_introduced,
    [XS_RESUME] = privileged,
    [XS_SET_TARGET] = privileged,
    [XS_RESET_WATCHES] = do_reset_watches,
};

static const char *carry_out(struct store_request *r)
{
    const struct xsd_sockmsg *h = &r->s->head;

    if (h->type >= ARRAY_SIZE(requests) || !requests[h->type])
        return "ENOSYS";
    if (h->len > STORE_BODY)
        return "E2BIG";
    if (h->tx_id && h->tx_id != r->s->tx_id)
        return "ENOENT";
    r->s->body[h->len] = '\0';
    return requests[h->type](r);
}

void store_answer(struct domain *d)
{
    static struct store_request r; /* large, and one is answered at a time */
    struct store *s = d->store;
    const struct xsd_sockmsg h = s->head;
    const char *wrong;

    r.d = d;
    r.s = s;
    r.tree = h.tx_id ? &s->shadow : &s->tree;
    r.body = s->body;
    r.len = h.len;
    r.reply_len = 0;
    wrong = carry_out(&r);
    s->taken = 0;
    if (wrong)
        store_put(s, XS_ERROR, h.req_id, h.tx_id, wrong,
                  (uint32_t)strlen(wrong) + 1);
    else
        store_put(s, h.type, h.req_id, h.tx_id, r.reply, r.reply_len);
}

/* The path as the guest gave it, or one below that. */
bool store_event(struct domain *d)
{
    struct store *s = d->store;
    const struct store_watch *w = store_watch_next(&s->watches);
    char home[STORE_HOME_ROOM] = "",
         body[STORE_HOME_ROOM + STORE_PATH + STORE_TOKEN];
    size_t n;

    if (!w)
        return false;
    if (w->home && w->absolute)
        store_home(d, home);
    n = print_format(body, sizeof(body), "%s%s%s", home,
                     *home && *w->event ? "/" : "", w->event) +
        1;
    n += print_format(body + n, sizeof(body) - n, "%s", w->token) + 1;
    store_put(s, XS_WATCH_EVENT, 0, 0, body, (uint32_t)n);
    return true;
}
