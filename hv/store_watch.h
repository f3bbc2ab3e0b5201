/* SPDX-License-Identifier: MIT */
/*
 * store_watch.h: what a guest wants to be told of. An event that could not be
 * sent yet waits in its watch, so there is no queue that could overflow: of
 * several changes below one watch, the watched path itself is told.
 */
#pragma once

#include "hv/store_tree.h"

#define STORE_WATCHES 16u
#define STORE_TOKEN   64u

struct store_watch {
    bool used, fired;
    bool home;     /* the path is one below the home */
    bool absolute; /* and was given with the home before it */
    char path[STORE_PATH];
    char token[STORE_TOKEN];
    char event[STORE_PATH]; /* what has changed */
};

struct store_watches {
    struct store_watch watch[STORE_WATCHES];
};

/* Is told at once, as if it had changed. ERR_EXIST, ERR_2BIG: too many. */
must_check enum err store_watch_add(struct store_watches *w,
                                    const struct store_watch *new);
/* false: there is no such watch. */
bool store_watch_remove(struct store_watches *w, const char *path,
                        bool absolute, const char *token);
/* This path below the home has changed; or has gone, with all below it. */
void store_watch_changed(struct store_watches *w, const char *path, bool gone);
/* One that is to be told, or NULL; it is taken as told. */
const struct store_watch *store_watch_next(struct store_watches *w);
void store_watch_reset(struct store_watches *w);
