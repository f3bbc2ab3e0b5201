/* SPDX-License-Identifier: MIT */
/*
 * store_request.h: a request of a guest's to its store. Its body is hostile:
 * strings have to end in it, paths have to be paths. What answers one returns
 * NULL, or the name of the error, as it goes over the wire.
 */
#pragma once

#include "hv/store_state.h"

#define STORE_HOME      "/local/domain/"
#define STORE_HOME_ROOM (sizeof(STORE_HOME) + 8)

struct store_request {
    struct domain *d;
    struct store *s;
    struct store_tree *tree; /* of its transaction, if it has one */
    char *body;              /* a 0 is behind it, which is not counted */
    unsigned len;
    unsigned reply_len;
    char reply[STORE_REPLY];
};

/* A path as a guest names it. */
struct store_place {
    bool home;     /* below its own home: path is relative to that */
    bool absolute; /* it named it from the root */
    char path[STORE_PATH];
};

/* store_place.c */
void store_home(const struct domain *d, char home[STORE_HOME_ROOM]);
/* The path the body begins with; *rest NULL: it is all of the body. */
const char *store_take_path(const struct store_request *r,
                            struct store_place *p, const char **rest,
                            unsigned *rest_len);
const char *store_reply(struct store_request *r, const void *p, size_t n);
const char *store_ok(struct store_request *r);

/* store_value.c */
const char *store_read(struct store_request *r);
const char *store_directory(struct store_request *r);
const char *store_get_perms(struct store_request *r);
const char *store_write(struct store_request *r);
const char *store_mkdir(struct store_request *r);
const char *store_rm(struct store_request *r);

/* store_transaction.c */
const char *store_transaction_start(struct store_request *r);
const char *store_transaction_end(struct store_request *r);
