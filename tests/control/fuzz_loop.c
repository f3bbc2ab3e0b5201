/* SPDX-License-Identifier: MIT */
/*
 * Any text as a scenario's lines with loops: what comes out fits, is a line,
 * and has a variable's word where the variable was; refusals have words; each
 * body is gone through as often as its loop has words, and no more. What is
 * skipped ends with the `done` of the loop that is, whatever its lines are
 * like.
 */
#include <stdlib.h>
#include <string.h>

#include "guest/control/loop.h"

#define STEPS 3000u /* a text may ask for millions of lines */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct loops l;

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* The same as loop_word() says, by other means. */
static bool begins(const char *line, size_t len, const char *word)
{
    char first[8] = "";
    size_t at = 0;

    while (at < len && line[at] && strchr(" \t\r", line[at]))
        at++;
    memcpy(first, line + at, len - at < 7 ? len - at : 7);
    return strcspn(first, " \t\r") == strlen(word) &&
           !memcmp(first, word, strlen(word));
}

/* Every `for` that is skipped, and its `done`, are counted. */
static void skip(const char *text, size_t len)
{
    static unsigned count;

    if (l.skip == 1)
        count = 1;
    must(count == l.skip && l.skipped);
    count += begins(text, len, "for");
    count -= begins(text, len, "done");
    loop_skip(&l, text, len);
    must(count == l.skip);
}

static void check_open(void)
{
    must(l.n <= LOOP_DEPTH);
    for (unsigned i = 0; i < l.n; i++)
        must(l.open[i].now >= 3 && l.open[i].now < l.open[i].words.n &&
             l.open[i].name == l.open[i].words.word[1]);
}

/* One line; false: the text is refused. */
static bool step(const char *text, size_t len, struct loop_at *next)
{
    char line[WORDS_LINE], why[LOOP_WHY] = "", said[30];
    const enum loop_word word = loop_word(text, len);
    unsigned before = l.n;

    if (l.skip) {
        skip(text, len);
        return true;
    }
    must((word == LOOP_FOR) == begins(text, len, "for"));
    must((word == LOOP_DONE) == begins(text, len, "done"));
    if (!loop_expand(&l, text, len, line, why)) {
        must(why[0]);
        return false;
    }
    must(strlen(line) < WORDS_LINE && !memchr(line, '\n', strlen(line)));
    if (word == LOOP_FOR) {
        bool ok = loop_open(&l, line, *next, len & 1, why);
        must(ok ? l.n == before + !l.skip : l.n == before && why[0]);
        must(!l.skip || l.skip == 1);
        return ok;
    }
    if (word != LOOP_DONE)
        return true;
    if (!l.n)
        return false;
    loop_done(&l, next);
    must(l.n == before || l.n == before - 1);
    loop_say(&l, said, sizeof(said));
    must(strlen(said) < sizeof(said));
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data, *end = at + size;
    struct loop_at next = {at, 1};

    /* Half of them begin where a list is empty: it is long to come there. */
    l = (struct loops){.skip = size && *data & 1, .skipped = 1};
    for (unsigned n = 0; n < STEPS && at < end; n++, at = next.text) {
        size_t len = 0;

        while (at + len < end && at[len] != '\n')
            len++;
        next = (struct loop_at){at + len + 1, next.line + 1};
        if (!step(at, len, &next))
            break;
        check_open();
        must(next.text > (const char *)data && next.text <= end + 1);
    }
    return 0;
}
