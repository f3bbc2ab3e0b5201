/* SPDX-License-Identifier: MIT */
/* Any line: words within their bounds, a refusal in words, options read. */
#include <stdlib.h>
#include <string.h>

#include "guest/control/module_line.h"
#include "guest/control/usage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static const char *const usages[] = {
    "NAME SIZE",
    "IMAGE [fail|guest|shatter] [as NAME]",
    "[TEXT...]",
    "NAME running|suspended|gone|SIZE [SECONDS]",
    "KERNEL OPTIONS...",
    "NAME VA [kernel|user] [N]",
    "NAME [on|off|SECONDS]",
    "",
    "FIGURE =|!=|<|<= VALUE [SECONDS]"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct words w;
    struct args a;
    struct module_line m;
    char why[USAGE_WHY];

    if (words_split(&w, (const char *)data, size))
        return 0;
    for (unsigned i = 0; i < w.n; i++)
        must(w.rest[i] >= w.line && strlen(w.word[i]) <= strlen(w.rest[i]));
    for (unsigned i = 0; i < ARRAY_SIZE(usages); i++)
        if (!usage_read(usages[i], &w, 0, &a, why))
            must(strlen(why) > 0);
    if (!module_line_read(&m, w.line, why, sizeof(why)))
        must(strlen(why) > 0);
    else
        must(words_is_name(m.name) && m.mem && !(m.mem % PAGE_SIZE));
    return 0;
}
