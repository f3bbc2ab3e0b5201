/* SPDX-License-Identifier: MIT */
/*
 * words.c: one pass over the line; nothing is written behind either copy.
 */
#include "guest/control/words.h"

#include "guest/lib/string.h"

#define SIZE_LIMIT BIT(52)

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Keeps the line without its comment and its end; false: too long. */
static bool copy_line(struct words *w, const char *line, size_t len)
{
    bool quoted = false;
    size_t n = 0;

    for (; n < len && line[n]; n++) {
        if (line[n] == '"')
            quoted = !quoted;
        if (line[n] == '#' && !quoted && (!n || is_blank(line[n - 1])))
            break;
        if (n + 1 >= sizeof(w->line))
            return false;
        w->line[n] = line[n];
    }
    while (n && is_blank(w->line[n - 1]))
        n--;
    w->line[n] = '\0';
    return true;
}

/* One word from *at into the place cut[*used]; false: a quote stays open. */
static bool cut_word(struct words *w, size_t *at, size_t *used)
{
    const char *s = w->line;
    bool quoted = false;

    for (; s[*at] && (quoted || !is_blank(s[*at])); (*at)++) {
        if (s[*at] == '"')
            quoted = !quoted;
        else
            w->cut[(*used)++] = s[*at];
    }
    w->cut[(*used)++] = '\0';
    return !quoted;
}

const char *words_split(struct words *w, const char *line, size_t len)
{
    size_t at = 0, used = 0;

    w->n = 0;
    if (!copy_line(w, line, len))
        return "the line is too long";
    for (;;) {
        while (is_blank(w->line[at]))
            at++;
        if (!w->line[at])
            return NULL;
        if (w->n == WORDS_MAX)
            return "too many words";
        w->word[w->n] = &w->cut[used];
        w->rest[w->n++] = &w->line[at];
        if (!cut_word(w, &at, &used))
            return "a \" is not closed";
    }
}

/* What a module line takes for a name (hv/svc/build/module.c). */
bool words_is_name(const char *s)
{
    size_t n = 0;

    for (; s[n]; n++)
        if (s[n] <= ' ' || s[n] > '~' || s[n] == '|' || s[n] == '\\' ||
            s[n] == '"' || s[n] == '=')
            return false;
    return n && n < WORDS_NAME;
}

static unsigned digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    return 99;
}

/* As many digits as there are; NULL: none, or more than 64 bits. */
static const char *take_number(const char *s, uint64_t *value)
{
    unsigned base = s[0] == '0' && s[1] == 'x' ? 16 : 10;
    const char *start = base == 16 ? s + 2 : s;

    *value = 0;
    for (s = start; digit_of(*s) < base; s++)
        if (__builtin_mul_overflow(*value, base, value) ||
            __builtin_add_overflow(*value, digit_of(*s), value))
            return NULL;
    return s == start ? NULL : s;
}

bool words_number(const char *s, uint64_t *value)
{
    s = take_number(s, value);
    return s && !*s;
}

bool words_size(const char *s, uint64_t *bytes)
{
    unsigned shift = 20;

    s = take_number(s, bytes);
    if (!s)
        return false;
    if (*s) {
        shift = *s == 'K' ? 10 : *s == 'M' ? 20 : *s == 'G' ? 30 : 0;
        if (!shift || s[1])
            return false;
    }
    if (!*bytes || *bytes >= SIZE_LIMIT >> shift)
        return false;
    *bytes <<= shift;
    return !(*bytes % PAGE_SIZE);
}
