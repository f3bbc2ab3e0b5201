/* SPDX-License-Identifier: MIT */
/*
 * images.c: see images.h. Each image's memory belongs to an owner of its own,
 * so that no domain can name it and the audit counts it.
 */
#include "hv/svc/migrate/images.h"

#include "hv/arch/ipi.h"
#include "hv/arch/layout.h"
#include "hv/arch/memory.h"
#include "hv/base/fail.h"
#include "hv/base/string.h"
#include "hv/svc/migrate/freeze.h"
#include "hv/svc/migrate/migrate.h"

_Static_assert(sizeof(struct held_image) <= PAGE_SIZE, "one frame each");

static struct held_image *images; /* in the order they came */

/* The check that is under way. */
static struct image_check check;
static struct held_image *checking;

struct held_image *images_find(const char *name)
{
    struct held_image *h = images;

    while (h && strcmp(h->name, name) != 0)
        h = h->next;
    return h;
}

struct held_image *images_nth(uint64_t n)
{
    struct held_image *h = images;

    while (h && n--)
        h = h->next;
    return h;
}

uint64_t images_count(void)
{
    uint64_t n = 0;

    for (const struct held_image *h = images; h; h = h->next)
        n++;
    return n;
}

uint64_t images_pages(void)
{
    uint64_t n = 0;

    for (const struct held_image *h = images; h; h = h->next)
        n += h->image.nr_pages;
    return n;
}

/* --- coming -------------------------------------------------------------- */

static bool owner_used(unsigned id)
{
    const struct held_image *h = images;

    while (h && h->image.store.id != id)
        h = h->next;
    return h;
}

/* 0: there are as many images as there can be. */
static domid_t free_owner(void)
{
    unsigned id = OWNER_IMAGE_FIRST;

    while (id <= OWNER_IMAGE_LAST && owner_used(id))
        id++;
    return id <= OWNER_IMAGE_LAST ? (domid_t)id : 0;
}

static void list_add(struct held_image *h)
{
    struct held_image **p = &images;

    while (*p)
        p = &(*p)->next;
    *p = h;
}

static void free_object(struct held_image *h)
{
    alloc_hv_put(&hv_mm, mfn_of_maddr(maddr_of_direct(h)), 0);
}

enum err images_new(const char *name, struct held_image **out, char *text)
{
    struct held_image *h;
    domid_t owner = free_owner();
    mfn_t m;

    if (!freeze_name_ok(name))
        return fail(text, ERR_INVAL, "that is no name for an image");
    if (images_find(name))
        return fail(text, ERR_EXIST, "there is an image %s already", name);
    if (!owner || alloc_hv_get(&hv_mm, 0, &m))
        return fail(text, ERR_NOMEM, "no memory for another image");
    h = mm_frame_ptr(&hv_mm, m);
    if (image_init(&h->image, &hv_mm, owner, hv_mm.nr_frames)) {
        free_object(h);
        return fail(text, ERR_NOMEM, "no memory for another image");
    }
    memcpy(h->name, name, strlen(name));
    list_add(h);
    *out = h;
    return ERR_NONE;
}

/* --- going --------------------------------------------------------------- */

/* What was found out about it is not so any more. */
static enum err may_change(struct held_image *h, char *text)
{
    if (migrate_uses_image(h))
        return fail(text, ERR_BUSY, "image %s is being written or read",
                    h->name);
    if (checking == h)
        checking = NULL;
    return ERR_NONE;
}

static void unlist(const struct held_image *h)
{
    struct held_image **p = &images;

    while (*p != h)
        p = &(*p)->next;
    *p = h->next;
}

enum err images_drop(struct held_image *h, char *text)
{
    enum err rc = may_change(h, text);

    if (!rc)
        rc = images_discard(h);
    return rc;
}

enum err images_discard(struct held_image *h)
{
    enum err rc;

    h->image.bytes = 0; /* nobody reads it between two steps */
    rc = image_free(&h->image);
    if (rc)
        return rc;
    unlist(h);
    free_object(h);
    return ERR_NONE;
}

void images_forget(void)
{
    while (images)
        while (images_discard(images) == ERR_RESTART)
            ipi_serve();
}

/* --- looking ------------------------------------------------------------- */

void images_describe(struct held_image *h)
{
    const struct image_header *i = image_header(&h->image);
    struct freeze_domain d;

    h->domain_pages = i->nr_frames;
    h->large = i->large;
    if (i->section[IMAGE_HV].bytes < sizeof(d))
        return;
    image_read(&h->image, IMAGE_HV, 0, &d, sizeof(d));
    if (d.magic == FREEZE_MAGIC && freeze_name_ok(d.name))
        memcpy(h->domain, d.name, sizeof(h->domain));
}

enum err images_check(struct held_image *h, char *text)
{
    enum err rc;

    if (migrate_uses_image(h))
        return fail(text, ERR_BUSY, "image %s is being written or read",
                    h->name);
    if (checking != h)
        image_check_begin(&check, &h->image);
    checking = h;
    rc = image_check_step(&check);
    if (rc == ERR_RESTART)
        return rc;
    checking = NULL;
    if (rc)
        return fail(text, rc, "image %s: %s", h->name, check.job.why);
    images_describe(h);
    return ERR_NONE;
}

void images_tell(const struct held_image *h, struct flagstone_image *out)
{
    *out = (struct flagstone_image){
        .bytes = h->image.bytes,
        .pages = h->image.nr_pages,
        .domain_pages = h->domain_pages,
        .large = h->large,
    };
    memcpy(out->name, h->name, sizeof(out->name));
    memcpy(out->domain, h->domain, sizeof(out->domain));
}

/* --- damage -------------------------------------------------------------- */

enum err images_poke(struct held_image *h, uint64_t offset, uint8_t flip,
                     char *text)
{
    enum err rc = may_change(h, text);

    if (rc)
        return rc;
    if (offset >= h->image.bytes)
        return fail(text, ERR_INVAL, "image %s has %lu bytes, none at %lu",
                    h->name, h->image.bytes, offset);
    ((uint8_t *)image_page(&h->image,
                           offset >> PAGE_SHIFT))[offset % PAGE_SIZE] ^= flip;
    return ERR_NONE;
}

enum err images_truncate(struct held_image *h, uint64_t bytes, char *text)
{
    enum err rc = may_change(h, text);

    if (rc)
        return rc;
    if (bytes > h->image.bytes)
        return fail(text, ERR_INVAL, "image %s has only %lu bytes", h->name,
                    h->image.bytes);
    image_truncate(&h->image, bytes);
    return ERR_NONE;
}
