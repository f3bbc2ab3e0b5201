/* SPDX-License-Identifier: MIT */
/*
 * claims.h: blocks promised to domains that are not there yet, by name. The
 * domain of that name that is made next takes the promise over.
 */
#pragma once

#include "base.h"

/*
 * n blocks in all for this name, 0: none. ERR_NOMEM, ERR_NOSPC, ERR_INVAL:
 * `text` (FLAGSTONE_TEXT bytes) says why, and the promise is what it was.
 */
enum err claims_set(const char *name, uint64_t n, char *text);
/* What was promised; the caller answers for it from here on. */
uint64_t claims_take(const char *name);
/* The domain came to nothing: the promise is for the next one again. */
void claims_return(const char *name, uint64_t n);
/* Nobody is left who could make a domain. */
void claims_forget(void);
