/* SPDX-License-Identifier: MIT */
/*
 * usage.c: reads the usage line and the words side by side, once, without
 * going back: an optional part is decided by its first word.
 */
#include "guest/control/usage.h"

#include "guest/lib/print.h"
#include "guest/lib/string.h"

/* One item of a usage: "[as", "NAME]", "a|b", "TEXT...". */
struct item {
    const char *p;
    size_t len;
    bool opens, closes, rest;
};

static bool next_item(const char **usage, struct item *it)
{
    const char *s = *usage;

    while (*s == ' ')
        s++;
    it->opens = *s == '[';
    s += it->opens;
    it->p = s;
    while (*s && *s != ' ')
        s++;
    *usage = s;
    it->closes = s > it->p && s[-1] == ']';
    s -= it->closes;
    it->rest = s - it->p > 3 && !memcmp(s - 3, "...", 3);
    it->len = (size_t)(s - it->p) - (it->rest ? 3 : 0);
    return it->len;
}

static bool is_capital(const char *p)
{
    return *p >= 'A' && *p <= 'Z';
}

static bool same(const char *p, size_t len, const char *word)
{
    return strlen(word) == len && !memcmp(p, word, len);
}

static bool any_word(const char *s, uint64_t *value)
{
    (void)value;
    return *s;
}

static bool name_word(const char *s, uint64_t *value)
{
    (void)value;
    return words_is_name(s);
}

#define A_NAME "a name (at most 15 characters)"

static const struct type {
    const char *name;
    bool (*read)(const char *s, uint64_t *value);
    const char *what;
    enum usage_name names;
} types[] = {
    {"NAME", name_word, A_NAME, USAGE_DOMAIN},
    {"IMAGE", name_word, A_NAME, USAGE_IMAGE},
    {"KERNEL", name_word, A_NAME, USAGE_KERNEL},
    {"SCENARIO", name_word, A_NAME, USAGE_NO_NAME},
    {"NEWNAME", name_word, A_NAME, USAGE_NO_NAME},
    {"NEWIMAGE", name_word, A_NAME, USAGE_NO_NAME},
    {"LABEL", name_word, A_NAME, USAGE_NO_NAME},
    {"ROW", name_word, A_NAME, USAGE_NO_NAME},
    {"SIZE", words_size, "a size like 64M or 1G", USAGE_NO_NAME},
    {"N", words_number, "a number", USAGE_NO_NAME},
    {"OFFSET", words_number, "a number", USAGE_NO_NAME},
    {"BYTES", words_number, "a number", USAGE_NO_NAME},
    {"BLOCKS", words_number, "a number", USAGE_NO_NAME},
    {"SECONDS", words_number, "a number", USAGE_NO_NAME},
    {"STEPS", words_number, "a number", USAGE_NO_NAME},
    {"SEED", words_number, "a number", USAGE_NO_NAME},
    {"VA", words_number, "an address like 0x7f0000001000", USAGE_NO_NAME},
    {"MFN", words_number, "a number", USAGE_NO_NAME},
};
static const struct type any = {"", any_word, "a word", USAGE_NO_NAME};

static const struct type *type_of(const char *p, size_t len)
{
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
        if (same(p, len, types[i].name))
            return &types[i];
    return &any;
}

static bool one_matches(const char *p, size_t len, const char *word,
                        uint64_t *value)
{
    if (!is_capital(p))
        return same(p, len, word);
    return type_of(p, len)->read(word, value);
}

/* The length of the alternative at p. */
static size_t alternative(const char *p, size_t left)
{
    size_t n = 0;

    while (n < left && p[n] != '|')
        n++;
    return n;
}

/* Which of the item's alternatives the word is; -1: none. */
static int match(const struct item *it, const char *word, uint64_t *value)
{
    int nth = 0;

    for (size_t at = 0; at < it->len; nth++) {
        size_t n = alternative(it->p + at, it->len - at);

        if (one_matches(it->p + at, n, word, value))
            return nth;
        at += n + 1;
    }
    return -1;
}

static bool is_literal(const struct item *it)
{
    return !is_capital(it->p) && alternative(it->p, it->len) == it->len;
}

struct reader {
    const struct words *w;
    unsigned at;
    unsigned slot;
    bool skipping; /* inside an optional part that is not there */
    struct args *out;
    char *why;
};

static bool refuse(const struct reader *r, const struct item *it)
{
    const struct type *t = type_of(it->p, it->len);

    if (r->at >= r->w->n)
        format(r->why, USAGE_WHY, "%.*s is missing", (int)it->len, it->p);
    else if (is_capital(it->p) && alternative(it->p, it->len) == it->len)
        format(r->why, USAGE_WHY, "'%.60s' is not %s", r->w->word[r->at],
               t->what);
    else
        format(r->why, USAGE_WHY, "'%.60s' is not %.*s", r->w->word[r->at],
               (int)it->len, it->p);
    return false;
}

/* One item that has to be there. */
static bool take(struct reader *r, const struct item *it, struct arg *a)
{
    uint64_t value = 0;
    int nth = r->at < r->w->n ? match(it, r->w->word[r->at], &value) : -1;

    if (nth < 0)
        return refuse(r, it);
    if (a)
        *a = (struct arg){.text =
                              it->rest ? r->w->rest[r->at] : r->w->word[r->at],
                          .value = value,
                          .choice = (unsigned)nth,
                          .quoted = r->w->rest[r->at][0] == '"',
                          .name = type_of(it->p, it->len)->names};
    r->at = it->rest ? r->w->n : r->at + 1;
    return true;
}

/* An optional value of some type is there if any word is. */
static bool is_there(const struct reader *r, const struct item *it)
{
    uint64_t value;

    if (r->at >= r->w->n)
        return false;
    if (is_capital(it->p) && alternative(it->p, it->len) == it->len)
        return true;
    return match(it, r->w->word[r->at], &value) >= 0;
}

static bool take_item(struct reader *r, const struct item *it)
{
    struct arg *a = NULL;
    bool ok = true;

    if (!is_literal(it)) {
        ASSERT(r->slot < USAGE_SLOTS);
        a = &r->out->slot[r->slot++];
    }
    if (it->opens)
        r->skipping = !is_there(r, it);
    if (!r->skipping)
        ok = take(r, it, a);
    if (it->closes)
        r->skipping = false;
    return ok;
}

bool usage_read(const char *usage, const struct words *w, unsigned from,
                struct args *out, char why[USAGE_WHY])
{
    struct reader r = {.w = w, .at = from, .out = out, .why = why};
    struct item it;

    memset(out, 0, sizeof(*out));
    while (next_item(&usage, &it))
        if (!take_item(&r, &it))
            return false;
    if (r.at == w->n)
        return true;
    format(why, USAGE_WHY, "'%.60s' is not understood here", w->word[r.at]);
    return false;
}

static void each_alternative(const struct item *it, usage_each_t *each,
                             void *ctx)
{
    size_t n;

    for (size_t at = 0; at < it->len; at += n + 1) {
        n = alternative(it->p + at, it->len - at);
        each(ctx, it->p + at, n);
    }
}

void usage_words(const char *usage, unsigned n, usage_each_t *each, void *ctx)
{
    struct item it;
    unsigned nth = 0;

    while (next_item(&usage, &it)) {
        if (nth++ < n && !it.rest)
            continue;
        each_alternative(&it, each, ctx);
        if (!it.opens)
            return;
    }
}
