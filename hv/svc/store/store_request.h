/* SPDX-License-Identifier: MIT */
/*
 * store_request.h: a request of a guest's to its store. Its body is hostile:
 * strings have to end in it, paths have to be paths. What works on one returns
 * NULL when it is done, store_more when it is to be called again, or the name
 * of the error, as it goes over the wire.
 */
#pragma once

#include "hv/svc/store/store_state.h"

extern const char store_more[];

/* What a request does with the path it begins with, if it does. */
enum store_path {
    STORE_PATH_NONE,
    STORE_PATH_LOOK,   /* below the home, or there is nothing */
    STORE_PATH_CHANGE, /* below the home, or it is not the guest's */
    STORE_PATH_WATCH,  /* anywhere */
};

/* store_path.c: the path, as it stands in the body, is checked... */
const char *store_path_take(struct store *s, enum store_path what, bool rest);
/* ...and gone along; make: there is to be a dentry. */
const char *store_path_go(struct store *s, bool make);

/* An answer of a few bytes. */
const char *store_reply(struct store *s, const void *p, size_t n);
const char *store_ok(struct store *s);

/* store_quota.c: the error, after one line on the console. */
enum store_quota {
    STORE_QUOTA_NODES,
    STORE_QUOTA_ROOM,
    STORE_QUOTA_VALUE,
    STORE_QUOTA_WATCHES,
    STORE_QUOTA_TRANSACTIONS,
    STORE_QUOTA_ENTRIES,
    STORE_QUOTA_PERMS,
};
const char *store_quota(struct store *s, enum store_quota what);

/* store_value.c: the tree as the transaction sees it, if there is one. */
struct store_value *store_job_view(const struct store *s,
                                   const struct store_dentry *p);
/* There has to be a node. */
const char *store_job_node(struct store *s, struct store_value **v);
void store_job_change(struct store *s, struct store_dentry *p,
                      struct store_value *v);
/* Watches fire, or will; only: those at the very dentry. */
void store_job_tell(struct store *s, struct store_dentry *p, bool only);
const char *store_read(struct store *s);
const char *store_directory(struct store *s);
const char *store_directory_part(struct store *s);
const char *store_write(struct store *s);
const char *store_mkdir(struct store *s);
const char *store_rm(struct store *s);
/* store_perms.c */
const char *store_get_perms(struct store *s);
const char *store_set_perms(struct store *s);
/* store_end.c */
const char *store_transaction_start(struct store *s);
const char *store_transaction_end(struct store *s);
