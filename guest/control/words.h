/* SPDX-License-Identifier: MIT */
/*
 * words.h: a line of text as words, and words as names, numbers and sizes.
 * Pure: neither the guest's state nor the hypervisor is asked.
 *
 * Words stand between blanks; "..." is one word whatever is in it; '#' where a
 * word could start ends the line.
 */
#pragma once

#include "base.h"

#define WORDS_LINE 512 /* with the 0 at its end */
#define WORDS_MAX  48
#define WORDS_NAME 16 /* FLAGSTONE_NAME */

struct words {
    unsigned n;
    const char *word[WORDS_MAX];
    const char *rest[WORDS_MAX]; /* the line from this word on, as typed */
    char cut[WORDS_LINE];        /* what word[] points into */
    char line[WORDS_LINE];       /* what rest[] points into, no comment */
};

/* NULL, or what is wrong with the line. */
const char *words_split(struct words *w, const char *line, size_t len);

/* Each is true if all of the text is one. */
bool words_is_name(const char *s);
bool words_number(const char *s, uint64_t *value); /* decimal or 0x */
/* 64M, 1G, 8192K; a plain number is MiB. Whole frames, not 0, below 2^52. */
bool words_size(const char *s, uint64_t *bytes);
