/* SPDX-License-Identifier: MIT */
/*
 * line_kind.h: whether a line of text is words, for people, or figures, for
 * scripts: one that begins with "@{". A lone '@' is neither yet.
 */
#pragma once

#include "base.h"

enum line_kind { LINE_NEW, LINE_AT, LINE_FIGURES, LINE_WORDS };

/* What the line is with c behind what has come of it. */
static inline enum line_kind line_kind_after(enum line_kind kind, char c)
{
    if (c == '\n')
        return LINE_NEW;
    if (kind == LINE_NEW)
        return c == '\r' ? LINE_NEW : c == '@' ? LINE_AT : LINE_WORDS;
    if (kind == LINE_AT)
        return c == '{' ? LINE_FIGURES : LINE_WORDS;
    return kind;
}
