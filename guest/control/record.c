/* SPDX-License-Identifier: MIT */
/*
 * record.c: what an experiment puts down: `record` prints one JSON object of
 * values.
 *
 *    try restore saved fail as web
 *    record restored policy=fail mib=64 refused=$refused
 * large=web.superpage_maps
 *
 * prints @{"record":"restored","policy":"fail","mib":64,"refused":1,
 * "large":null}: a figure of a domain that is not there is null, which is what
 * can come of being refused.
 */
#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/control/value.h"
#include "guest/lib/guest.h"

#define JSON_SIZE 900
#define TEXT_SIZE 48

/* --- KEY=VALUE ----------------------------------------------------------- */

static bool is_key(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= '0' && s[i] <= '9') &&
            s[i] != '_')
            return false;
    return n && n < 32;
}

/* A word that is no value: keep, 4k, 2026-11-29. What has a dot is a figure;
 * 64M is a number of bytes, as for `expect`. */
static bool is_text(const char *s)
{
    uint64_t number;

    if (words_number(s, &number) || words_size(s, &number) ||
        strlen(s) >= TEXT_SIZE)
        return false;
    for (; *s; s++)
        if (!(*s >= 'a' && *s <= 'z') && !(*s >= 'A' && *s <= 'Z') &&
            !(*s >= '0' && *s <= '9') && *s != '_' && *s != '-' && *s != '+')
            return false;
    return true;
}

/* The value behind "KEY="; NULL: refused. */
static const char *value_in(const char *word)
{
    size_t n = 0;

    while (word[n] && word[n] != '=')
        n++;
    if (word[n] && word[n + 1] && is_key(word, n))
        return word + n + 1;
    refuse("record: '%.40s' is not KEY=VALUE, KEY in small letters", word);
    return NULL;
}

static bool check_record(const struct args *a)
{
    struct words w;
    const char *wrong = words_split(&w, a->slot[1].text, WORDS_LINE), *value;

    if (wrong)
        return refuse("record: %s", wrong);
    for (unsigned i = 0; i < w.n; i++) {
        value = value_in(w.word[i]);
        if (!value || (!is_text(value) && !value_known(value)))
            return false;
    }
    return true;
}

/* Of "web.mem" or "web.mem-$label": is there no domain of that name? */
static bool is_of_nobody(const char *value)
{
    struct flagstone_domain d;
    char name[WORDS_NAME] = "";
    size_t dot = 0, n = 0;

    for (; value[n] && value[n] != '$'; n++)
        if (value[n] == '.')
            dot = n;
    if (!dot || dot >= sizeof(name))
        return false;
    memcpy(name, value, dot);
    return strcmp(name, "machine") != 0 && strcmp(name, "last") != 0 &&
           !ctl_has_domain(name, &d);
}

/* As JSON; false: refused. */
static bool value_as_json(const char *value, char out[TEXT_SIZE + 2])
{
    uint64_t number;

    if (is_text(value))
        format(out, TEXT_SIZE + 2, "\"%s\"", value);
    else if (is_of_nobody(value))
        format(out, TEXT_SIZE + 2, "null");
    else if (value_read(value, &number))
        format(out, TEXT_SIZE + 2, "%lu", number);
    else
        return false;
    return true;
}

/* ,"key":value of one word, behind *used. */
static bool put_pair(char json[JSON_SIZE], int *used, const char *word)
{
    const char *value = value_in(word);
    char text[TEXT_SIZE + 2];

    if (!value || !value_as_json(value, text))
        return false;
    *used += format(json + *used, JSON_SIZE - (size_t)*used, ",\"%.*s\":%s",
                    (int)(value - word - 1), word, text);
    return *used + 1 < JSON_SIZE || refuse("record: too much for one line");
}

static bool run_record(const struct args *a)
{
    char json[JSON_SIZE];
    struct words w;
    int used =
        format(json, sizeof(json), "@{\"record\":\"%s\"", a->slot[0].text);

    if (words_split(&w, a->slot[1].text, WORDS_LINE))
        return refuse("record: the line is too long");
    for (unsigned i = 0; i < w.n; i++)
        if (!put_pair(json, &used, w.word[i]))
            return false;
    printk("%s}\n", json);
    return true;
}

const struct command command_record[] = {
    {"record", "ROW KEY=VALUE...",
     "print these as a JSON object; VALUE is as for expect, or a word",
     run_record, check_record, true},
    {0},
};
