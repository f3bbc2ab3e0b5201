/* SPDX-License-Identifier: MIT */
/*
 * near.c: the distance of two words is how many letters were left out, put in,
 * put for another, or changed places with the next (optimal string alignment).
 *
 * Invariant: what is suggested is a word that was offered, is not the word
 * itself, and differs in about a third of its letters at most.
 */
#include "guest/control/near.h"

#include "guest/lib/guest.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"

#define MOST 2u /* letters that are wrong */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    return MIN(a, MIN(b, c));
}

/* A row of the table, of the first i letters of a; `two` is of i - 2. */
static void next_row(unsigned *row, const unsigned *one, const unsigned *two,
                     const char *a, size_t i, const char *b, size_t nb)
{
    row[0] = (unsigned)i;
    for (size_t j = 1; j <= nb; j++) {
        row[j] = min3(one[j] + 1, row[j - 1] + 1,
                      one[j - 1] + (a[i - 1] != b[j - 1]));
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
            row[j] = MIN(row[j], two[j - 2] + 1);
    }
}

static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
    unsigned rows[3][NEAR_WORD + 1] = {0};

    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++)
        next_row(rows[i % 3], rows[(i + 2) % 3], rows[(i + 1) % 3], a, i, b,
                 nb);
    return rows[na % 3][nb];
}

/* Of the word what is to be compared with one that ends so. */
static size_t part(const char *word, const char *with, size_t n)
{
    size_t i = 0;

    if (!n || with[n - 1] != '=')
        return strlen(word);
    while (word[i] && word[i] != '=')
        i++;
    return i + (word[i] == '=');
}

/* A third; of a value that is, whose name is not in question. */
static unsigned allowed(const char *word, size_t n)
{
    size_t i = 0;

    while (i < n && word[i] != '=')
        i++;
    return (unsigned)((i + 1 < n ? n - i : n + 1) / 3);
}

void near_begin(struct near *n, const char *word)
{
    *n = (struct near){.word = word, .distance = MOST + 1};
}

void near_offer(void *ctx, const char *word)
{
    struct near *n = ctx;
    const size_t nb = strlen(word), na = part(n->word, word, nb);
    unsigned d;

    if (na > NEAR_WORD || nb > NEAR_WORD)
        return;
    d = distance(n->word, na, word, nb);
    n->named |= !d;
    if (!d || d >= n->distance || d > allowed(n->word, na))
        return;
    n->distance = d;
    n->of_name = word[nb - 1] == '=';
    format(n->text, sizeof(n->text), "; did you mean '%s'?", word);
}

/* Another name is no help where the name is right. */
const char *near_text(const struct near *n)
{
    return n->named && n->of_name ? "" : n->text;
}

void near_values(const char *what, const char *const values[NEAR_VALUES],
                 char *out, size_t size)
{
    int n = format(out, size, ": %s", !values[0] && what ? what : "");

    for (unsigned v = 0; v < NEAR_VALUES && values[v]; v++)
        n += format(out + n, size - (size_t)n, "%s%s", v ? "|" : "", values[v]);
}
