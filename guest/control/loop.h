/* SPDX-License-Identifier: MIT */
/*
 * loop.h: lines of a scenario that are there once for each word of a list:
 *
 *    for SIZE in 16M 32M
 *    create keep name=web mem=$SIZE -- name=web
 *    done
 *
 * and the variables of the loops, put in for $SIZE or ${SIZE} before a line is
 * split into words. A variable's name begins with a capital; what begins with
 * another letter is a label (`note`), and stays. Pure.
 *
 * A list that a variable gives may be empty ("" in the list around it): then
 * `skip` counts the loops, this one and those in it, up to whose `done` no line
 * is looked at.
 *
 * A line is `for` or `done` by its first word as it stands in the text, whether
 * it is skipped or not: no variable makes one, and no other word unmakes it.
 *
 * Invariants: the loops that are open are those below `n`, the innermost last;
 * each has at least one word, and `now` is one of them. A line that was refused
 * has changed nothing.
 */
#pragma once

#include "guest/control/words.h"

#define LOOP_DEPTH 6u
#define LOOP_WHY   120
#define LOOP_USAGE "VAR in WORDS..."

struct loops {
    unsigned n, skip;
    unsigned skipped; /* the number of the line behind the `for` of `skip` */
    struct loop {
        const char *name;   /* in `values` */
        struct words words; /* for NAME in WORD... */
        unsigned now;       /* of words.word[] */
        const char *body;   /* the text behind the line `for` */
        unsigned line;      /* the number of its first line */
    } open[LOOP_DEPTH];
};

/* Where to go on reading. */
struct loop_at {
    const char *text;
    unsigned line;
};

enum loop_word { LOOP_NONE, LOOP_FOR, LOOP_DONE };
/* Of these lines the loops take care, and no command. */
enum loop_word loop_word(const char *line, size_t len);
/* A line while `skip` is not 0. */
void loop_skip(struct loops *l, const char *line, size_t len);
/* The variables put in; false: `why` says what is wrong. */
bool loop_expand(const struct loops *l, const char *line, size_t len,
                 char out[WORDS_LINE], char why[LOOP_WHY]);
/* Opens a loop by its line, expanded; `next` is the line behind it. With no
 * words it is skipped, which is refused if no variable gave them. */
bool loop_open(struct loops *l, const char *line, struct loop_at next,
               bool given, char why[LOOP_WHY]);
/* At `done` of the innermost: `*next` is set to its body, while there is a word
 * left; else it is closed, and `*next` stays. */
void loop_done(struct loops *l, struct loop_at *next);
/* " (SIZE=16M KIND=a)", or "". */
void loop_say(const struct loops *l, char *out, size_t size);
