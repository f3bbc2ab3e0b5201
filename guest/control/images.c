/* SPDX-License-Identifier: MIT */
/* images.c: commands about saved domains. */
#include "guest/control/command.h"
#include "guest/control/ctl.h"
#include "guest/control/names.h"
#include "guest/control/policy.h"
#include "guest/control/story.h"
#include "guest/lib/guest.h"

#define RECEIVE_MS UINT64_C(60000)

static bool run_save(const struct args *a)
{
    struct flagstone_domain d;
    struct flagstone_image i;
    struct flagstone_control *c;

    if (!ctl_domain(a->slot[0].text, &d))
        return false;
    c = ctl_named(FLAGSTONE_CTL_save, a->slot[1].text);
    c->domid = d.domid;
    if (!ctl_run(c) || !ctl_image(a->slot[1].text, &i))
        return false;
    printk("saved '%s' as '%s': %lu KiB of image for %lu MiB of memory, %lu "
           "superpage mappings\n",
           d.name, i.name, i.bytes >> 10, i.domain_pages >> 8, i.large);
    return true;
}

static bool run_restore(const struct args *a)
{
    const char *image = a->slot[0].text, *as = a->slot[2].text;
    enum flagstone_restore policy =
        a->slot[1].text ? (enum flagstone_restore)a->slot[1].choice
                        : policy_restore();
    struct flagstone_image i;
    struct flagstone_control *c;
    bool ok;

    if (!ctl_image(image, &i) ||
        !policy_make_room((i.domain_pages + BLOCK_FRAMES - 1) / BLOCK_FRAMES))
        return false;
    c = ctl_named(FLAGSTONE_CTL_restore, image);
    c->policy = policy;
    c->data = (uint64_t)as;
    c->len = as ? strlen(as) : 0;
    ok = ctl_run(c);
    if (ok)
        ctl_remember(as ? as : i.domain);
    story_restored(as ? as : i.domain, policy, i.large, ok ? &c->layout : NULL);
    return ok;
}

static bool check_save(const struct args *a)
{
    return names_make_image(a->slot[1].text, a->slot[0].text);
}

static bool check_restore(const struct args *a)
{
    return a->slot[2].text ? names_make(NAMES_DOMAIN, a->slot[2].text)
                           : names_make_from(a->slot[0].text);
}

static bool check_receive(const struct args *a)
{
    return names_make_image(a->slot[0].text, NULL);
}

static bool run_images(const struct args *a)
{
    struct flagstone_image i;

    (void)a;
    printk("image           of                MiB      KiB   large\n");
    for (uint64_t n = 0; ctl_nth_image(n, &i); n++)
        printk("%-15s %-15s %5lu %8lu %7lu\n", i.name, i.domain,
               i.domain_pages >> 8, i.bytes >> 10, i.large);
    return true;
}

static bool on_image(enum flagstone_control_cmd cmd, const struct args *a)
{
    return ctl_run(ctl_named(cmd, a->slot[0].text));
}

static bool run_drop(const struct args *a)
{
    return on_image(FLAGSTONE_CTL_image_drop, a);
}

static bool run_check(const struct args *a)
{
    if (!on_image(FLAGSTONE_CTL_image_check, a))
        return false;
    printk("image '%s' is sound\n", a->slot[0].text);
    return true;
}

static bool run_damage(const struct args *a)
{
    struct flagstone_control *c =
        ctl_named(FLAGSTONE_CTL_image_poke, a->slot[0].text);

    c->offset = a->slot[1].value;
    c->n = a->slot[2].text ? a->slot[2].value & 0xff : 0x40;
    return ctl_run(c);
}

static bool run_truncate(const struct args *a)
{
    struct flagstone_control *c =
        ctl_named(FLAGSTONE_CTL_image_truncate, a->slot[0].text);

    c->n = a->slot[1].value;
    return ctl_run(c);
}

static bool run_send(const struct args *a)
{
    return on_image(FLAGSTONE_CTL_image_send, a);
}

/* What has come is kept only if it is sound. */
static bool check_received(const char *name)
{
    char why[SHELL_WHY];

    if (ctl_run(ctl_named(FLAGSTONE_CTL_image_check, name)))
        return true;
    format(why, sizeof(why), "%s", shell_why());
    return ctl_run(ctl_named(FLAGSTONE_CTL_image_drop, name)) &&
           refuse("%s", why);
}

static bool run_receive(const struct args *a)
{
    const char *name = a->slot[0].text;
    struct flagstone_control *c = ctl_named(FLAGSTONE_CTL_image_receive, name);

    c->n = a->slot[1].text ? MIN(a->slot[1].value, 3600u) * 1000 : RECEIVE_MS;
    if (!ctl_run(c) || !check_received(name))
        return false;
    printk("received image '%s'\n", name);
    return true;
}

const struct command command_images[] = {
    {"save", "NAME NEWIMAGE", "keep a suspended domain as an image", run_save,
     check_save, false},
    {"restore", "IMAGE [fail|guest|shatter] [as NEWNAME]",
     "a domain from an image; without whole blocks as the policy says",
     run_restore, check_restore, false},
    {"images", "", "all images", run_images, NULL, false},
    {"drop", "IMAGE", "forget an image", run_drop, NULL, false},
    {"check", "IMAGE", "is it whole and undamaged?", run_check, NULL, false},
    {"damage", "IMAGE OFFSET [N]", "change a byte of an image (xor N)",
     run_damage, NULL, false},
    {"truncate", "IMAGE BYTES", "cut an image off", run_truncate, NULL, false},
    {"send", "IMAGE", "an image out to another machine", run_send, NULL, false},
    {"migrate", "IMAGE", "the same as send", run_send, NULL, false},
    {"receive", "NEWIMAGE [SECONDS]", "an image in from another machine",
     run_receive, check_receive, false},
    {0},
};
