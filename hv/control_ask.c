/* SPDX-License-Identifier: MIT */
/* control_ask.c: what a guest is asked for and does when it likes. */
#include "hv/control_op.h"

#include "hv/store.h"

enum err control_ask(struct control_call *call)
{
    static const char *const words[] = {
        [FLAGSTONE_ASK_poweroff] = "poweroff",
        [FLAGSTONE_ASK_reboot] = "reboot",
        [FLAGSTONE_ASK_suspend] = "suspend",
    };
    struct flagstone_control *c = call->c;
    struct domain *d = control_find(call);

    if (!d)
        return ERR_SRCH;
    if (c->n >= ARRAY_SIZE(words))
        return fail(c->text, ERR_INVAL, "nothing to ask for is numbered %lu",
                    c->n);
    if (!domain_runs(d))
        return fail(c->text, ERR_INVAL, "%s does not run", d->name);
    store_ask(d, words[c->n]);
    return ERR_NONE;
}

enum err control_target(struct control_call *call)
{
    struct flagstone_control *c = call->c;
    struct domain *d = control_find(call);

    if (!d)
        return ERR_SRCH;
    if (!c->n || c->n > d->mm.max_pages)
        return fail(c->text, ERR_INVAL, "%s may have 1 to %lu pages, not %lu",
                    d->name, d->mm.max_pages, c->n);
    store_set_target(d, c->n);
    return ERR_NONE;
}
