/* SPDX-License-Identifier: MIT */
/* value.c: numbers as they are typed; all else is looked up when it is read. */
#include "guest/control/value.h"

#include "guest/control/figure.h"
#include "guest/control/names.h"
#include "guest/control/shell.h"
#include "guest/control/words.h"
#include "guest/lib/guest.h"

static struct label {
    char name[WORDS_NAME];
    uint64_t value;
} labels[VALUE_LABELS];

/* The label of that name, or an empty one; NULL: there is no room. */
static struct label *find_label(const char *name)
{
    struct label *empty = NULL;

    for (unsigned i = 0; i < VALUE_LABELS; i++) {
        if (!strcmp(labels[i].name, name))
            return &labels[i];
        if (!labels[i].name[0] && !empty)
            empty = &labels[i];
    }
    return empty;
}

/* $Name is a loop's variable, which is put in before anybody looks for it. */
bool value_label_known(const char *name)
{
    if (words_is_name(name) && (*name < 'A' || *name > 'Z'))
        return true;
    return refuse("'%.40s' is no label: a name, not with a capital", name);
}

bool value_note(const char *name, uint64_t value)
{
    struct label *l = find_label(name);

    if (!l)
        return refuse("note: no more than %u labels", VALUE_LABELS);
    format(l->name, sizeof(l->name), "%s", name);
    l->value = value;
    return true;
}

bool value_label_there(const char *name)
{
    const struct label *l = find_label(name);

    return l && l->name[0];
}

const char *value_nth_label(unsigned n)
{
    return n < VALUE_LABELS && labels[n].name[0] ? labels[n].name : NULL;
}

static bool read_label(const char *name, uint64_t *value)
{
    const struct label *l = find_label(name);

    if (!l || !l->name[0])
        return refuse("nothing has been noted as '%.40s'", name);
    *value = l->value;
    return true;
}

static bool is_plain(const char *text, uint64_t *value)
{
    return words_number(text, value) || words_size(text, value);
}

#define LEFT_SIZE 64

/* "LEFT-$label": what is left of it, and the label; NULL: it is not. No name
 * has a '$'. */
static const char *split_since(const char *text, char left[LEFT_SIZE])
{
    size_t n = 1;

    while (text[0] && text[n] && text[n] != '$')
        n++;
    if (!text[0] || !text[n] || n < 2 || text[n - 1] != '-' || n > LEFT_SIZE)
        return NULL;
    memcpy(left, text, n - 1);
    left[n - 1] = '\0';
    return text + n + 1;
}

static bool label_known(const char *name)
{
    return value_label_known(name) && names_use(NAMES_LABEL, name);
}

static bool one_known(const char *text)
{
    uint64_t value;

    if (is_plain(text, &value))
        return true;
    return text[0] == '$' ? label_known(text + 1) : figure_known(text);
}

bool value_known(const char *text)
{
    char left[LEFT_SIZE];
    const char *label = split_since(text, left);

    return label ? one_known(left) && label_known(label) : one_known(text);
}

static bool one_read(const char *text, uint64_t *value)
{
    if (is_plain(text, value))
        return true;
    return text[0] == '$' ? read_label(text + 1, value)
                          : figure_read(text, value);
}

bool value_read(const char *text, uint64_t *value)
{
    char left[LEFT_SIZE];
    const char *label = split_since(text, left);
    uint64_t before = 0;

    if (!label)
        return one_read(text, value);
    if (!one_read(left, value) || !read_label(label, &before))
        return false;
    if (*value < before)
        return refuse("%s is %lu, less than $%s (%lu)", left, *value, label,
                      before);
    *value -= before;
    return true;
}
