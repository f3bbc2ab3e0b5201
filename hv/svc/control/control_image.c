/* SPDX-License-Identifier: MIT */
/*
 * control_image.c: suspended domains and their images. The work is in
 * migrate.c, images.c and transfer.c; each of these is called until it is done.
 */
#include "hv/svc/control/control_op.h"

#include "hv/base/string.h"
#include "hv/domain/guest.h"
#include "hv/svc/migrate/images.h"
#include "hv/svc/migrate/migrate.h"
#include "hv/svc/migrate/transfer.h"

/* By c->name; NULL: the text says so. */
static struct held_image *find(struct flagstone_control *c)
{
    struct held_image *h = images_find(c->name);

    if (!h)
        (void)fail(c->text, ERR_NOENT, "there is no image '%s'", c->name);
    return h;
}

/* --- domains ------------------------------------------------------------- */

enum err control_resume(struct control_call *call)
{
    struct domain *d = control_find(call);

    return d ? migrate_resume(d, call->c->text) : ERR_SRCH;
}

enum err control_relocate(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct domain *d = control_find(call);

    return d ? migrate_relocate(d, &c->layout, c->text) : ERR_SRCH;
}

enum err control_save(struct control_call *call)
{
    struct domain *d = control_find(call);

    return d ? migrate_save(d, call->c->name, call->c->text) : ERR_SRCH;
}

static enum err read_rename(struct flagstone_control *c, char *name)
{
    memset(name, 0, FLAGSTONE_NAME);
    if (c->len >= FLAGSTONE_NAME)
        return fail(c->text, ERR_INVAL, "a name is at most %u characters",
                    FLAGSTONE_NAME - 1);
    if (guest_read(name, c->data, c->len))
        return fail(c->text, ERR_INVAL, "cannot read the name at %lx", c->data);
    return ERR_NONE;
}

enum err control_restore(struct control_call *call)
{
    static char rename[FLAGSTONE_NAME]; /* read once */
    struct flagstone_control *c = call->c;
    struct domain *d;
    enum err rc = call->again ? ERR_NONE : read_rename(c, rename);

    if (!rc)
        rc = migrate_restore(c->name, rename, (enum flagstone_restore)c->policy,
                             &d, &c->layout, c->text);
    if (!rc)
        c->domid = d->id;
    return rc;
}

/* --- images -------------------------------------------------------------- */

enum err control_image(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    const struct held_image *h = images_nth(c->n);

    if (!h)
        return fail(c->text, ERR_NOENT, "there is no image %lu", c->n);
    images_tell(h, &c->image);
    return ERR_NONE;
}

enum err control_image_drop(struct control_call *call)
{
    struct held_image *h = find(call->c);

    return h ? images_drop(h, call->c->text) : ERR_NOENT;
}

enum err control_image_check(struct control_call *call)
{
    struct held_image *h = find(call->c);

    return h ? images_check(h, call->c->text) : ERR_NOENT;
}

enum err control_image_poke(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct held_image *h = find(c);

    return h ? images_poke(h, c->offset, (uint8_t)c->n, c->text) : ERR_NOENT;
}

enum err control_image_truncate(struct control_call *call)
{
    struct held_image *h = find(call->c);

    return h ? images_truncate(h, call->c->n, call->c->text) : ERR_NOENT;
}

enum err control_image_send(struct control_call *call)
{
    struct held_image *h = find(call->c);

    return h ? transfer_send(h, call->again, call->c->text) : ERR_NOENT;
}

enum err control_image_receive(struct control_call *call)
{
    struct flagstone_control *c = call->c;

    return transfer_receive(c->name, c->n, call->again, c->text);
}
