/* SPDX-License-Identifier: MIT */
/*
 * grant_table.c: grant_table_op: lists of requests, each with a status of its
 * own, and naming domains. What a grant is and does is mm/pv/grant.h's.
 *
 * Invariants: each request is read once, into a private copy, and is an
 * operation of its own, on the domains that it names. It has a reference of
 * another domain for as long as that takes, and no longer; whether that one's
 * memory may be touched is seen with both domains' memory locks (grant.h).
 */
#include "xen/grant_table.h"

#include "hv/call/hypercall.h"
#include "hv/domain/guest.h"
#include "hv/domain/tlb.h"
#include "mm/pv/grant.h"

/* Any of them, as copied in and out. */
union request {
    struct gnttab_map_grant_ref map;
    struct gnttab_unmap_grant_ref unmap;
    struct gnttab_unmap_and_replace replace;
    struct gnttab_setup_table setup;
    struct gnttab_transfer transfer;
    struct gnttab_copy copy;
    struct gnttab_query_size size;
    struct gnttab_get_status_frames status_frames;
};

/* NULL: there is none. It stays until it is let go of, as one's own does. */
static struct domain *find(const struct vcpu *v, domid_t id)
{
    return id == DOMID_SELF || id == v->d->id ? v->d : domain_get(id);
}

/* d: NULL, or what was found. */
static void let_go(const struct vcpu *v, struct domain *d)
{
    if (d && d != v->d)
        domain_put(d);
}

/* GNTST_* of what was found: it may end at any time, and not be dying yet. */
static int status_of(const struct domain *d)
{
    return d && __atomic_load_n(&d->end, __ATOMIC_RELAXED) == DOMAIN_ALIVE
               ? GNTST_okay
               : GNTST_bad_domain;
}

/* What may only be asked about oneself. */
static int16_t self_status(const struct vcpu *v, domid_t id)
{
    switch (domain_self(v->d, id)) {
    case ERR_NONE:
        return GNTST_okay;
    case ERR_PERM:
        return GNTST_permission_denied;
    default:
        return GNTST_bad_domain;
    }
}

/* --- one request ---------------------------------------------------------- */

static enum err map(struct vcpu *v, union request *r)
{
    struct gnttab_map_grant_ref *m = &r->map;
    struct grant_request ask = {
        .host_addr = m->host_addr, .flags = m->flags, .ref = m->ref};
    struct domain *from = find(v, m->dom);
    int status = status_of(from);
    struct mm_op op, theirs;

    if (!status) {
        mm_op_begin_two(&op, &v->d->mm, &v->mm, &theirs, &from->mm);
        status = grant_map(&op, &theirs, &ask);
        mm_op_end_two(&op, &theirs);
    }
    let_go(v, from);
    m->status = (int16_t)status;
    if (!status) {
        m->handle = ask.handle;
        m->dev_bus_addr = ask.mfn.v << PAGE_SHIFT;
    }
    return ERR_NONE;
}

/*
 * What a handle is given up for concerns the domain whose grant it is, too: one
 * that is there while there is such a handle, be it taken apart by then.
 */
static struct domain *granter_of(struct vcpu *v, uint32_t handle)
{
    struct mm_op op;
    domid_t id;

    mm_op_begin(&op, &v->d->mm, &v->mm);
    id = grant_granter(&op, handle);
    mm_op_end(&op);
    return id == v->d->id ? v->d : domain_get_going(id);
}

static int16_t give_up(struct vcpu *v, uint32_t handle, uint64_t host_addr,
                       uint64_t dev_addr, uint64_t new_addr)
{
    struct domain *from = granter_of(v, handle);
    struct mm_op op, theirs;
    int status;

    if (!from)
        return GNTST_bad_handle;
    mm_op_begin_two(&op, &v->d->mm, &v->mm, &theirs, &from->mm);
    status = new_addr ? grant_replace(&op, &theirs, handle, host_addr, new_addr)
                      : grant_unmap(&op, &theirs, handle, host_addr, dev_addr);
    mm_op_end_two(&op, &theirs);
    let_go(v, from);
    return (int16_t)status;
}

static enum err unmap(struct vcpu *v, union request *r)
{
    const struct gnttab_unmap_grant_ref *u = &r->unmap;

    r->unmap.status = give_up(v, u->handle, u->host_addr, u->dev_bus_addr, 0);
    return ERR_NONE;
}

static enum err replace(struct vcpu *v, union request *r)
{
    struct gnttab_unmap_and_replace *u = &r->replace;

    u->status = give_up(v, u->handle, u->host_addr, 0, u->new_addr);
    return ERR_NONE;
}

static enum err transfer(struct vcpu *v, union request *r)
{
    struct gnttab_transfer *t = &r->transfer;
    struct domain *to = find(v, t->domid);
    int status = status_of(to);
    struct mm_op op, theirs;

    if (!status) {
        mm_op_begin_two(&op, &v->d->mm, &v->mm, &theirs, &to->mm);
        status = grant_transfer(&op, &theirs, t->ref, mfn_of(t->mfn));
        mm_op_end_two(&op, &theirs);
    }
    let_go(v, to);
    t->status = (int16_t)status;
    return ERR_NONE;
}

/* Without a grant the frame can only be one's own. *of is to be let go of. */
static int copy_end(const struct vcpu *v, const struct gnttab_copy_ptr *p,
                    bool granted, struct domain **of, struct grant_end *out)
{
    *out = (struct grant_end){.granted = granted, .offset = p->offset};
    *of = granted ? find(v, p->domid) : v->d;
    if (*of)
        out->d = &(*of)->mm;
    if (granted) {
        out->ref = p->u.ref;
        return status_of(*of);
    }
    out->mfn = mfn_of(p->u.gmfn);
    return p->domid == DOMID_SELF ? GNTST_okay : GNTST_permission_denied;
}

static enum err copy(struct vcpu *v, union request *r)
{
    struct gnttab_copy *c = &r->copy;
    struct domain *source, *dest = NULL;
    struct grant_end from, to;
    int status =
        copy_end(v, &c->source, c->flags & GNTCOPY_source_gref, &source, &from);

    if (!status)
        status =
            copy_end(v, &c->dest, c->flags & GNTCOPY_dest_gref, &dest, &to);
    if (!status)
        status = grant_copy(&v->d->mm, &from, &to, c->len);
    let_go(v, source);
    let_go(v, dest);
    c->status = (int16_t)status;
    return ERR_NONE;
}

static enum err grow(struct vcpu *v, uint32_t nr)
{
    struct mm_op op;
    enum err rc;

    mm_op_begin(&op, &v->d->mm, &v->mm);
    rc = grant_setup(&op, nr);
    mm_op_end(&op);
    return rc;
}

/* Frames that the table has once grown to stay what they are. */
static enum err setup(struct vcpu *v, union request *r)
{
    struct gnttab_setup_table *s = &r->setup;

    s->status = self_status(v, s->dom);
    if (!s->status && grow(v, s->nr_frames))
        s->status = GNTST_general_error;
    for (uint32_t i = 0; !s->status && i < s->nr_frames; i++)
        if (guest_write64(s->frame_list + i * sizeof(uint64_t),
                          grant_frame(&v->d->mm, i).v))
            return ERR_FAULT;
    return ERR_NONE;
}

static enum err size(struct vcpu *v, union request *r)
{
    struct gnttab_query_size *q = &r->size;
    struct mm_op op;

    q->status = self_status(v, q->dom);
    if (q->status)
        return ERR_NONE;
    mm_op_begin(&op, &v->d->mm, &v->mm);
    q->nr_frames = grant_nr_frames(op.d);
    mm_op_end(&op);
    q->max_nr_frames = GRANT_FRAMES;
    return ERR_NONE;
}

/* Of version 2, so there are none; asking for none is right. */
static enum err status_frames(struct vcpu *v, union request *r)
{
    struct gnttab_get_status_frames *s = &r->status_frames;

    if (!guest_range_ok(s->frame_list, s->nr_frames * sizeof(uint64_t)))
        return ERR_FAULT;
    s->status = self_status(v, s->dom);
    if (!s->status && s->nr_frames)
        s->status = GNTST_general_error;
    return ERR_NONE;
}

/* --- lists ---------------------------------------------------------------- */

static const struct kind {
    enum err (*fn)(struct vcpu *v, union request *r);
    uint8_t size;
    bool single;
} kinds[] = {
    [GNTTABOP_map_grant_ref] = {map, sizeof(struct gnttab_map_grant_ref), 0},
    [GNTTABOP_unmap_grant_ref] = {unmap, sizeof(struct gnttab_unmap_grant_ref),
                                  0},
    [GNTTABOP_setup_table] = {setup, sizeof(struct gnttab_setup_table), 1},
    [GNTTABOP_transfer] = {transfer, sizeof(struct gnttab_transfer), 0},
    [GNTTABOP_copy] = {copy, sizeof(struct gnttab_copy), 0},
    [GNTTABOP_query_size] = {size, sizeof(struct gnttab_query_size), 1},
    [GNTTABOP_unmap_and_replace] = {replace,
                                    sizeof(struct gnttab_unmap_and_replace), 0},
    [GNTTABOP_get_status_frames] = {status_frames,
                                    sizeof(struct gnttab_get_status_frames), 1},
};

static enum err one(struct vcpu *v, const struct kind *k, uint64_t at)
{
    union request r;
    enum err rc = guest_read(&r, at, k->size);

    if (!rc)
        rc = k->fn(v, &r);
    return rc ? rc : guest_write(at, &r, k->size);
}

static long list(struct vcpu *v, uint32_t cmd, uint64_t at, uint32_t count)
{
    const struct kind *k = &kinds[cmd];
    enum err rc = ERR_NONE;

    if (k->single && count != 1)
        return -XEN_EINVAL;
    for (bool first = true; count && !rc; first = false) {
        if (!first && cpu_preempt())
            return hypercall_continue(grant_table_op, cmd, at, count);
        rc = one(v, k, at);
        at += k->size;
        count--;
    }
    return errno_of(rc);
}

/* --- the version ---------------------------------------------------------- */

static long set_version(uint64_t arg)
{
    struct gnttab_set_version s;
    long rc = 0;

    if (guest_read(&s, arg, sizeof(s)))
        return -XEN_EFAULT;
    if (s.version != 1)
        rc = s.version == 2 ? -XEN_ENOSYS : -XEN_EINVAL;
    s.version = 1;
    return guest_write(arg, &s, sizeof(s)) ? -XEN_EFAULT : rc;
}

static long get_version(const struct vcpu *v, uint64_t arg)
{
    struct gnttab_get_version g;
    enum err rc;

    if (guest_read(&g, arg, sizeof(g)))
        return -XEN_EFAULT;
    rc = domain_self(v->d, g.dom);
    g.version = 1;
    return errno_of(rc ? rc : guest_write(arg, &g, sizeof(g)));
}

UNLOCKED_HYPERCALL3(grant_table_op, uint32_t, cmd, uint64_t, arg, uint32_t,
                    count)
{
    struct vcpu *v = current_vcpu();

    if (count > INT32_MAX)
        return -XEN_EINVAL;
    if (cmd < ARRAY_SIZE(kinds) && kinds[cmd].fn)
        return list(v, cmd, arg, count);
    switch (cmd) {
    case GNTTABOP_set_version:
        return set_version(arg);
    case GNTTABOP_get_version:
        return get_version(v, arg);
    default: /* of version 2, or about caches nobody controls */
        return -XEN_ENOSYS;
    }
}
