/* SPDX-License-Identifier: MIT */
/*
 * store_end.c: requests that begin and end transactions. All that one looked
 * at is compared before anything it changed becomes the tree's.
 */
#include "hv/svc/store/store_request.h"

#include "hv/base/print.h"
#include "hv/base/string.h"

#define COMPARED 32u /* entries at a time */
#define APPLIED  2u  /* each may be watched */

const char *store_transaction_start(struct store *s)
{
    const struct store_transaction *tx;
    char text[16];

    if (s->head.len > 1 || *s->body)
        return "EINVAL";
    if (s->job.tx)
        return "EBUSY";
    tx = store_transaction_begin(&s->transactions);
    if (!tx)
        return store_quota(s, STORE_QUOTA_TRANSACTIONS);
    return store_reply(s, text,
                       print_format(text, sizeof(text), "%u", tx->id) + 1);
}

static const char *over(struct store *s, const char *wrong)
{
    store_transaction_drop(&s->transactions, s->job.tx);
    return wrong ? wrong : store_ok(s);
}

/* T: it is to be kept, F: it is not. */
static const char *end_begin(struct store *s)
{
    struct store_job *j = &s->job;
    bool keep = !strcmp(s->body, "T");

    if (s->head.len != 2 || (!keep && strcmp(s->body, "F") != 0))
        return "EINVAL";
    if (!j->tx)
        return "ENOENT";
    if (!keep)
        return over(s, NULL);
    j->entry = j->tx->first;
    j->phase++;
    return store_more;
}

static const char *compare(struct store *s)
{
    struct store_job *j = &s->job;
    const struct store_transaction *tx = j->tx;

    for (unsigned i = 0; j->entry && i < COMPARED; i++) {
        if (!store_entry_holds(j->entry))
            return over(s, "EAGAIN");
        j->entry = j->entry->next;
    }
    if (j->entry)
        return store_more;
    if (tx->nodes > 0 && s->tree.nodes + (unsigned)tx->nodes > STORE_NODES)
        return over(s, store_quota(s, STORE_QUOTA_NODES));
    j->entry = tx->first;
    j->phase++;
    return store_more;
}

static const char *apply(struct store *s)
{
    struct store_job *j = &s->job;

    for (unsigned i = 0; j->entry && i < APPLIED; i++) {
        store_entry_apply(j->entry, &s->tree, &s->watches);
        j->entry = j->entry->next;
    }
    return j->entry ? store_more : over(s, NULL);
}

const char *store_transaction_end(struct store *s)
{
    static const char *(*const phases[])(struct store * s) = {end_begin,
                                                              compare, apply};

    return phases[s->job.phase](s);
}
