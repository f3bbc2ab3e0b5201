/* SPDX-License-Identifier: MIT */
/* loop.c: one pass over a line; nothing is written behind `out`. */
#include "guest/control/loop.h"

#include "guest/lib/print.h"
#include "guest/lib/string.h"

#define FIRST_WORD 3u /* for NAME in WORD */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

enum loop_word loop_word(const char *line, size_t len)
{
    size_t at = 0, n = 0;

    while (at < len && is_blank(line[at]))
        at++;
    while (at + n < len && line[at + n] && !is_blank(line[at + n]))
        n++;
    if (n == 3 && !memcmp(line + at, "for", 3))
        return LOOP_FOR;
    return n == 4 && !memcmp(line + at, "done", 4) ? LOOP_DONE : LOOP_NONE;
}

void loop_skip(struct loops *l, const char *line, size_t len)
{
    const enum loop_word word = loop_word(line, len);

    ASSERT(l->skip);
    l->skip += word == LOOP_FOR;
    l->skip -= word == LOOP_DONE;
}

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool of_a_name(char c)
{
    return is_capital(c) || (c >= '0' && c <= '9') || c == '_';
}

static bool is_variable(const char *s)
{
    size_t n = 0;

    while (of_a_name(s[n]))
        n++;
    return is_capital(*s) && !s[n] && n < WORDS_NAME;
}

static const struct loop *find(const struct loops *l, const char *name,
                               size_t len)
{
    for (unsigned i = l->n; i-- > 0;)
        if (strlen(l->open[i].name) == len &&
            !memcmp(l->open[i].name, name, len))
            return &l->open[i];
    return NULL;
}

static const char *value_of(const struct loop *l)
{
    return l->words.word[l->now];
}

/* What "$NAME" or "${NAME}" at `s` takes of the line; 0: it is none. */
static size_t variable_at(const char *s, size_t left, const char **name,
                          size_t *len)
{
    bool braces = left > 1 && s[1] == '{';
    size_t from = braces ? 2 : 1, n = from;

    if (s[0] != '$' || left <= from || !is_capital(s[from]))
        return 0;
    while (n < left && of_a_name(s[n]))
        n++;
    *name = s + from;
    *len = n - from;
    if (!braces)
        return n;
    return n < left && s[n] == '}' ? n + 1 : 0;
}

struct output {
    char *out;
    size_t used;
};

static bool put(struct output *o, const char *s, size_t n)
{
    if (n >= WORDS_LINE - o->used)
        return false;
    memcpy(o->out + o->used, s, n);
    o->used += n;
    o->out[o->used] = '\0';
    return true;
}

static bool starts_comment(const char *line, size_t at)
{
    return line[at] == '#' &&
           (!at || line[at - 1] == ' ' || line[at - 1] == '\t');
}

/* One variable or one character at *at. */
static bool put_next(const struct loops *l, const char *line, size_t len,
                     size_t *at, struct output *o, char why[LOOP_WHY])
{
    const char *name = NULL;
    size_t n = 0, took = variable_at(line + *at, len - *at, &name, &n);
    const struct loop *of = took ? find(l, name, n) : NULL;

    if (took && !of) {
        format(why, LOOP_WHY, "there is no variable named '%.*s'",
               (int)MIN(n, (size_t)40), name);
        return false;
    }
    if (of ? !put(o, value_of(of), strlen(value_of(of)))
           : !put(o, line + *at, 1)) {
        format(why, LOOP_WHY, "the line is too long");
        return false;
    }
    *at += of ? took : 1;
    return true;
}

bool loop_expand(const struct loops *l, const char *line, size_t len,
                 char out[WORDS_LINE], char why[LOOP_WHY])
{
    struct output o = {out, 0};
    bool quoted = false;

    out[0] = '\0';
    for (size_t at = 0; at < len && line[at];) {
        if (!quoted && starts_comment(line, at))
            break;
        quoted ^= line[at] == '"';
        if (!put_next(l, line, len, &at, &o, why))
            return false;
    }
    return true;
}

/* Words as "for NAME in [WORD...]"; NULL, or what is wrong. */
static const char *check(const struct words *w, bool given)
{
    if (w->n < 2 || !is_variable(w->word[1]))
        return "for: VAR is to be a name in capitals (" LOOP_USAGE ")";
    if (w->n < 3 || strcmp(w->word[2], "in") != 0)
        return "for: 'in' is missing (" LOOP_USAGE ")";
    return w->n == FIRST_WORD && !given ? "for: WORDS are missing (" LOOP_USAGE
                                          ")"
                                        : NULL;
}

bool loop_open(struct loops *l, const char *line, struct loop_at next,
               bool given, char why[LOOP_WHY])
{
    struct loop *new = &l->open[l->n];
    const char *wrong;

    if (l->n == LOOP_DEPTH) {
        format(why, LOOP_WHY, "for: loops in loops, deeper than %u",
               LOOP_DEPTH);
        return false;
    }
    wrong = words_split(&new->words, line, WORDS_LINE);
    if (!wrong)
        wrong = check(&new->words, given);
    if (!wrong && find(l, new->words.word[1], strlen(new->words.word[1])))
        wrong = "for: a loop around this one has that VAR";
    if (wrong) {
        format(why, LOOP_WHY, "%s", wrong);
        return false;
    }
    l->skip = new->words.n == FIRST_WORD;
    l->skipped = next.line;
    if (l->skip)
        return true;
    new->name = new->words.word[1];
    new->now = FIRST_WORD;
    new->body = next.text;
    new->line = next.line;
    l->n++;
    return true;
}

void loop_done(struct loops *l, struct loop_at *next)
{
    struct loop *in = &l->open[l->n - 1];

    ASSERT(l->n);
    if (++in->now == in->words.n)
        l->n--;
    else
        *next = (struct loop_at){in->body, in->line};
}

void loop_say(const struct loops *l, char *out, size_t size)
{
    int n = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < l->n && (size_t)n + 1 < size; i++)
        n += format(out + n, size - (size_t)n, "%s%s=%.40s", i ? " " : " (",
                    l->open[i].name, value_of(&l->open[i]));
    if (l->n && (size_t)n + 1 < size)
        format(out + n, size - (size_t)n, ")");
}
