/* SPDX-License-Identifier: MIT */
/*
 * names.c: what lines make is kept here; what is there is asked for, each time,
 * since nothing is changed by a check.
 *
 * Invariant: within a kind no name is kept twice.
 */
#include "guest/control/names.h"

#include "guest/control/ctl.h"
#include "guest/control/near.h"
#include "guest/control/scenario.h"
#include "guest/control/value.h"
#include "guest/control/words.h"
#include "guest/lib/guest.h"

#define KEPT 500u /* of each kind: those of loops, too */

struct known {
    char name[WORDS_NAME];
    char of[WORDS_NAME]; /* of an image: its domain, "" if that is not known */
};

static struct known known[NAMES_KINDS][KEPT];
static unsigned used[NAMES_KINDS];
static bool anybody; /* an image that comes from elsewhere is restored */
static bool failing;

static const char *const words[NAMES_KINDS] = {[NAMES_DOMAIN] = "domain",
                                               [NAMES_IMAGE] = "image",
                                               [NAMES_LABEL] = "label"};

void names_begin(void)
{
    memset(used, 0, sizeof(used));
    anybody = failing = false;
}

bool names_fail(bool fails)
{
    const bool before = failing;

    failing = fails;
    return before;
}

static bool looks(void)
{
    return scenario_checks() && !failing;
}

static struct known *find(enum names_kind kind, const char *name)
{
    for (unsigned i = 0; i < used[kind]; i++)
        if (!strcmp(known[kind][i].name, name))
            return &known[kind][i];
    return NULL;
}

/* --- what is there -------------------------------------------------------- */

/* One that was started at boot may have gone by now. */
static bool domain_is_there(const char *name)
{
    struct flagstone_domain d;
    struct flagstone_module m;

    return ctl_has_domain(name, &d) ||
           ctl_module(FLAGSTONE_MODULE_guest, name, &m) >= 0;
}

static bool image_is_there(const char *name, struct flagstone_image *i)
{
    for (uint64_t n = 0; ctl_nth_image(n, i); n++)
        if (!strcmp(i->name, name))
            return true;
    return false;
}

static bool is_there(enum names_kind kind, const char *name)
{
    struct flagstone_image i;

    switch (kind) {
    case NAMES_DOMAIN:
        return anybody || domain_is_there(name);
    case NAMES_IMAGE:
        return image_is_there(name, &i);
    default:
        return value_label_there(name);
    }
}

bool names_use(enum names_kind kind, const char *name)
{
    if (!looks() || find(kind, name) || is_there(kind, name))
        return true;
    return refuse("there is no %s named '%.40s', and no line before this one "
                  "makes one",
                  words[kind], name);
}

static bool no_kernel(const char *name)
{
    struct flagstone_module m;
    struct near near;

    near_begin(&near, name);
    for (uint64_t n = 0; ctl_nth_module(n, &m); n++)
        if (m.kind == FLAGSTONE_MODULE_kernel)
            near_offer(&near, m.name);
    return refuse("there is no kernel '%.40s'%s", name, near_text(&near));
}

/* No line makes one, so that is known at the prompt, too. */
bool names_use_kernel(const char *name)
{
    struct flagstone_module m;

    return failing || ctl_module(FLAGSTONE_MODULE_kernel, name, &m) >= 0 ||
           no_kernel(name);
}

/* --- what lines make ------------------------------------------------------ */

static struct known *make(enum names_kind kind, const char *name)
{
    struct known *k = find(kind, name);

    if (k)
        return k;
    if (used[kind] == KEPT) {
        refuse("more than %u names of a %s", KEPT, words[kind]);
        return NULL;
    }
    k = &known[kind][used[kind]++];
    *k = (struct known){.of = ""};
    format(k->name, sizeof(k->name), "%s", name);
    return k;
}

bool names_make(enum names_kind kind, const char *name)
{
    return !looks() || make(kind, name);
}

bool names_make_image(const char *image, const char *domain)
{
    struct known *k;

    if (!looks())
        return true;
    k = make(NAMES_IMAGE, image);
    if (k)
        format(k->of, sizeof(k->of), "%s", domain ? domain : "");
    return k;
}

bool names_make_from(const char *image)
{
    const struct known *k = find(NAMES_IMAGE, image);
    struct flagstone_image i;

    if (!looks())
        return true;
    if (k && k->of[0])
        return make(NAMES_DOMAIN, k->of);
    if (!k && image_is_there(image, &i))
        return make(NAMES_DOMAIN, i.domain);
    anybody = true;
    return true;
}
