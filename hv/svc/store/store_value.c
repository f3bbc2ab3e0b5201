/* SPDX-License-Identifier: MIT */
/*
 * store_value.c: requests that look at nodes and change them. What may fail
 * comes before what changes anything.
 */
#include "hv/svc/store/store_request.h"

#include "hv/base/print.h"
#include "hv/base/string.h"

#define EDGES   32u /* of the tree at a time */
#define REMOVED 8u  /* nodes at a time: each may be watched */

/* --- as the transaction sees it, if there is one -------------------------- */

struct store_value *store_job_view(const struct store *s,
                                   const struct store_dentry *p)
{
    return store_view(s->job.tx, p);
}

/* It is looked at, and matters from then on. */
static const char *look(struct store *s, struct store_dentry *p)
{
    enum err rc = s->job.tx ? store_look(s->job.tx, &s->tree, p) : ERR_NONE;

    if (!rc)
        return NULL;
    return store_quota(s, rc == ERR_NOSPC ? STORE_QUOTA_ENTRIES
                                          : STORE_QUOTA_ROOM);
}

/* The value where there has to be one. */
const char *store_job_node(struct store *s, struct store_value **v)
{
    struct store_dentry *p = s->job.dentry;
    const char *wrong = p ? look(s, p) : NULL;

    *v = p && !wrong ? store_job_view(s, p) : NULL;
    return wrong ? wrong : *v ? NULL : "ENOENT";
}

void store_job_change(struct store *s, struct store_dentry *p,
                      struct store_value *v)
{
    if (s->job.tx)
        store_change(s->job.tx, &s->tree, p, v);
    else if (v)
        store_node_set(&s->tree, p, v);
    else
        store_node_clear(&s->tree, p);
}

void store_job_tell(struct store *s, struct store_dentry *p, bool only)
{
    if (s->job.tx)
        store_change_told(s->job.tx, p, only);
    else if (only)
        store_watch_fire_at(&s->watches, &s->tree, p);
    else
        store_watch_fire(&s->watches, &s->tree, p);
}

static const char *next_phase(struct store_job *j)
{
    j->phase++;
    return store_more;
}

/* --- looking ------------------------------------------------------------- */

const char *store_read(struct store *s)
{
    struct store_value *v;
    const char *wrong = store_job_node(s, &v);

    return wrong ? wrong : store_reply(s, store_bytes(v), v->len);
}

/* false: there is no room for it in the answer, of which `spare` stays free. */
static bool list_name(struct store_job *j, char *out, uint32_t spare)
{
    const uint32_t len = j->at->len + 1u, skip = MIN(j->skip, len);

    if (j->reply_len + len - skip + spare > XENSTORE_PAYLOAD_MAX)
        return false;
    j->skip -= skip;
    if (skip == len)
        return true;
    memcpy(out + j->reply_len, j->at->name + skip, len - 1 - skip);
    j->reply_len += len - skip;
    out[j->reply_len - 1] = '\0';
    return true;
}

/* There are more than go into the answer. */
static const char too_long[] = "E2BIG";

static const char *list_some(struct store *s, uint32_t spare)
{
    struct store_job *j = &s->job;

    for (unsigned i = 0; j->at && i < EDGES; i++, j->at = j->at->next)
        if (store_job_view(s, j->at) && !list_name(j, store_out(s), spare))
            return too_long;
    return j->at ? store_more : NULL;
}

static const char *list_begin(struct store *s)
{
    struct store_value *v;
    const char *wrong = store_job_node(s, &v);

    if (wrong)
        return wrong;
    s->job.at = s->job.dentry->first;
    return next_phase(&s->job);
}

const char *store_directory(struct store *s)
{
    return s->job.phase ? list_some(s, 0) : list_begin(s);
}

/* Where in the list it is to begin. */
static bool parse_offset(struct store_job *j)
{
    for (uint32_t i = 0; i + 1 < j->len; i++) {
        if (j->data[i] < '0' || j->data[i] > '9' || j->skip > BIT(24))
            return false;
        j->skip = j->skip * 10 + (uint32_t)(j->data[i] - '0');
    }
    return j->len > 1 && !j->data[j->len - 1];
}

static const char *part_begin(struct store *s)
{
    const char *wrong = parse_offset(&s->job) ? list_begin(s) : "EINVAL";
    char text[24];

    if (wrong == store_more)
        store_reply(
            s, text,
            print_format(text, sizeof(text), "%lu", s->job.dentry->generation) +
                1);
    return wrong;
}

/* As much as there is room for, behind the generation; an empty name: all. */
const char *store_directory_part(struct store *s)
{
    const char *wrong;

    if (!s->job.phase)
        return part_begin(s);
    wrong = list_some(s, 1);
    if (!wrong)
        store_out(s)[s->job.reply_len++] = '\0';
    return wrong == too_long ? NULL : wrong;
}

/* --- making -------------------------------------------------------------- */

/* Up to the first that is there already. */
static const char *count_missing(struct store *s)
{
    struct store_job *j = &s->job;

    for (unsigned i = 0; i < EDGES; i++) {
        const char *wrong = look(s, j->at);

        if (wrong)
            return wrong;
        if (store_job_view(s, j->at))
            return next_phase(j);
        j->missing++;
        j->at = j->at->parent;
    }
    return store_more;
}

static unsigned nodes_seen(const struct store *s)
{
    return s->tree.nodes + (unsigned)(s->job.tx ? s->job.tx->nodes : 0);
}

/* A value with the permissions of what is there: its own, or those above. */
static struct store_value *new_value(struct store *s, const void *bytes,
                                     size_t len)
{
    struct store_perms perms = store_perms_of(store_job_view(s, s->job.at));

    if (!perms.len && !len)
        return store_value_hold(s->tree.empty);
    return store_value_make(&s->tree, perms, bytes, len, false);
}

static const char *provide(struct store *s)
{
    struct store_job *j = &s->job;
    struct store_value *v;

    if (j->missing && nodes_seen(s) + j->missing > STORE_NODES)
        return store_quota(s, STORE_QUOTA_NODES);
    j->empty = new_value(s, NULL, 0);
    v = j->empty ? new_value(s, j->data, j->len) : NULL;
    if (!v)
        return store_quota(s, STORE_QUOTA_ROOM);
    store_job_change(s, j->dentry, v);
    j->at = j->dentry;
    return next_phase(j);
}

/* The first of the missing is the node itself, and there by now. */
static const char *make_parents(struct store *s)
{
    struct store_job *j = &s->job;

    for (unsigned i = 0; j->missing > 1 && i < EDGES; i++, j->missing--) {
        j->at = j->at->parent;
        store_job_change(s, j->at, store_value_hold(j->empty));
    }
    if (j->missing > 1)
        return store_more;
    store_job_tell(s, j->dentry, false);
    return store_ok(s);
}

static const char *make(struct store *s)
{
    static const char *(*const phases[])(struct store * s) = {
        count_missing, provide, make_parents};
    struct store_job *j = &s->job;

    if (!j->at)
        j->at = j->dentry;
    return phases[j->phase](s);
}

const char *store_write(struct store *s)
{
    if (s->job.dentry->flags & STORE_FIXED)
        return "EROFS";
    if (s->job.len > STORE_VALUE_MAX)
        return store_quota(s, STORE_QUOTA_VALUE);
    return make(s);
}

/* One that is there stays as it is. */
const char *store_mkdir(struct store *s)
{
    struct store_job *j = &s->job;

    if (j->phase == 1 && !j->missing)
        return store_ok(s);
    return make(s);
}

/* --- removing ------------------------------------------------------------ */

/* What is not there is gone already, provided that its directory is there. */
static const char *rm_missing(struct store *s)
{
    struct store_job *j = &s->job;
    const char *wrong = j->dentry ? look(s, j->dentry->parent) : NULL;

    if (wrong)
        return wrong;
    if (j->dentry)
        j->near = store_job_view(s, j->dentry->parent);
    return j->near ? store_ok(s) : "ENOENT";
}

static const char *rm_begin(struct store *s)
{
    struct store_job *j = &s->job;
    const char *wrong = j->dentry ? look(s, j->dentry) : NULL;

    if (wrong)
        return wrong;
    if (!j->dentry || !store_job_view(s, j->dentry))
        return rm_missing(s);
    if (j->dentry->flags & (STORE_FIXED | STORE_FIXED_BELOW))
        return "EROFS";
    wrong = look(s, j->dentry->parent);
    if (wrong)
        return wrong;
    j->walk = store_walk_from(j->dentry);
    return next_phase(j);
}

static const char *rm_look(struct store *s)
{
    struct store_job *j = &s->job;
    struct store_dentry *p;
    const char *wrong = NULL;

    for (unsigned i = 0; !wrong && i < EDGES; i++) {
        if (!j->tx || !store_walk_on(&j->walk, &p)) {
            j->walk = store_walk_from(j->dentry);
            return next_phase(j);
        }
        if (p && store_job_view(s, p))
            wrong = look(s, p);
    }
    return wrong ? wrong : store_more;
}

static const char *rm_some(struct store *s)
{
    struct store_job *j = &s->job;
    struct store_dentry *p;

    for (unsigned i = 0; i < REMOVED; i++) {
        if (!store_walk_on(&j->walk, &p)) {
            store_job_tell(s, j->dentry, false);
            return store_ok(s);
        }
        if (!p || !store_job_view(s, p))
            continue;
        store_job_change(s, p, NULL);
        if (p != j->dentry)
            store_job_tell(s, p, true);
    }
    return store_more;
}

const char *store_rm(struct store *s)
{
    static const char *(*const phases[])(struct store * s) = {rm_begin, rm_look,
                                                              rm_some};

    return phases[s->job.phase](s);
}
