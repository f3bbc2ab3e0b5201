/* SPDX-License-Identifier: MIT */
/*
 * store.h: a client of xenstore that never waits: requests are queued, what is
 * answered is taken up by store_poll(). Where nobody answers nothing happens.
 */
#pragma once

#include "base.h"

/* The value of a watched path now; NULL: there is none. Valid for the call. */
typedef void store_handler_t(const char *value);

/* false: there is no store (the initial domain of Xen). */
bool store_init(void);
/*
 * The handler is called once soon and then after each change, from
 * store_poll() only. `path` stays valid. false: too many.
 */
bool store_watch(const char *path, store_handler_t *handler);
/* false: too much is queued already, or the value is too long. */
bool store_write(const char *path, const char *value);
/* Sends what can be sent, takes what has come, calls handlers. */
void store_poll(void);
void store_resume(void); /* suspend.h */
