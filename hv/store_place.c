/* SPDX-License-Identifier: MIT */
/* store_place.c: paths and strings of a request, and its reply. */
#include "hv/store_request.h"

#include "hv/print.h"
#include "hv/string.h"

/* --- paths --------------------------------------------------------------- */

static bool path_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '/' || c == '_' ||
           c == '@';
}

static bool path_ok(const char *p)
{
    size_t n = strlen(p);

    if (n == 0 || (n > 1 && p[n - 1] == '/'))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!path_char(p[i]) || (p[i] == '/' && p[i + 1] == '/'))
            return false;
    return true;
}

void store_home(const struct domain *d, char home[STORE_HOME_ROOM])
{
    print_format(home, STORE_HOME_ROOM, STORE_HOME "%u", d->id);
}

/* false: no path at all, or longer than any here can be. */
static bool find_place(const struct domain *d, const char *given,
                       struct store_place *out)
{
    char home[STORE_HOME_ROOM];

    if (!path_ok(given))
        return false;
    store_home(d, home);
    out->absolute = *given == '/';
    out->home =
        *given != '@' && (!out->absolute || store_path_below(given, home));
    if (out->absolute && out->home) {
        given += strlen(home);
        given += *given == '/';
    }
    if (strlen(given) >= sizeof(out->path))
        return false;
    memcpy(out->path, given, strlen(given) + 1);
    return true;
}

/* --- strings of a request ------------------------------------------------ */

/* The first string, which is all of the body unless `rest` is wanted. */
const char *store_take_path(const struct store_request *r,
                            struct store_place *p, const char **rest,
                            unsigned *rest_len)
{
    size_t n = strlen(r->body) + 1;

    if (n > r->len || (!rest && n != r->len) || !find_place(r->d, r->body, p))
        return "EINVAL";
    if (rest) {
        *rest = r->body + n;
        *rest_len = r->len - (unsigned)n;
    }
    return NULL;
}

const char *store_reply(struct store_request *r, const void *p, size_t n)
{
    if (n > sizeof(r->reply))
        return "E2BIG";
    memcpy(r->reply, p, n);
    r->reply_len = (unsigned)n;
    return NULL;
}

const char *store_ok(struct store_request *r)
{
    return store_reply(r, "OK", 3);
}
