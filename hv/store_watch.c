/* SPDX-License-Identifier: MIT */
/* store_watch.c: see store_watch.h. */
#include "hv/store_watch.h"

#include "hv/string.h"

static struct store_watch *find(struct store_watches *w, const char *path,
                                bool absolute, const char *token)
{
    for (unsigned i = 0; i < STORE_WATCHES; i++) {
        struct store_watch *x = &w->watch[i];

        if (x->used && x->absolute == absolute && !strcmp(x->path, path) &&
            !strcmp(x->token, token))
            return x;
    }
    return NULL;
}

enum err store_watch_add(struct store_watches *w, const struct store_watch *new)
{
    if (find(w, new->path, new->absolute, new->token))
        return ERR_EXIST;
    for (unsigned i = 0; i < STORE_WATCHES; i++) {
        struct store_watch *x = &w->watch[i];

        if (x->used)
            continue;
        *x = *new;
        x->used = x->fired = true;
        memcpy(x->event, x->path, sizeof(x->event));
        return ERR_NONE;
    }
    return ERR_2BIG;
}

bool store_watch_remove(struct store_watches *w, const char *path,
                        bool absolute, const char *token)
{
    struct store_watch *x = find(w, path, absolute, token);

    if (x)
        x->used = false;
    return x;
}

static void fire(struct store_watch *x, const char *path)
{
    if (x->fired && strcmp(x->event, path) != 0)
        path = x->path;
    memcpy(x->event, path, strlen(path) + 1);
    x->fired = true;
}

void store_watch_changed(struct store_watches *w, const char *path, bool gone)
{
    for (unsigned i = 0; i < STORE_WATCHES; i++) {
        struct store_watch *x = &w->watch[i];

        if (!x->used || !x->home)
            continue;
        if (store_path_below(path, x->path))
            fire(x, path);
        else if (gone && store_path_below(x->path, path))
            fire(x, x->path);
    }
}

const struct store_watch *store_watch_next(struct store_watches *w)
{
    for (unsigned i = 0; i < STORE_WATCHES; i++) {
        struct store_watch *x = &w->watch[i];

        if (!x->used || !x->fired)
            continue;
        x->fired = false;
        return x;
    }
    return NULL;
}

void store_watch_reset(struct store_watches *w)
{
    memset(w, 0, sizeof(*w));
}
