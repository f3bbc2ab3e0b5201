/* SPDX-License-Identifier: MIT */
/* store_watch.c: see store_watch.h. */
#include "hv/svc/store/store_watch.h"

#include "hv/base/string.h"

#define SOME 8u /* removed at a time */

/* --- being there --------------------------------------------------------- */

static unsigned free_slot(const struct store_watches *w)
{
    unsigned i = 0;

    ASSERT(w->nr < STORE_WATCHES);
    while (w->slot[i])
        i++;
    return i;
}

static void fire(struct store_watches *w, struct store_tree *t,
                 struct store_watch *x, struct store_dentry *p)
{
    if (x->event) {
        if (x->event == p)
            return;
        store_drop(t, x->event);
        x->event = store_hold(x->dentry);
        return;
    }
    x->event = store_hold(p);
    x->next_fired = NULL;
    if (w->fired)
        w->last_fired->next_fired = x;
    else
        w->fired = x;
    w->last_fired = x;
}

enum err store_watch_add(struct store_watches *w, struct store_tree *t,
                         struct store_dentry *p, bool absolute,
                         const char *token, size_t len)
{
    struct store_watch *x = store_pool_get(&t->pool, sizeof(*x) + len);

    if (!x)
        return ERR_NOMEM;
    *x = (struct store_watch){.next = p->watches,
                              .dentry = store_hold(p),
                              .slot = (uint16_t)free_slot(w),
                              .len = (uint16_t)len,
                              .absolute = absolute};
    memcpy(x->token, token, len);
    p->watches = x;
    w->slot[x->slot] = x;
    w->nr++;
    fire(w, t, x, p);
    return ERR_NONE;
}

static void forget_event(struct store_watches *w, struct store_watch *x)
{
    struct store_watch **at = &w->fired, *before = NULL;

    while (*at != x) {
        before = *at;
        at = &before->next_fired;
    }
    *at = x->next_fired;
    if (w->last_fired == x)
        w->last_fired = before;
}

void store_watch_remove(struct store_watches *w, struct store_tree *t,
                        struct store_watch *x)
{
    struct store_watch **at = &x->dentry->watches;

    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
    if (x->event)
        forget_event(w, x);
    w->slot[x->slot] = NULL;
    w->nr--;
    store_drop(t, x->event);
    store_drop(t, x->dentry);
    store_pool_put(&t->pool, x);
}

bool store_watch_remove_some(struct store_watches *w, struct store_tree *t)
{
    bool some = w->nr;

    for (unsigned i = 0, n = 0; i < STORE_WATCHES && n < SOME; i++)
        if (w->slot[i]) {
            store_watch_remove(w, t, w->slot[i]);
            n++;
        }
    return some;
}

bool store_watch_is(const struct store_watch *x, bool absolute,
                    const char *token, size_t len)
{
    return x->absolute == absolute && x->len == len &&
           !memcmp(x->token, token, len);
}

/* --- firing -------------------------------------------------------------- */

void store_watch_fire_at(struct store_watches *w, struct store_tree *t,
                         struct store_dentry *p)
{
    for (struct store_watch *x = p->watches; x; x = x->next)
        fire(w, t, x, p);
}

void store_watch_fire(struct store_watches *w, struct store_tree *t,
                      struct store_dentry *p)
{
    for (const struct store_dentry *at = p; at && w->nr; at = at->parent)
        for (struct store_watch *x = at->watches; x; x = x->next)
            fire(w, t, x, p);
}

const struct store_watch *store_watch_next(const struct store_watches *w)
{
    return w->fired;
}

void store_watch_told(struct store_watches *w, struct store_tree *t)
{
    struct store_watch *x = w->fired;

    w->fired = x->next_fired;
    store_drop(t, x->event);
    x->event = NULL;
}
