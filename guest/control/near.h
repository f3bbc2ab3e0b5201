/* SPDX-License-Identifier: MIT */
/*
 * near.h: of the words that there are, the one that a misspelt word was meant
 * to be. Pure: who asks offers each.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define NEAR_WORD 24u /* characters of what is compared; longer is not near */

struct near {
    const char *word;
    unsigned distance; /* of the nearest so far */
    bool named;        /* its name, up to '=', is one: it is about the value */
    bool of_name;      /* the nearest is a name with '=' */
    char text[NEAR_WORD + 24];
};

void near_begin(struct near *n, const char *word);
/*
 * ctx is a struct near. Of one that ends with '=' only as much is compared:
 * what follows is a value.
 */
void near_offer(void *ctx, const char *word);
/* "; did you mean 'WORD'?", or "" if none is near. */
const char *near_text(const struct near *n);

/*
 * Where none is: ": A|B" of what it may be, up to a NULL or NEAR_VALUES of
 * them, or ": WHAT" if there are none. what may be NULL.
 */
#define NEAR_VALUES 4u
void near_values(const char *what, const char *const values[NEAR_VALUES],
                 char *out, size_t size);
