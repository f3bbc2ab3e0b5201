/* SPDX-License-Identifier: MIT */
/*
 * usage.h: what a command takes, said once: the usage line that `help` shows
 * is the grammar its words are read by. Pure.
 *
 *    NAME SIZE         capitals: a value, of the type the word says
 *    as                small: that word
 *    fail|guest|SIZE   one of these
 *    [...]             all of it or, if its first word is not there, none
 *    TEXT...           the rest of the line, as typed
 *
 * Every value and every choice is a slot, numbered from 0 whether it is given
 * or not.
 */
#pragma once

#include "guest/control/words.h"

#define USAGE_SLOTS 6
#define USAGE_WHY   200

/* Of what a name is. */
enum usage_name {
    USAGE_NO_NAME,
    USAGE_DOMAIN, /* one that is to be there */
    USAGE_IMAGE,
    USAGE_KERNEL,
};

struct arg {
    const char *text; /* NULL: not given */
    uint64_t value;   /* of a number or a size (bytes) */
    unsigned choice;  /* which one, from 0 */
    bool quoted;      /* it was written as "..." */
    enum usage_name name;
};

struct args {
    struct arg slot[USAGE_SLOTS];
};

/* Words from `from` on; false: `why` says which is wrong, or missing. */
bool usage_read(const char *usage, const struct words *w, unsigned from,
                struct args *out, char why[USAGE_WHY]);

/*
 * For completion: what could stand as the nth word (of TEXT..., any behind it),
 * capitals for a value of that type; where that is optional, what could follow
 * it as well.
 */
typedef void usage_each_t(void *ctx, const char *word, size_t len);
void usage_words(const char *usage, unsigned n, usage_each_t *each, void *ctx);
