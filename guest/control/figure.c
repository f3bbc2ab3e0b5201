/* SPDX-License-Identifier: MIT */
/* figure.c: names beside places in the records the hypervisor fills in. */
#include "guest/control/figure.h"

#include "guest/control/ctl.h"
#include "guest/control/names.h"
#include "guest/control/words.h"
#include "guest/lib/guest.h"

#define M(f)                                                                   \
    {                                                                          \
#f, offsetof(struct flagstone_machine, f), 0                           \
    }
#define L(f)                                                                   \
    {                                                                          \
#f, offsetof(struct flagstone_layout, f), 0                            \
    }
#define D(f)                                                                   \
    {                                                                          \
#f, offsetof(struct flagstone_domain, f), 0                            \
    }
#define S(f)                                                                   \
    {                                                                          \
#f, offsetof(struct flagstone_domain, stats.f), 0                      \
    }

const struct figure figure_of_machine[] = {
    M(blocks),         M(blocks_free),
    M(reserve),        M(claimed),
    M(hv_blocks),      M(hv_frames),
    M(shared_blocks),  M(shared_free),
    M(ballast_blocks), M(ballast_frames),
    M(whole_regions),  M(domains),
    M(images),         M(image_pages),
    M(tsc_khz),        M(ns),
    M(ticks),          M(dirty),
    M(dirty_most),     M(scrubs),
    M(scrub_ns),       M(scrubs_waited),
    M(unscrubbed),     M(scrub_mib_s),
    M(reuse),          {0},
};

const struct figure figure_of_layout[] = {
    L(large_before), L(large_after), L(shattered), L(remap),
    L(supplied),     L(whole),       L(scattered), L(moved),
    L(healed),       L(ticks),       {0},
};

const struct figure figure_of_domain[] = {
    {"mem", offsetof(struct flagstone_domain, stats.tot_pages), PAGE_SHIFT},
    D(target),
    D(cpu_ns),
    D(born_whole),
    D(quota),
    D(charged),
    {"joined_blocks", offsetof(struct flagstone_domain, joined), 0},
    D(reserved),
    D(reported),
    D(reports),
    D(not_back),
    D(super_refused),
    D(vcpus_up),
    D(vcpus_target),
    S(tot_pages),
    S(max_pages),
    S(blocks_whole),
    S(blocks_cut),
    S(superpage_maps),
    S(pt_l1),
    S(pt_l2),
    S(pt_l3),
    S(pt_l4),
    S(hypercalls),
    S(faults),
    S(accounting_bytes),
    S(frames_shared),
    S(holes),
    S(ranges_scattered),
    S(ranges_shattered),
    S(ranges_remap),
    S(supplied),
    S(healed),
    S(restores),
    S(split),
    S(joined),
    S(events),
    S(events_lost),
    S(hv_l1),
    S(hv_ticks),
    S(own_ranges),
    S(own_l1),
    S(own_ticks),
    {0},
};

static struct flagstone_layout last;

void figure_set_layout(const struct flagstone_layout *l)
{
    last = *l;
}

/* "scope.figure", split; false: it is not of that form. */
static bool split(const char *text, char scope[WORDS_NAME], const char **name)
{
    size_t n = strlen(text), dot = n;

    while (dot && text[dot - 1] != '.')
        dot--;
    if (dot < 2 || dot > WORDS_NAME)
        return false;
    memcpy(scope, text, dot - 1);
    scope[dot - 1] = '\0';
    *name = text + dot;
    return words_is_name(scope);
}

static const struct figure *find(const char *scope, const char *name)
{
    const struct figure *f = figure_of_domain;

    if (!strcmp(scope, "machine"))
        f = figure_of_machine;
    if (!strcmp(scope, "last"))
        f = figure_of_layout;
    for (; f->name; f++)
        if (!strcmp(f->name, name))
            return f;
    return NULL;
}

static const struct figure *read_name(const char *text, char scope[WORDS_NAME])
{
    const struct figure *f = NULL;
    const char *name;

    if (split(text, scope, &name))
        f = find(scope, name);
    if (!f)
        refuse("'%.60s' is no figure: see stat", text);
    return f;
}

bool figure_known(const char *text)
{
    char scope[WORDS_NAME];

    if (!read_name(text, scope))
        return false;
    return !strcmp(scope, "machine") || !strcmp(scope, "last") ||
           names_use(NAMES_DOMAIN, scope);
}

bool figure_read(const char *text, uint64_t *value)
{
    struct flagstone_domain d;
    struct flagstone_machine m;
    char scope[WORDS_NAME];
    const struct figure *f = read_name(text, scope);

    if (!f)
        return false;
    if (!strcmp(scope, "last")) {
        *value = figure_at(f, &last);
        return true;
    }
    if (!strcmp(scope, "machine")) {
        if (!ctl_machine(&m))
            return false;
        *value = figure_at(f, &m);
        return true;
    }
    if (!ctl_domain(scope, &d))
        return false;
    *value = figure_at(f, &d);
    return true;
}
