/* SPDX-License-Identifier: MIT */
/* value.c: numbers as they are typed; all else is looked up when it is read. */
#include "guest/control/value.h"

#include "guest/control/figure.h"
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

#define FIGURE_SIZE 64

/* "figure-$label": the figure alone, and the label; NULL: it is not. No name
 * has a '$'. */
static const char *split_since(const char *text, char figure[FIGURE_SIZE])
{
    size_t n = 0;

    while (text[n] && text[n] != '$')
        n++;
    if (!text[n] || n < 2 || text[n - 1] != '-' || n > FIGURE_SIZE)
        return NULL;
    memcpy(figure, text, n - 1);
    figure[n - 1] = '\0';
    return text + n + 1;
}

bool value_known(const char *text)
{
    char figure[FIGURE_SIZE];
    uint64_t value;

    if (is_plain(text, &value))
        return true;
    if (text[0] == '$')
        return value_label_known(text + 1);
    if (split_since(text, figure))
        return figure_known(figure);
    return figure_known(text);
}

static bool read_since(const char *figure, const char *label, uint64_t *value)
{
    uint64_t before;

    if (!figure_read(figure, value) || !read_label(label, &before))
        return false;
    if (*value < before)
        return refuse("%s is %lu, less than $%s (%lu)", figure, *value, label,
                      before);
    *value -= before;
    return true;
}

bool value_read(const char *text, uint64_t *value)
{
    char figure[FIGURE_SIZE];
    const char *label;

    if (is_plain(text, value))
        return true;
    if (text[0] == '$')
        return read_label(text + 1, value);
    label = split_since(text, figure);
    return label ? read_since(figure, label, value) : figure_read(text, value);
}
